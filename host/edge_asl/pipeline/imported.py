"""``edge-asl import``: a model from elsewhere → its pixels → quantization → evaluation → bundle.

Nothing is trained. The user's pictures tell how the model wants its pixels, calibrate it and measure it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.splits import UNSPLIT
from edge_asl.errors import ModelError
from edge_asl.evaluation.metrics import Evaluation, Predictions, evaluate_predictions
from edge_asl.imports.found import Source, find_model
from edge_asl.imports.scalings import Choice, Trial, check_better_than_chance, choose_pixels, order_of, trial
from edge_asl.imports.shape import Shape
from edge_asl.imports.tflite_file import check_tflite
from edge_asl.pipeline.build import measure, write
from edge_asl.pipeline.cache import StepCache
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.pipeline.context import BuildContext, check_request
from edge_asl.pipeline.import_context import ImportRequest, Loader, look_at, open_import
from edge_asl.pipeline.models import FLOAT_PROBABILITIES, Models
from edge_asl.pipeline.square_models import decode, labelled_model, manifest_of, model_rows
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.facts import ModelFacts, facts_of
from edge_asl.tflite.operator_versions import version_key
from edge_asl.training.pixels import GREY, SCALINGS
from edge_asl_device.contract.manifest import MODEL, Imported, Metrics, SquareManifest
from edge_asl_device.files import sha256_of, write_atomically

AS_IT_IS = "int8"
"""What is said of the pixels of a model that takes a bundle's input already."""
TRIED = 400
"""Pictures on which the ways to scale pixels are compared."""

CORRECTING = 48
"""Pictures by which the biases are put right: in memory at once, with all that the network makes of them."""

_PIXELS = "pixels.json"


def import_model(request: ImportRequest, progress: Progress) -> Evaluation:
    """Turn a model from elsewhere into a bundle; returns what was measured of it.

    Raises:
        EdgeAslError: anything a user can fix; the bundle at ``request.out`` is then as it was.
    """
    build = request.as_build
    check_request(build)
    if request.pixels not in (None, *SCALINGS):
        raise ModelError(
            f"--pixels: expected one of {', '.join(SCALINGS)}, found {request.pixels!r}; choose one of them"
        )
    build.work.mkdir(parents=True, exist_ok=True)
    source = find_model(request.model, build.work / "unpacked")
    cache = StepCache(build.work, progress)
    if source.kind == "TensorFlow Lite":
        facts = check_tflite(source)
        context = open_import(request, source, _shape_of(facts), cache, progress)
        models = _taken(context, source, facts)
    else:
        loader = Loader(source, request.size)
        shape = look_at(request, loader, cache)
        context = open_import(request, source, shape, cache, progress)
        decode(context)
        models = _converted(context, request, loader, shape)
    evaluated, evaluation = measure(context, models)
    if not models.has_float:
        alone = Trial(np.array(evaluation.confusion), 0.0)
        check_better_than_chance(choose_pixels({AS_IT_IS: alone}, context.dataset.labels), str(request.model))
    write(context, models, evaluated, evaluation)
    return evaluation


def evaluate_model(
    model: Path,
    data: Sequence[Path],
    layout: str,
    progress: Progress,
    labels: str | None = None,
    pixels: str | None = None,
    size: int | None = None,
) -> Evaluation:
    """Measure a Keras model or SavedModel as it is, in floating point, on all pictures of its labels.

    ``labels``, ``pixels`` and ``size`` are those of ``ImportRequest``.

    Raises:
        EdgeAslError: model or data cannot be read, or the model is no better than chance.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, kept = Path(folder, "models", "model"), Path(folder, "calibration")
        request = ImportRequest(model, data, out, kept, labels, pixels, size, layout, every_picture=True)
        request.as_build.work.mkdir(parents=True)
        source = find_model(model, request.as_build.work / "unpacked")
        if source.kind == "TensorFlow Lite":
            raise ModelError(f"{model}: expected a bundle or a Keras model, found a .tflite file; import it first")
        loader, cache = Loader(source, request.size), StepCache(request.as_build.work, progress)
        shape = look_at(request, loader, cache)
        context = open_import(request, source, shape, cache, progress)
        decode(context)
        _scale(context, request, loader, shape)
        pictures = context.evaluated_pictures()
        number = {label: i for i, label in enumerate(context.dataset.labels)}
        truth = np.array([number[picture.label] for picture in pictures], np.int64)
        answers = np.load(context.path(FLOAT_PROBABILITIES))
        signers = [picture.signer for picture in pictures]
        return evaluate_predictions(Predictions(context.dataset.labels, truth, answers, signers), "all pictures, float")


def _shape_of(facts: ModelFacts) -> Shape:
    _, height, width, _ = facts.inputs[0].shape
    return Shape(height, width, 3, False, facts.outputs[0].shape[1], "softmax", False)


def _known_rows(context: BuildContext) -> NDArray[np.int64]:
    """The pictures that may tune and calibrate: all but those of a test part."""
    return context.rows("test") if context.split.method == UNSPLIT else context.rows("train", "validation")


def _converted(context: BuildContext, request: ImportRequest, loader: Loader, shape: Shape) -> Models:
    """Find out about the pixels, quantize; or find that all is done."""
    scaled = _scale(context, request, loader, shape)
    choice = msgspec.json.decode(context.path(_PIXELS).read_bytes(), type=Choice)
    origin = _origin(loader.source, choice.pixels)
    quantized = _quantize(context, loader, choice, scaled)

    def facts(context: BuildContext) -> dict[str, str]:
        return _rows(context, shape, origin) | {"pixels": f"{choice.in_words} on {choice.pictures} pictures"}

    return Models(quantized, (MODEL,), None, _manifest(origin), facts)


def _scale(context: BuildContext, request: ImportRequest, loader: Loader, shape: Shape) -> str:
    """Choose how its pixels are scaled; leaves the choice, and the float network's probabilities."""
    asked = _asked(request, loader.source, shape)
    tried = [asked] if asked else [name for name in SCALINGS if shape.channels == 3 or name in GREY]
    digest = digest_of(context.base_digest, loader.source.sha256, shape, tried)
    outputs = [context.path(_PIXELS), context.path(FLOAT_PROBABILITIES)]

    def make() -> None:
        from edge_asl.pipeline.quantize import choose_calibration_rows
        from edge_asl.training.foreign import Answering

        truth = context.truth()
        rows = choose_calibration_rows(_known_rows(context), truth.astype(np.int32), TRIED, 0)
        with context.pixel_store() as pixels:
            answering = Answering(loader.load(), pixels)
            trials = {name: trial(answering(rows, name), truth[rows]) for name in tried}
            choice = choose_pixels(trials, context.dataset.labels)
            _report(context, request, choice)
            evaluated = pixels.rows_of([picture.path for picture in context.evaluated_pictures()])
            np.save(outputs[1], answering(evaluated, choice.pixels))
        write_atomically(outputs[0], msgspec.json.encode(choice))

    context.cache.run("pixels", digest, outputs, make)
    return digest


