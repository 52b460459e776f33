"""The model of a bundle of format 1: pictures → training → quantization."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.context import BuildContext
from edge_asl.pipeline.models import FLOAT_PROBABILITIES, HISTORY, Models, common_fields
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.facts import model_facts
from edge_asl.tflite.inspect import contract_violations
from edge_asl.tflite.metadata import embed_labels
from edge_asl.training.weights import NO_WEIGHTS
from edge_asl_device.contract.manifest import MODEL, Metrics, Output, SquareManifest
from edge_asl_device.files import sha256_of, write_atomically

if TYPE_CHECKING:  # TensorFlow comes with them
    from edge_asl.training.fit import TrainingJob
    from edge_asl.training.spread import Spread

FLOAT_WEIGHTS = "float-weights.npz"
ARCHITECTURE = "architecture.json"
"""Keras's description of the float network."""


def square_models(context: BuildContext, spread: Spread | None = None) -> Models:
    """Decode, train and quantize, or find that all is done. ``spread``: the workers that train together."""
    decode(context)
    trained = _train(context, spread)
    quantized = _quantize(context, trained)
    return Models(quantized, (MODEL,), None, manifest_of, _facts)


def manifest_of(context: BuildContext, metrics: Metrics | None) -> SquareManifest:
    """The manifest but for the list of files."""
    facts = model_facts(context.path(MODEL))
    return SquareManifest(
        input=context.spec,
        output=Output(len(context.dataset.labels)),
        operators=facts.operator_versions,
        minimum_runtime=facts.minimum_runtime or "unknown",
        decoder=context.request.recipe.decoder,
        **common_fields(context, metrics),
    )


def decode(context: BuildContext) -> None:
    """Decode every picture once, as the device would."""
    target = context.path("pictures.u8")

    def make() -> None:
        with context.progress.task("decoded", len(context.dataset.pictures)) as advance:
            write_pixel_store(context.dataset, context.spec, target, advance)

    context.cache.run("pictures", context.base_digest, [target], make)


def training_digest(context: BuildContext) -> str:
    """Of all that the float network depends on."""
    recipe = context.request.recipe
    return digest_of(context.base_digest, recipe.model, recipe.training, recipe.augmentation, weights_of(context))


def weights_of(context: BuildContext) -> str:
    """What the network starts from: a word, or the SHA-256 of a file."""
    weights = context.request.weights
    return sha256_of(Path(weights)) if Path(weights).is_file() else weights


def training_job(context: BuildContext, digest: str, pixels: PixelStore) -> TrainingJob:
    """What is to be trained, and where it keeps what it needs to continue."""
    from edge_asl.training.fit import TrainingJob

    recipe, parts = context.request.recipe, context.split.parts
    features = digest_of(context.base_digest, recipe.model, weights_of(context))[:16]
    return TrainingJob(
        recipe,
        pixels,
        pixels.rows_of(parts["train"]),
        pixels.rows_of(parts["validation"]),
        len(context.dataset.labels),
        context.request.weights,
        context.path(f"features-{features}.npy"),
        context.path(f"checkpoint-{digest[:16]}.npz"),
        context.path("logs") / digest[:16],
        context.path("epochs") / digest[:16] if recipe.training.every_epoch else None,
        context.request.listener,
        digest,
    )


def _train(context: BuildContext, spread: Spread | None) -> str:
    """Train the float network; leaves its weights, its history and its probabilities on the evaluated pictures."""
    digest = training_digest(context)
    outputs = [context.path(name) for name in (FLOAT_WEIGHTS, HISTORY, FLOAT_PROBABILITIES, ARCHITECTURE)]
    if spread is not None:
        from edge_asl.training.spread import agree

        agree(spread, digest, int(context.cache.unchanged("training", digest, outputs)))

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights
        from edge_asl.training.fit import predict_rows, predictor, train

        with context.pixel_store() as pixels:
            job = training_job(context, digest, pixels)
            network, history = train(job, context.progress, spread)
            save_weights(outputs[0], network.get_weights())
            write_atomically(outputs[1], msgspec.json.format(msgspec.json.encode(history), indent=1))
            evaluated = pixels.rows_of([picture.path for picture in context.evaluated_pictures()])
            np.save(outputs[2], predict_rows(predictor(network), job.inputs, evaluated))
            write_atomically(outputs[3], network.to_json())
        job.checkpoint.unlink(missing_ok=True)

    context.cache.run("training", digest, outputs, make)
    return digest


def _quantize(context: BuildContext, trained: str) -> str:
    """Convert to int8, check against the contract, keep the calibration pictures."""
    request, labels = context.request, context.dataset.labels
    digest = digest_of(trained, request.recipe.quantization, labels, request.out.name)
    model, kept = context.path(MODEL), request.calibration / request.out.name

    def make() -> None:
        from edge_asl.pipeline.quantize import choose_calibration_rows, quantize
        from edge_asl.training.backbone import build_network
        from edge_asl.training.checkpoint import load_weights

        recipe = request.recipe
        network = build_network(recipe.model, len(labels), NO_WEIGHTS)
        network.set_weights(load_weights(context.path(FLOAT_WEIGHTS)))
        with context.pixel_store() as pixels:
            training = pixels.rows_of(context.split.parts["train"])
            count, seed = recipe.quantization.pictures, recipe.training.seed
            rows = choose_calibration_rows(training, pixels.classes, count, seed)
            context.progress.say(f"  full integer, {len(rows)} calibration pictures")
            converted = quantize(network, pixels.read(rows))
        description = f"{len(labels)} hand signs, {recipe.model.title}, full int8"
        content = labelled_model(context, converted, description, recipe.quantization.runtime)
        keep_calibration_pictures(kept, context.dataset, [context.dataset.pictures[row] for row in rows])
        write_atomically(model, content)

    context.cache.run("quantization", digest, [model, kept / LIST], make)
    return digest


def labelled_model(context: BuildContext, converted: bytes, description: str, runtime: str) -> bytes:
    """The model's file with its labels in it, checked against the contract and the oldest promised runtime.

    Raises:
        QuantizationError: it does not meet the contract.
    """
    labels = context.dataset.labels
    content = embed_labels(converted, labels, context.request.out.name, description)
    check_model(content, lambda facts: contract_violations(facts, len(labels)), runtime, context.progress)
    return content


def model_rows(context: BuildContext) -> dict[str, str]:
    """What the report's last table says of the model's file."""
    model = model_facts(context.path(MODEL))
    return {
        "size": f"{model.size / 1e6:.2f} MB",
        "arithmetic": f"{model.multiply_accumulates / 1e6:.0f} million multiply-accumulates per picture",
        "oldest runtime": f"TensorFlow Lite {model.minimum_runtime}",
    }


def _facts(context: BuildContext) -> dict[str, str]:
    recipe = context.request.recipe
    history = msgspec.json.decode(context.path(HISTORY).read_bytes())
    return {
        "model": f"{recipe.model.title}, {recipe.model.size} px",
        **model_rows(context),
        "training": f"{len(history)} epochs, {sum(epoch[-1] for epoch in history):.0f} s",
    }
