"""The models of a bundle of format 2: hand stage → readings → sign network → quantization."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.landmark_files import read_landmark_files
from edge_asl.evaluation.kept import conditions_from
from edge_asl.evaluation.metrics import Predictions
from edge_asl.hands.models import HandModels, hand_models_for
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.context import BuildContext
from edge_asl.pipeline.models import FLOAT_PROBABILITIES, HISTORY, Models, common_fields
from edge_asl.pipeline.people import cool, fit_temperature, fit_threshold, folds_of, weights_of, weights_of_measured
from edge_asl.pipeline.readings import read_hands
from edge_asl.pipeline.rehearsal import rehearsal_set
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.facts import Tensor as GraphTensor
from edge_asl.tflite.graph import load_model, read_graphs
from edge_asl.training.measured import fitted
from edge_asl.training.readings import DEVICE_VIEWS, Readings, load_readings, save_readings
from edge_asl.training.training_file import TrainingFile
from edge_asl_device.contract.decode import probabilities
from edge_asl_device.contract.hand_features import SIGN_INPUTS, parts_of, standardised, to_tensor
from edge_asl_device.contract.manifest import (
    HAND_MODELS,
    LANDMARKS,
    LANDMARKS_MODEL,
    MODEL,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    PALMS,
    PALMS_MODEL,
    SCALING,
    SIGN,
    Crop,
    Features,
    HandManifest,
    Metrics,
    Model,
)
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.files import sha256_of, write_atomically
from edge_asl_device.inference.engine import TfliteEngine

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.sign_network import MeasuredShapes, SignNet

NOTICE = "NOTICE.txt"
READINGS = "readings.npz"
SIGN_WEIGHTS = "sign-weights.npz"
LEFT_OUT = "left-out.npz"
CALIBRATION = 500


class LeftOut(NamedTuple):
    """What networks said of pictures whose people they had not seen, and what follows from it."""

    quantized: NDArray[np.float32]
    """(pictures, classes): probabilities of the int8 networks, temperature included; zeros where no hand was found, and
    for pictures of the test part."""
    plain: NDArray[np.float32]
    """The same of the float networks."""
    temperature: float
    """What the logits are divided by."""
    threshold: float
    """From which probability on an answer is sure enough."""


def load_left_out(path: Path) -> LeftOut:
    """What a build has written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = file["quantized"], file["plain"]
        return LeftOut(*arrays, float(file["temperature"]), float(file["threshold"]))


def hand_models(context: BuildContext) -> Models:
    """Read all pictures, train and quantize, or find that all is done."""
    hands = hand_models_for(context)
    read = _read(context, hands)
    trained = _train(context, read)
    quantized = _quantize(context, trained)
    files = (MODEL, SCALING, PALMS_MODEL, LANDMARKS_MODEL, NOTICE)
    predictions = _predictions if context.leaves_out else None
    return Models(quantized, files, predictions, manifest_of, _facts, _training_file)


def _predictions(context: BuildContext) -> Predictions:
    """What int8 networks said of people that they had not seen."""
    left_out, readings = load_left_out(context.path(LEFT_OUT)), load_readings(context.path(READINGS))
    rows = context.rows("train")
    pictures = [context.dataset.pictures[row] for row in rows]
    return Predictions(
        context.dataset.labels,
        context.truth()[rows],
        left_out.quantized[rows],
        [picture.signer for picture in pictures],
        probabilities_float=left_out.plain[rows],
        squares=[Square(*map(int, readings.square[row])) if readings.found[row] else None for row in rows],
        hand_stage=True,
        threshold=left_out.threshold,
        conditions=conditions_from(readings.conditions[rows]),
    )


