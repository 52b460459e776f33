"""The models of a bundle of format 2: hand stage → readings → sign network → quantization."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.landmark_files import NO_HANDS, read_landmark_files
from edge_asl.evaluation.kept import conditions_from
from edge_asl.evaluation.metrics import Predictions
from edge_asl.evaluation.report import MOST_MISTAKES, DoubtedLabels, Mistake, evenly
from edge_asl.hands.models import HandModels, hand_models_for
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.context import BuildContext
from edge_asl.pipeline.models import FLOAT_PROBABILITIES, HISTORY, Models, common_fields
from edge_asl.pipeline.readings import VIEWS, read_hands, tell_missed
from edge_asl.pipeline.rehearsal import rehearsal_set
from edge_asl.pipeline.sign_training import Doubts, Lessons, leave_out, load_left_out
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.manifest_model import manifest_model, name_of, tensor_of
from edge_asl.training.readings import load_readings, save_readings
from edge_asl.training.training_file import TrainingFile
from edge_asl_device.contract.hand_points import SIGN_INPUTS
from edge_asl_device.contract.manifest import (
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
)
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.contract.tensor import Tensor
from edge_asl_device.files import sha256_of, write_atomically

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.sign_network import SignNet

NOTICE = "NOTICE.txt"
READINGS = "readings.npz"
READING = "reading"
"""Readings as they are made, in a folder named after what is read; gone once all are."""
SIGN_WEIGHTS = "sign-weights.npz"
LEFT_OUT = "left-out.npz"
DOUBTS = "doubts.npz"


def hand_models(context: BuildContext) -> Models:
    """Read all pictures, train and quantize, or find that all is done."""
    hands = hand_models_for(context)
    read = _read(context, hands)
    trained = _train(context, read)
    quantized = _quantize(context, trained)
    files = (MODEL, SCALING, PALMS_MODEL, LANDMARKS_MODEL, NOTICE)
    predictions = _predictions if context.leaves_out else None
    return Models(quantized, files, predictions, manifest_of, _facts, _training_file, _doubted_labels)


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


def _trained_rows(context: BuildContext, *parts: str) -> NDArray[np.int64]:
    """The pictures of some parts that the network was trained on, hand found or not."""
    return np.setdiff1d(context.rows(*parts), _load_doubts(context).rows)


def _load_doubts(context: BuildContext) -> Doubts:
    with np.load(context.path(DOUBTS), allow_pickle=False) as file:
        return Doubts(*(file[name] for name in Doubts._fields))


def _doubted_labels(context: BuildContext) -> DoubtedLabels:
    """The doubted labels, some of them with the hand that was read."""
    doubts, squares = _load_doubts(context), load_readings(context.path(READINGS)).square
    pictures, labels = context.dataset.pictures, context.dataset.labels
    found = [(pictures[row], labels[said]) for row, said in zip(doubts.rows, doubts.said, strict=True)]
    shown = []
    for i in evenly(range(len(found)), MOST_MISTAKES):
        picture, said = found[i]
        seen = Square(*map(int, squares[doubts.rows[i]])).cut(context.dataset.load(picture))
        shown.append(Mistake(picture.path, picture.label, said, float(doubts.probability[i]), seen))
    return DoubtedLabels(shown, [f"{picture.path} ({picture.label} → {said})" for picture, said in found])


def _read(context: BuildContext, hands: HandModels) -> str:
    digest = digest_of(context.base_digest, hands.digest, VIEWS)
    outputs = [context.path(name) for name in (READINGS, PALMS_MODEL, LANDMARKS_MODEL, NOTICE)]
    parts = context.path(READING)

    def make() -> None:
        write_atomically(context.path(NOTICE), hands.notice)
        write_atomically(outputs[1], hands.palms)
        write_atomically(outputs[2], hands.landmarks)
        for other in parts.glob("*"):  # of other pictures, or other hand models
            if other.name != digest:
                shutil.rmtree(other)
        with context.progress.task("hands read", len(context.dataset.pictures)) as advance:
            readings = read_hands(hands.stage, context.dataset, advance, parts / digest)
        save_readings(outputs[0], readings)
        shutil.rmtree(parts)
        tell_missed(context.dataset, readings, context.progress)

    context.cache.run("readings", digest, outputs, make)
    return digest


def _train(context: BuildContext, read: str) -> str:
    """Train the sign network, and others without some of the people, to know how strangers are read."""
    recipe = context.request.recipe
    measured = read_landmark_files(context.request.landmarks)
    content = hashlib.sha256(measured.content).hexdigest()
    digest = digest_of(read, recipe.sign, recipe.training.seed, content)
    names = (SIGN_WEIGHTS, SCALING, LEFT_OUT, HISTORY, FLOAT_PROBABILITIES, DOUBTS)
    outputs = [context.path(name) for name in names]

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights

        lessons = Lessons(context, load_readings(context.path(READINGS)), context.truth(), measured)
        rows = context.rows("train", "validation")
        left_out = leave_out(lessons, rows)
        doubts = lessons.doubts(rows, "sign network")
        if recipe.sign.doubt:
            context.progress.say(f"  labels that are doubted, not trained on: {len(doubts.rows)} of {len(rows)}")
        net, history = lessons.train(np.setdiff1d(rows, doubts.rows), "sign network")
        net = net._replace(temperature=left_out.temperature)
        save_weights(outputs[0], net.branches.get_weights())
        write_atomically(outputs[1], _npy(net.scaling))
        np.savez(outputs[2], **left_out._asdict())
        write_atomically(outputs[3], msgspec.json.format(msgspec.json.encode(history), indent=1))
        write_atomically(outputs[4], _npy(lessons.answers(net.answer, context.rows(context.evaluated_part))))
        np.savez(outputs[5], **doubts._asdict())

    context.cache.run("training", digest, outputs, make)
    return digest


def _quantize(context: BuildContext, trained: str) -> str:
    recipe, labels = context.request.recipe, context.dataset.labels
    digest = digest_of(trained, recipe.quantization.runtime, labels, context.request.out.name)
    target = context.path(MODEL)

    def make() -> None:
        net = trained_network(context.request.work, len(labels))
        lessons = Lessons(context, load_readings(context.path(READINGS)), context.truth(), NO_HANDS)
        content = lessons.quantized(net, _trained_rows(context, "train"))
        check_model(
            content, lambda facts: violations(facts, len(labels)), recipe.quantization.runtime, context.progress
        )
        write_atomically(target, content)

    context.cache.run("quantization", digest, [target], make)
    return digest


def trained_network(work: Path, classes: int) -> SignNet:
    """The float network that a build has left in its working folder."""
    from edge_asl.training.checkpoint import load_weights
    from edge_asl.training.sign_network import SignNet, build_branches

    branches = build_branches(classes)
    branches.set_weights(load_weights(work / SIGN_WEIGHTS))
    return SignNet(branches, np.load(work / SCALING, allow_pickle=False), load_left_out(work / LEFT_OUT).temperature)


def _training_file(context: BuildContext) -> TrainingFile:
    from edge_asl.training.checkpoint import load_weights

    pictures, recipe = context.dataset.pictures, context.request.recipe
    rows = _trained_rows(context, "train", "validation")
    landmarks = manifest_model(LANDMARKS, LANDMARKS_MODEL, model_facts(context.path(LANDMARKS_MODEL)))
    return TrainingFile(
        sha256_of(context.path(MODEL)),
        recipe.sign,
        load_left_out(context.path(LEFT_OUT)).temperature,
        load_weights(context.path(SIGN_WEIGHTS)),
        landmarks.outputs["pooled"].scale,
        rehearsal_set(load_readings(context.path(READINGS)), pictures, context.truth(), rows, recipe.training.seed),
    )


def manifest_of(context: BuildContext, metrics: Metrics | None) -> HandManifest:
    """The manifest but for the list of files."""
    threshold = round(load_left_out(context.path(LEFT_OUT)).threshold, 3)
    files = {PALMS: PALMS_MODEL, LANDMARKS: LANDMARKS_MODEL, SIGN: MODEL}
    return HandManifest(
        crop=Crop.HAND,
        features=Features.SHAPE_AND_INNER,
        models={name: manifest_model(name, file, model_facts(context.path(file))) for name, file in files.items()},
        decoder=msgspec.structs.replace(context.request.recipe.decoder, accept_probability=threshold),
        **common_fields(context, metrics),
    )


def violations(facts: ModelFacts, classes: int) -> list[str]:
    """In what a sign network differs from the contract."""
    inputs = {name_of(tensor.name): (tensor.dtype, tensor_of(tensor)) for tensor in facts.inputs}
    outputs = [(tensor.dtype, tensor_of(tensor)) for tensor in facts.outputs]
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
