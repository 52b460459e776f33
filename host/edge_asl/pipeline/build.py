"""``edge-asl build``: data → split → pictures → training → quantization → evaluation → bundle.

Every step records the digest of its inputs in the working folder; a second build redoes only what has changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from edge_asl.datasets.pixel_store import write_pixel_store
from edge_asl.datasets.splits import describe_split
from edge_asl.errors import AccuracyError
from edge_asl.evaluation.metrics import Evaluation, evaluate_predictions, to_manifest_metrics
from edge_asl.evaluation.predictions import most_confident_mistakes, predict
from edge_asl.pipeline.bundle import git_commit, package_versions, version_of, write_bundle
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.context import BuildContext, BuildRequest, open_context
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.facts import model_facts
from edge_asl.tflite.inspect import contract_violations
from edge_asl.tflite.metadata import embed_labels
from edge_asl.training.weights import NO_WEIGHTS
from edge_asl_device.contract.known_answer import KNOWN_ANSWER
from edge_asl_device.contract.manifest import (
    EDGETPU_MODEL,
    LABELS,
    MANIFEST,
    MODEL,
    Output,
    Provenance,
    SquareManifest,
)
from edge_asl_device.files import sha256_of, write_atomically

METRICS = "metrics.json"
REPORT = "report.html"
HISTORY = "history.json"
FLOAT_WEIGHTS = "float-weights.npz"
FLOAT_PROBABILITIES = "float-test.npy"

# With fewer pictures, or more points lost to quantization, the report warns.
FEW_PICTURES = 100
LOST_POINTS = 1.0


def build(request: BuildRequest, progress: Progress) -> Evaluation:
    """Turn folders of pictures into a bundle; returns what was measured on its test part.

    Raises:
        EdgeAslError: anything a user can fix; the bundle at ``request.out`` is then as it was.
    """
    context = open_context(request, progress)
    _decode(context)
    trained = _train(context)
    quantized = _quantize(context, trained)
    evaluated, evaluation = _evaluate(context, quantized)
    if request.min_accuracy is not None and evaluation.accuracy < request.min_accuracy:
        raise AccuracyError(
            f"{context.dataset.name}: expected accuracy {request.min_accuracy:.1%} or more on {evaluation.split}, "
            f"found {evaluation.accuracy:.1%}; the bundle was not written, see {context.path(REPORT)}"
        )
    _bundle(context, evaluated, evaluation)
    return evaluation


def _decode(context: BuildContext) -> None:
    target = context.path("pictures.u8")

    def make() -> None:
        with context.progress.task("decoded", len(context.dataset.pictures)) as advance:
            write_pixel_store(context.dataset, context.spec, target, advance)

    context.cache.run("pictures", context.base_digest, [target], make)


def _train(context: BuildContext) -> str:
    """Train the float network; leaves its weights, its history and its probabilities on the evaluated pictures."""
    recipe = context.request.recipe
    weights = context.request.weights
    content = sha256_of(Path(weights)) if Path(weights).is_file() else weights
    digest = digest_of(context.base_digest, recipe.model, recipe.training, recipe.augmentation, content)
    outputs = [context.path(name) for name in (FLOAT_WEIGHTS, HISTORY, FLOAT_PROBABILITIES)]

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights
        from edge_asl.training.fit import TrainingJob, predict_rows, predictor, train

        features = digest_of(context.base_digest, recipe.model, content)[:16]
        checkpoint = context.path(f"checkpoint-{digest[:16]}.npz")
        with context.pixel_store() as pixels:
            job = TrainingJob(
                recipe,
                pixels,
                pixels.rows_of(context.split.parts["train"]),
                pixels.rows_of(context.split.parts["validation"]),
                len(context.dataset.labels),
                weights,
                context.path(f"features-{features}.npy"),
                checkpoint,
                context.path("logs") / digest[:16],
            )
            network, history = train(job, context.progress)
            save_weights(outputs[0], network.get_weights())
            write_atomically(outputs[1], msgspec.json.format(msgspec.json.encode(history), indent=1))
            evaluated = pixels.rows_of([picture.path for picture in context.evaluated_pictures()])
            np.save(outputs[2], predict_rows(predictor(network), job.inputs, evaluated))
        checkpoint.unlink(missing_ok=True)

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
        description = f"{len(labels)} hand signs, {recipe.model.backbone} {recipe.model.alpha:g}, full int8"
        content = embed_labels(converted, labels, request.out.name, description)
        check_model(
            content,
            lambda facts: contract_violations(facts, len(labels)),
            recipe.quantization.runtime,
            context.progress,
        )
        keep_calibration_pictures(kept, context.dataset, [context.dataset.pictures[row] for row in rows])
        write_atomically(model, content)

    context.cache.run("quantization", digest, [model, kept / LIST], make)
    return digest


def _evaluate(context: BuildContext, quantized: str) -> tuple[str, Evaluation]:
    """Measure the int8 model through the device's own recogniser, and beside it the float network."""
    digest = digest_of(quantized, Evaluation.__struct_fields__, context.request.warnings)
    outputs = [context.path(METRICS), context.path(REPORT)]

    def make() -> None:
        from edge_asl.evaluation.report import write_metrics, write_report

        draft = context.path("draft")
        write_bundle(draft, _manifest(context, None), {MODEL: context.path(MODEL).read_bytes()})
        pictures = context.evaluated_pictures()
        predictions = predict(draft, context.dataset, pictures, context.progress)
        predictions = predictions._replace(probabilities_float=np.load(context.path(FLOAT_PROBABILITIES)))
        evaluation = evaluate_predictions(predictions, f"{context.evaluated_part} by {context.split.method}")
        write_metrics(outputs[0], evaluation)
        write_report(
            outputs[1],
            evaluation,
            title=context.request.out.name,
            facts=_facts(context),
            mistakes=most_confident_mistakes(context.dataset, pictures, predictions),
            shares_people=context.split.shares_people,
            warnings=[*context.request.warnings, *_warnings(context, evaluation)],
        )

    context.cache.run("evaluation", digest, outputs, make)
    return digest, msgspec.json.decode(outputs[0].read_bytes(), type=Evaluation)