def _read(context: BuildContext, hands: HandModels) -> str:
    digest = digest_of(context.base_digest, hands.digest)
    outputs = [context.path(name) for name in (READINGS, PALMS_MODEL, LANDMARKS_MODEL, NOTICE)]

    def make() -> None:
        write_atomically(context.path(NOTICE), hands.notice)
        write_atomically(outputs[1], hands.palms)
        write_atomically(outputs[2], hands.landmarks)
        with context.progress.task("hands read", len(context.dataset.pictures)) as advance:
            readings = read_hands(hands.stage, context.dataset, advance, context.request.recipe.training.seed)
        save_readings(outputs[0], readings)
        missed = int((~readings.found).sum())
        context.progress.say(f"  no hand found in {missed} of {len(readings.found)} pictures")

    context.cache.run("readings", digest, outputs, make)
    return digest


def _train(context: BuildContext, read: str) -> str:
    """Train the sign network, and others without some of the people, to know how strangers are read."""
    recipe = context.request.recipe
    measured = hashlib.sha256(read_landmark_files(context.request.landmarks).content).hexdigest()
    digest = digest_of(read, recipe.sign, recipe.training.seed, measured)
    outputs = [context.path(name) for name in (SIGN_WEIGHTS, SCALING, LEFT_OUT, HISTORY, FLOAT_PROBABILITIES)]

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights

        readings = load_readings(context.path(READINGS))
        truth = context.truth()
        rows = context.rows("train", "validation")
        left_out = _left_out(context, readings, truth, rows)
        net, history = _trained(context, readings, truth, rows, "sign network")
        net = net._replace(temperature=left_out.temperature)
        save_weights(outputs[0], net.branches.get_weights())
        write_atomically(outputs[1], _npy(net.scaling))
        np.savez(outputs[2], **left_out._asdict())
        write_atomically(outputs[3], msgspec.json.format(msgspec.json.encode(history), indent=1))
        write_atomically(
            outputs[4],
            _npy(_answers(net.answer, readings, context.rows(context.evaluated_part), len(context.dataset.labels))),
        )

    context.cache.run("training", digest, outputs, make)
    return digest


def _left_out(context: BuildContext, readings: Readings, truth: NDArray[np.int64], rows: NDArray[np.int64]) -> LeftOut:
    """Leave the people of ``rows`` out in turn, some at a time."""
    recipe, pictures = context.request.recipe, context.dataset.pictures
    folds = folds_of([pictures[row] for row in rows], recipe.sign.folds, recipe.training.seed)
    classes = len(context.dataset.labels)
    plain = np.zeros((len(pictures), classes), np.float32)
    quantized = plain.copy()
    for fold in range(folds.max() + 1):
        seen, left = rows[folds != fold], rows[folds == fold]
        net, _ = _trained(context, readings, truth, seen, f"without people {fold + 1}/{folds.max() + 1}")
        plain[left] = _answers(net.answer, readings, left, classes)
        model = _quantized(context, net, readings, seen)
        quantized[left] = _answers(int8_answer(model, net.scaling, classes), readings, left, classes)
    known = rows[readings.found[rows]]
    temperature = fit_temperature(plain[known], truth[known])
    plain[known], quantized[known] = cool(plain[known], temperature), cool(quantized[known], temperature)
    threshold = fit_threshold(quantized[known], truth[known], recipe.sign.precision)
    right = float(((quantized[rows].argmax(axis=1) == truth[rows]) & readings.found[rows]).mean())
    context.progress.say(f"  people left out in turn: {right:.1%} right; sure from {threshold:.2f} on")
    return LeftOut(quantized, plain, temperature, threshold)


def _trained(
    context: BuildContext, readings: Readings, truth: NDArray[np.int64], rows: NDArray[np.int64], what: str
) -> tuple[SignNet, tuple[float, ...]]:
    from edge_asl.training.sign_network import SignJob, train_sign_network

    recipe = context.request.recipe
    seen = rows[readings.found[rows]]
    weights = weights_of([context.dataset.pictures[row] for row in seen])
    classes = len(context.dataset.labels)
    job = SignJob(readings, seen, truth[seen], weights, classes, recipe.sign, recipe.training.seed)
    if context.request.landmarks:
        job = job._replace(measured=_measured(context, readings, truth, seen))
    with context.progress.task(what, recipe.sign.epochs) as advance:
        return train_sign_network(job, advance)


