"""``edge-asl build``: data → split → pictures → training → quantization → evaluation → bundle.

Every step records the digest of what it used in the working folder; a second build does only what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import pack
from edge_asl.datasets.types import Picture
from edge_asl.errors import AccuracyError
from edge_asl.evaluation.metrics import Evaluation, evaluate_predictions, to_manifest_metrics
from edge_asl.evaluation.run import classify_all, describe_split, worst_mistakes
from edge_asl.pipeline.bundle import git_commit, package_versions, version_of, write_bundle
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.context import BuildContext, BuildRequest, open_context
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.tflite.inspect import inspect_model
from edge_asl.tflite.metadata import embed_labels
from edge_asl_device.contract.known_answer import KNOWN_ANSWER
from edge_asl_device.contract.manifest import (
    EDGETPU_MODEL,
    FORMAT_VERSION,
    LABELS,
    MANIFEST,
    MODEL,
    Manifest,
    Output,
    Provenance,
)
from edge_asl_device.files import sha256_of, write_atomically

METRICS = "metrics.json"
REPORT = "report.html"

# Below and above these the report warns.
FEW_PICTURES = 100
LOST_POINTS = 1.0


def build(request: BuildRequest, progress: Progress) -> Evaluation:
    """Turn a folder of pictures into a bundle; returns what was measured on its test part.

    Raises:
        EdgeAslError: anything a user can mend; the bundle at ``request.out`` is then as it was.
    """
    context = open_context(request, progress)
    _pack(context)
    trained = _train(context)
    quantized = _quantize(context, trained)
    evaluated, evaluation = _evaluate(context, quantized)
    if request.min_accuracy is not None and evaluation.accuracy < request.min_accuracy:
        raise AccuracyError(
            f"{request.data}: expected accuracy {request.min_accuracy:.1%} or more on {evaluation.split}, "
            f"found {evaluation.accuracy:.1%}; the bundle was not written, see {context.path('report.html')}"
        )
    _bundle(context, evaluated, evaluation)
    return evaluation


def _pack(context: BuildContext) -> None:
    target = context.path("pictures.u8")

    def make() -> None:
        with context.progress.task("decoded", len(context.dataset.pictures)) as advance:
            pack(context.dataset, context.spec, target, lambda done, _: advance(done, ""))

    context.steps.run("pictures", context.base_digest, [target], make)


def _train(context: BuildContext) -> str:
    """Fit the float network; leaves its weights, its history and its answers on the test part."""
    recipe = context.request.recipe
    weights = context.request.weights
    content = sha256_of(Path(weights)) if Path(weights).is_file() else weights
    digest = digest_of(context.base_digest, recipe.model, recipe.training, recipe.augmentation, content)
    outputs = [context.path("float-weights.npz"), context.path("history.json"), context.path("float-test.npy")]

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights
        from edge_asl.training.fit import Job, predict, train

        features = digest_of(context.base_digest, recipe.model, content)[:16]
        checkpoint = context.path(f"checkpoint-{digest[:16]}.npz")
        with context.packed() as packed:
            job = Job(
                recipe,
                packed,
                packed.rows_of(context.split.parts["train"]),
                packed.rows_of(context.split.parts["validation"]),
                len(context.dataset.labels),
                weights,
                context.path(f"features-{features}.npy"),
                checkpoint,
                context.path("logs") / digest[:16],
            )
            network, history = train(job, context.progress)
            save_weights(outputs[0], network.get_weights())
            write_atomically(outputs[1], msgspec.json.format(msgspec.json.encode(history), indent=1))
            np.save(outputs[2], predict(network, job.pictures, packed.rows_of(context.split.parts[context.judged])))
        checkpoint.unlink(missing_ok=True)

    context.steps.run("training", digest, outputs, make)
    return digest


def _quantize(context: BuildContext, trained: str) -> str:
    """Convert to int8, check against the contract, keep the representative pictures."""
    request, labels = context.request, context.dataset.labels
    digest = digest_of(trained, request.recipe.quantization, labels, request.out.name)
    model, kept = context.path(MODEL), request.calibration / request.out.name

    def make() -> None:
        from edge_asl.pipeline.quantize import choose_representative, quantize
        from edge_asl.training.backbone import NO_WEIGHTS, build_network
        from edge_asl.training.checkpoint import load_weights

        recipe = request.recipe
        network = build_network(recipe.model, len(labels), NO_WEIGHTS)
        network.set_weights(load_weights(context.path("float-weights.npz")))
        with context.packed() as packed:
            rows = choose_representative(
                packed.rows_of(context.split.parts["train"]),
                packed.classes,
                recipe.quantization.pictures,
                recipe.training.seed,
            )
            context.progress.say(f"  {len(rows)} representative pictures, full integer")
            converted = quantize(network, packed.read(rows))
        described = f"{len(labels)} hand signs, {recipe.model.backbone} {recipe.model.alpha:g}, full int8"
        content = embed_labels(converted, labels, request.out.name, described)
        check_model(content, len(labels), recipe.quantization.runtime, context.progress)
        keep_calibration_pictures(kept, context.dataset, [context.dataset.pictures[row] for row in rows])
        write_atomically(model, content)

    context.steps.run("quantization", digest, [model, kept / LIST], make)
    return digest


def _evaluate(context: BuildContext, quantized: str) -> tuple[str, Evaluation]:
    """Classify the test part through the device's own classifier, the float network's answers beside it."""
    digest = digest_of(quantized, "evaluation", context.request.warnings)
    outputs = [context.path(METRICS), context.path(REPORT)]

    def make() -> None:
        from edge_asl.evaluation.report import write_metrics, write_report

        draft = context.path("draft")
        write_bundle(draft, _manifest(context, None), {MODEL: context.path(MODEL).read_bytes()})
        pictures = context.pictures(context.judged)
        answers = classify_all(draft, context.dataset, pictures, context.progress)
        evaluation = evaluate_predictions(
            labels=context.dataset.labels,
            truth=answers.truth,
            probabilities_int8=answers.probabilities,
            probabilities_float=_float_answers(context, pictures),
            signers=[picture.signer for picture in pictures],
            split=f"{context.judged} by {context.split.how}",
            invoke_ms=answers.milliseconds,
        )
        write_metrics(outputs[0], evaluation)
        write_report(
            outputs[1],
            evaluation,
            title=context.request.out.name,
            facts=_facts(context),
            mistakes=worst_mistakes(context.dataset, context.spec, pictures, answers),
            shares_people=context.split.shares_people,
            warnings=[*context.request.warnings, *_warnings(context, evaluation)],
        )

    context.steps.run("evaluation", digest, outputs, make)
    return digest, msgspec.json.decode(outputs[0].read_bytes(), type=Evaluation)


def _warnings(context: BuildContext, evaluation: Evaluation) -> list[str]:
    """What a reader of the report should know before the figures."""
    said = []
    if context.judged != "test":
        said.append("No pictures were kept for a test. These chose the best epoch: the figures flatter the model.")
    if evaluation.pictures < FEW_PICTURES:
        said.append(
            f"Only {evaluation.pictures} pictures were left for this test; each one that is wrong weighs "
            f"{100 / evaluation.pictures:.1f} points. Take more pictures before you trust the figures."
        )
    if evaluation.loss_points is not None and evaluation.loss_points > LOST_POINTS:
        said.append(
            f"The small model answers {evaluation.loss_points:.1f} points worse than the full-precision one. More "
            "pictures for quantization (quantization.pictures) or longer training may help."
        )
    return said


def _float_answers(context: BuildContext, pictures: Sequence[Picture]) -> NDArray[np.float32]:
    """The float network's probabilities in the order of ``pictures``; they were saved in the split's order."""
    row = {path: i for i, path in enumerate(context.split.parts[context.judged])}
    found: NDArray[np.float32] = np.load(context.path("float-test.npy"))
    return found[[row[picture.path] for picture in pictures]]


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
            context.progress.say(f"  {EDGETPU_MODEL} belonged to the old model: run edge-asl compile-edgetpu again")
        write_bundle(request.out, _manifest(context, evaluation), files)

    written = [request.out / name for name in (LABELS, KNOWN_ANSWER, *contents)]
    # compile-edgetpu adds to the manifest; that is no reason to write the bundle without its model again.
    context.steps.run("bundle", digest, written, make, present=[request.out / MANIFEST])


def _manifest(context: BuildContext, evaluation: Evaluation | None) -> Manifest:
    """Everything but the list of files, which ``write_bundle`` fills in."""
    request = context.request
    created = datetime.now(UTC).replace(microsecond=0)
    facts = inspect_model(context.path(MODEL))
    return Manifest(
        format_version=FORMAT_VERSION,
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
    """What the report's table says of the model."""
    recipe = context.request.recipe
    history = msgspec.json.decode(context.path("history.json").read_bytes())
    model = inspect_model(context.path(MODEL))
    return {
        "model": f"{recipe.model.backbone}, width {recipe.model.alpha:g}, {recipe.model.size} px",
        "size": f"{model.size / 1e6:.2f} MB",
        "arithmetic": f"{model.multiply_accumulates / 1e6:.0f} million multiply-accumulates a picture",
        "smallest runtime": f"TensorFlow Lite {model.minimum_runtime}",
        "recipe": context.request.recipe_name,
        "seed": str(recipe.training.seed),
        "training": f"{len(history)} epochs, {sum(epoch[-1] for epoch in history):.0f} s",
        "split": describe_split(context.split, context.dataset),
        "data": f"{context.dataset.digest[:16]}…",
        **package_versions(),
    }