def _warnings(context: BuildContext, evaluation: Evaluation) -> list[str]:
    """What a reader of the report should know before the figures."""
    warnings = []
    if context.evaluated_part != "test":
        warnings.append(
            "There is no test part. These pictures also chose the best epoch: the figures flatter the model."
        )
    if evaluation.pictures < FEW_PICTURES:
        warnings.append(
            f"This test has only {evaluation.pictures} pictures; each mistake costs "
            f"{100 / evaluation.pictures:.1f} points. Take more pictures before you trust the figures."
        )
    if evaluation.lost_points is not None and evaluation.lost_points > LOST_POINTS:
        warnings.append(
            f"The int8 model is {evaluation.lost_points:.1f} points less accurate than the full-precision one. More "
            "calibration pictures (quantization.pictures) or longer training may help."
        )
    return warnings


def _bundle(context: BuildContext, evaluated: str, evaluation: Evaluation) -> None:
    request = context.request
    digest = digest_of(evaluated, request.recipe, request.recipe_name, request.version, request.out.name, KNOWN_ANSWER)
    contents = (MODEL, METRICS, REPORT)

    def make() -> None:
        from edge_asl.pipeline.known_answer import make_known_answer

        files = {name: context.path(name).read_bytes() for name in contents}
        draft = context.path("draft")
        write_bundle(draft, _manifest(context, evaluation), files)
        files[KNOWN_ANSWER] = make_known_answer(draft)
        if (request.out / EDGETPU_MODEL).exists():
            context.progress.say(f"  {EDGETPU_MODEL} is of the old model: run edge-asl compile-edgetpu again")
        write_bundle(request.out, _manifest(context, evaluation), files)

    written = [request.out / name for name in (LABELS, KNOWN_ANSWER, *contents)]
    # compile-edgetpu changes the manifest; that is no reason to write the bundle again without its model.
    context.cache.run("bundle", digest, written, make, present=[request.out / MANIFEST])


def _manifest(context: BuildContext, evaluation: Evaluation | None) -> SquareManifest:
    """The whole manifest except the list of files, which ``write_bundle`` fills in."""
    request = context.request
    created = datetime.now(UTC).replace(microsecond=0)
    facts = model_facts(context.path(MODEL))
    return SquareManifest(
        name=request.out.name,
        version=request.version or version_of(created),
        created=created.isoformat().replace("+00:00", "Z"),
        files={},
        labels=list(context.dataset.labels),
        input=context.spec,
        output=Output(len(context.dataset.labels)),
        operators=facts.operator_versions,
        minimum_runtime=facts.minimum_runtime or "unknown",
        decoder=request.recipe.decoder,
        metrics=None if evaluation is None else to_manifest_metrics(evaluation),
        provenance=Provenance(
            recipe=request.recipe_name,
            recipe_digest=digest_of(request.recipe),
            seed=request.recipe.training.seed,
            data_digest=context.dataset.digest,
            packages=package_versions(),
            git_commit=git_commit(Path(__file__).parent),
        ),
    )


def _facts(context: BuildContext) -> dict[str, str]:
    """The rows of the report's last table."""
    recipe = context.request.recipe
    history = msgspec.json.decode(context.path(HISTORY).read_bytes())
    model = model_facts(context.path(MODEL))
    return {
        "model": f"{recipe.model.backbone}, width {recipe.model.alpha:g}, {recipe.model.size} px",
        "size": f"{model.size / 1e6:.2f} MB",
        "arithmetic": f"{model.multiply_accumulates / 1e6:.0f} million multiply-accumulates per picture",
        "oldest runtime": f"TensorFlow Lite {model.minimum_runtime}",
        "recipe": context.request.recipe_name,
        "seed": str(recipe.training.seed),
        "training": f"{len(history)} epochs, {sum(epoch[-1] for epoch in history):.0f} s",
        "split": describe_split(context.split, context.dataset),
        "data": f"{context.dataset.digest[:16]}…",
        **package_versions(),
    }