def _measured(
    context: BuildContext, readings: Readings, truth: NDArray[np.int64], seen: NDArray[np.int64]
) -> MeasuredShapes:
    """The hands without pictures that are near enough to what was read of the pictures ``seen``."""
    from edge_asl.training.sign_network import MeasuredShapes

    hands = read_landmark_files(context.request.landmarks)
    number = {label: i for i, label in enumerate(context.dataset.labels)}
    labels = np.array([number.get(label, -1) for label in hands.labels], np.int64)
    own = readings.landmarks[seen, 0] * np.where(readings.mirrored[seen, 0], -1, 1)[:, None, None] ** (1, 0)
    landmarks, near = fitted(hands.landmarks, labels, own.astype(np.float32), truth[seen])
    near &= labels >= 0
    weights = weights_of_measured(hands, [context.dataset.pictures[row] for row in seen])
    return MeasuredShapes(landmarks[near], labels[near], weights[near])


Answer = Callable[[Readings, NDArray[np.int64]], NDArray[np.float32]]
"""Readings, pictures with a hand (n,) → probabilities (n, classes)."""


def _answers(answer: Answer, readings: Readings, rows: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Probabilities of pictures, float32 (n, classes); zeros where no hand was found."""
    answers = np.zeros((len(rows), classes), np.float32)
    found = readings.found[rows]
    if found.any():
        answers[found] = answer(readings, rows[found])
    return answers


def _quantized(context: BuildContext, net: SignNet, readings: Readings, rows: NDArray[np.int64]) -> bytes:
    """The network as a full int8 model, with ranges from some of the pictures that it was trained on."""
    from edge_asl.pipeline.quantize import quantize_sign_network

    seen = rows[readings.found[rows]]
    chosen = np.random.default_rng(context.request.recipe.training.seed).permutation(seen)[:CALIBRATION]
    return quantize_sign_network(net.network(), standardised(readings.features(chosen), net.scaling))


def int8_answer(model: bytes, scaling: NDArray[np.float32], classes: int) -> Answer:
    """What the device's engine makes of a quantized sign network."""
    inputs = [name_of(tensor.name) for tensor in read_graphs(load_model(model, MODEL), MODEL)[0].inputs]
    output = Tensor((1, classes), OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    engine = TfliteEngine(ModelSpec(Path(MODEL), tuple(SIGN_INPUTS[name] for name in inputs), (output,)), model)

    def answer(readings: Readings, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        views = [named(readings.features(rows, view)) for view in DEVICE_VIEWS]
        mean: NDArray[np.float32] = np.mean(np.stack(views), axis=0, dtype=np.float32)
        return mean

    def named(features: NDArray[np.float32]) -> NDArray[np.float32]:
        tensors = to_tensor(standardised(features, scaling))
        hands = (parts_of(tensor[np.newaxis]) for tensor in tensors)
        return np.stack([probabilities(engine.invoke(*(hand[name] for name in inputs))[0]) for hand in hands])

    return answer


def _quantize(context: BuildContext, trained: str) -> str:
    recipe, labels = context.request.recipe, context.dataset.labels
    digest = digest_of(trained, recipe.quantization.runtime, labels, context.request.out.name)
    target = context.path(MODEL)

    def make() -> None:
        from edge_asl.training.checkpoint import load_weights
        from edge_asl.training.sign_network import SignNet, build_branches

        readings, left_out = load_readings(context.path(READINGS)), load_left_out(context.path(LEFT_OUT))
        branches = build_branches(len(labels))
        branches.set_weights(load_weights(context.path(SIGN_WEIGHTS)))
        net = SignNet(branches, np.load(context.path(SCALING), allow_pickle=False), left_out.temperature)
        content = _quantized(context, net, readings, context.rows("train"))
        check_model(
            content, lambda facts: violations(facts, len(labels)), recipe.quantization.runtime, context.progress
        )
        write_atomically(target, content)

    context.cache.run("quantization", digest, [target], make)
    return digest


def _training_file(context: BuildContext) -> TrainingFile:
    from edge_asl.training.checkpoint import load_weights

    pictures, recipe = context.dataset.pictures, context.request.recipe
    rows = context.rows("train", "validation")
    pooled = describe(LANDMARKS, context.path(LANDMARKS_MODEL)).outputs["pooled"]
    return TrainingFile(
        sha256_of(context.path(MODEL)),
        recipe.sign,
        load_left_out(context.path(LEFT_OUT)).temperature,
        load_weights(context.path(SIGN_WEIGHTS)),
        pooled.scale,
        rehearsal_set(load_readings(context.path(READINGS)), pictures, context.truth(), rows, recipe.training.seed),
    )


def manifest_of(context: BuildContext, metrics: Metrics | None) -> HandManifest:
    """The manifest but for the list of files."""
    threshold = round(load_left_out(context.path(LEFT_OUT)).threshold, 3)
    files = {PALMS: PALMS_MODEL, LANDMARKS: LANDMARKS_MODEL, SIGN: MODEL}
    return HandManifest(
        crop=Crop.HAND,
        features=Features.SHAPE_AND_INNER,
        models={name: describe(name, context.path(file)) for name, file in files.items()},
        decoder=msgspec.structs.replace(context.request.recipe.decoder, accept_probability=threshold),
        **common_fields(context, metrics),
    )


def describe(name: str, path: Path) -> Model:
    """The entry of a manifest for the model ``name``."""
    facts, (inputs, outputs) = model_facts(path), HAND_MODELS[name]
    if name == SIGN:
        inputs = tuple(name_of(tensor.name) for tensor in facts.inputs)
    return Model(
        path.name,
        {name: _tensor(tensor) for name, tensor in zip(inputs, facts.inputs, strict=True)},
        {name: _tensor(tensor) for name, tensor in zip(outputs, facts.outputs, strict=True)},
        facts.operator_versions,
        facts.minimum_runtime or "unknown",
    )


def name_of(tensor: str) -> str:
    """``early`` for ``serving_default_early:0``, as the converter names the tensor of an input."""
    return tensor.removeprefix("serving_default_").partition(":")[0]


def _tensor(tensor: GraphTensor) -> Tensor:
    return Tensor(tensor.shape, float(np.float32(tensor.scale)), int(tensor.zero_point or 0))


def violations(facts: ModelFacts, classes: int) -> list[str]:
    """In what a sign network differs from the contract."""
    inputs = {name_of(tensor.name): (tensor.dtype, _tensor(tensor)) for tensor in facts.inputs}
    outputs = [(tensor.dtype, _tensor(tensor)) for tensor in facts.outputs]
    found = []
    if inputs != (wanted := {name: ("INT8", tensor) for name, tensor in SIGN_INPUTS.items()}):
        found.append(f"inputs: expected {wanted}, found {inputs}")
    if outputs != (only := [("INT8", Tensor((1, classes), OUTPUT_SCALE, OUTPUT_ZERO_POINT))]):
        found.append(f"output: expected {only}, found {outputs}")
    return found + [f"tensor {t.name}: expected integers only, found {t.dtype}" for t in facts.float_tensors]


def _facts(context: BuildContext) -> dict[str, str]:
    files = {name: model_facts(context.path(name)) for name in (PALMS_MODEL, LANDMARKS_MODEL, MODEL)}
    left_out = load_left_out(context.path(LEFT_OUT))
    return {
        "model": "MediaPipe Hands (palms, landmarks) and a sign network, full int8",
        "size": " + ".join(f"{facts.size / 1e6:.2f}" for facts in files.values()) + " MB",
        "arithmetic": " + ".join(f"{facts.multiply_accumulates / 1e6:.0f}" for facts in files.values())
        + " million multiply-accumulates",
        "sure from": f"{left_out.threshold:.2f}, temperature {left_out.temperature:.2f}",
    }


def _npy(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