def _asked(request: ImportRequest, source: Source, shape: Shape) -> str | None:
    """How its pixels are scaled, if that needs no trial."""
    asked = request.pixels
    if asked is None and shape.rescales:
        asked = "raw"
    if asked is None and source.kind == "Teachable Machine":
        asked = "tf"
    if asked is not None and shape.channels == 1 and asked not in GREY:
        raise ModelError(
            f"--pixels {asked}: is of three colours, and {source.given} takes grey; choose {', '.join(GREY)}"
        )
    return asked


def _report(context: BuildContext, request: ImportRequest, choice: Choice) -> None:
    """Say what each way gave.

    Raises:
        ModelError: even the best is no better than chance.
    """
    context.progress.say(f"  {choice.pixels}: right on {choice.pictures} pictures: {choice.in_words}")
    check_better_than_chance(choice, str(request.model))
    if choice.order is not None:
        context.progress.say(
            f"warning: with the labels in another order {choice.ordered:.1%} would be right; "
            f"if it is the model's, say --labels {order_of(choice)}"
        )


def _quantize(context: BuildContext, loader: Loader, choice: Choice, scaled: str) -> str:
    request, labels = context.request, context.dataset.labels
    digest = digest_of(scaled, choice.pixels, CORRECTING, request.recipe.quantization, labels, request.out.name)
    model, kept = context.path(MODEL), request.calibration / request.out.name

    def make() -> None:
        from edge_asl.pipeline.quantize import choose_calibration_rows, quantize
        from edge_asl.training.foreign import fitted

        with context.pixel_store() as pixels:
            count, seed = request.recipe.quantization.pictures, request.recipe.training.seed
            rows = choose_calibration_rows(_known_rows(context), pixels.classes, count, seed)
            context.progress.say(f"  full integer, {len(rows)} calibration pictures")
            calibration = pixels.read(rows)
            some = calibration[:: max(1, len(calibration) // CORRECTING)]
            converted = quantize(fitted(loader.load(), choice.pixels, some), calibration)
        content = _labelled(context, converted)
        keep_calibration_pictures(kept, context.dataset, [context.dataset.pictures[row] for row in rows])
        write_atomically(model, content)

    context.cache.run("quantization", digest, [model, kept / LIST], make)
    return digest


def _taken(context: BuildContext, source: Source, facts: ModelFacts) -> Models:
    """A model that keeps the contract already: its labels are put in, nothing else is changed."""
    model, origin = context.path(MODEL), _origin(source, AS_IT_IS)
    digest = digest_of(context.base_digest, sha256_of(source.path), context.request.out.name)
    context.cache.run(
        "model", digest, [model], lambda: write_atomically(model, _labelled(context, source.path.read_bytes()))
    )
    shape = _shape_of(facts)
    rows = lambda context: _rows(context, shape, origin)  # noqa: E731
    return Models(digest, (MODEL,), None, _manifest(origin), rows, has_float=False)


def _labelled(context: BuildContext, model: bytes) -> bytes:
    """Checked in the oldest runtime that has its operators: nobody promised one for a network from elsewhere."""
    needed = facts_of(model, MODEL).minimum_runtime
    runtime = "tflite-2.14" if needed and version_key(needed) <= version_key("2.14") else "litert"
    return labelled_model(context, model, f"{len(context.dataset.labels)} hand signs, imported, full int8", runtime)


def _origin(source: Source, pixels: str) -> Imported:
    return Imported(source.given.absolute().name, source.sha256, source.kind, pixels)


def _manifest(origin: Imported) -> Any:
    def manifest(context: BuildContext, metrics: Metrics | None) -> SquareManifest:
        made = manifest_of(context, metrics)
        return msgspec.structs.replace(made, provenance=msgspec.structs.replace(made.provenance, imported=origin))

    return manifest


def _rows(context: BuildContext, shape: Shape, origin: Imported) -> dict[str, str]:
    """What the report's last table says of the model."""
    return {
        "model": f"{origin.file}, {origin.kind}, {shape.in_words}",
        "sha256": f"{origin.sha256[:16]}…",
        **model_rows(context),
    }
