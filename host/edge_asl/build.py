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

from edge_asl.bundle import git_commit, package_versions, version_of, write_bundle
from edge_asl.calibration import LIST, keep_calibration_pictures
from edge_asl.config import digest_of
from edge_asl.datasets.packed import pack
from edge_asl.datasets.types import Picture
from edge_asl.errors import AccuracyError
from edge_asl.evaluation.metrics import Evaluation, evaluate_predictions, to_manifest_metrics
from edge_asl.evaluation.run import classify_all, describe_split, worst_mistakes
from edge_asl.inspect import inspect_model
from edge_asl.progress import Progress
from edge_asl.runtimes import check_model
from edge_asl.tflite_metadata import embed_labels
from edge_asl.workshop import Request, Workshop, open_workshop
from edge_asl_device.contract.check import CHECK
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


def build(request: Request, progress: Progress) -> Evaluation:
    """Turn a folder of pictures into a bundle; returns what was measured on its test part.

    Raises:
        EdgeAslError: anything a user can mend; the bundle at ``request.out`` is then as it was.
    """
    shop = open_workshop(request, progress)
    _pack(shop)
    trained = _train(shop)
    quantized = _quantize(shop, trained)
    evaluated, evaluation = _evaluate(shop, quantized)
    if request.min_accuracy is not None and evaluation.accuracy < request.min_accuracy:
        raise AccuracyError(
            f"{request.data}: expected accuracy {request.min_accuracy:.1%} or more on {evaluation.split}, "
            f"found {evaluation.accuracy:.1%}; the bundle was not written, see {shop.path('report.html')}"
        )
    _bundle(shop, evaluated, evaluation)
    return evaluation


def _pack(shop: Workshop) -> None:
    target = shop.path("pictures.u8")

    def make() -> None:
        with shop.progress.task("decoded", len(shop.dataset.pictures)) as advance:
            pack(shop.dataset, shop.sample, target, lambda done, _: advance(done, ""))

    shop.steps.run("pictures", shop.base_digest, [target], make)


def _train(shop: Workshop) -> str:
    """Fit the float network; leaves its weights, its history and its answers on the test part."""
    recipe = shop.request.recipe
    weights = shop.request.weights
    content = sha256_of(Path(weights)) if Path(weights).is_file() else weights
    digest = digest_of(shop.base_digest, recipe.model, recipe.training, recipe.augmentation, content)
    outputs = [shop.path("float-weights.npz"), shop.path("history.json"), shop.path("float-test.npy")]

    def make() -> None:
        from edge_asl.training.checkpoint import save_weights
        from edge_asl.training.fit import Job, predict, train

        features = digest_of(shop.base_digest, recipe.model, content)[:16]
        checkpoint = shop.path(f"checkpoint-{digest[:16]}.npz")
        with shop.packed() as packed:
            job = Job(
                recipe,
                packed,
                packed.rows_of(shop.split.parts["train"]),
                packed.rows_of(shop.split.parts["validation"]),
                len(shop.dataset.labels),
                weights,
                shop.path(f"features-{features}.npy"),
                checkpoint,
                shop.path("logs") / digest[:16],
            )
            network, history = train(job, shop.progress)
            save_weights(outputs[0], network.get_weights())
            write_atomically(outputs[1], msgspec.json.format(msgspec.json.encode(history), indent=1))
            np.save(outputs[2], predict(network, job.pictures, packed.rows_of(shop.split.parts[shop.judged])))
        checkpoint.unlink(missing_ok=True)

    shop.steps.run("training", digest, outputs, make)
    return digest


def _quantize(shop: Workshop, trained: str) -> str:
    """Convert to int8, check against the contract, keep the representative pictures."""
    request, labels = shop.request, shop.dataset.labels
    digest = digest_of(trained, request.recipe.quantization, labels, request.out.name)
    model, kept = shop.path(MODEL), request.calibration / request.out.name

    def make() -> None:
        from edge_asl.quantize import choose_representative, quantize
        from edge_asl.training.backbone import NO_WEIGHTS, build_network
        from edge_asl.training.checkpoint import load_weights

        recipe = request.recipe
        network = build_network(recipe.model, len(labels), NO_WEIGHTS)
        network.set_weights(load_weights(shop.path("float-weights.npz")))
        with shop.packed() as packed:
            rows = choose_representative(
                packed.rows_of(shop.split.parts["train"]),
                packed.classes,
                recipe.quantization.pictures,
                recipe.training.seed,
            )
            shop.progress.say(f"  {len(rows)} representative pictures, full integer")
            converted = quantize(network, packed.read(rows))
        described = f"{len(labels)} hand signs, {recipe.model.backbone} {recipe.model.alpha:g}, full int8"
        content = embed_labels(converted, labels, request.out.name, described)
        check_model(content, len(labels), recipe.quantization.runtime, shop.progress)
        keep_calibration_pictures(kept, shop.dataset, [shop.dataset.pictures[row] for row in rows])
        write_atomically(model, content)

    shop.steps.run("quantization", digest, [model, kept / LIST], make)
    return digest


def _evaluate(shop: Workshop, quantized: str) -> tuple[str, Evaluation]:
    """Classify the test part through the device's own classifier, the float network's answers beside it."""
    digest = digest_of(quantized, "evaluation", shop.request.warnings)
    outputs = [shop.path(METRICS), shop.path(REPORT)]

    def make() -> None:
        from edge_asl.evaluation.report import write_metrics, write_report

        draft = shop.path("draft")
        write_bundle(draft, _manifest(shop, None), {MODEL: shop.path(MODEL).read_bytes()})
        pictures = shop.pictures(shop.judged)
        answers = classify_all(draft, shop.dataset, shop.sample, pictures, shop.progress)
        evaluation = evaluate_predictions(
            labels=shop.dataset.labels,
            truth=answers.truth,
            probabilities_int8=answers.probabilities,
            probabilities_float=_float_answers(shop, pictures),
            signers=[picture.signer for picture in pictures],
            split=f"{shop.judged} by {shop.split.how}",
            invoke_ms=answers.milliseconds,
        )
        write_metrics(outputs[0], evaluation)
        write_report(
            outputs[1],
            evaluation,
            title=shop.request.out.name,
            facts=_facts(shop),
            mistakes=worst_mistakes(shop.dataset, shop.sample, pictures, answers),
            shares_people=shop.split.shares_people,
            warnings=[*shop.request.warnings, *_warnings(shop, evaluation)],
        )

    shop.steps.run("evaluation", digest, outputs, make)
    return digest, msgspec.json.decode(outputs[0].read_bytes(), type=Evaluation)


def _warnings(shop: Workshop, evaluation: Evaluation) -> list[str]:
    """What a reader of the report should know before the figures."""
    said = []
    if shop.judged != "test":
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


def _float_answers(shop: Workshop, pictures: Sequence[Picture]) -> NDArray[np.float32]:
    """The float network's probabilities in the order of ``pictures``; they were saved in the split's order."""
    row = {path: i for i, path in enumerate(shop.split.parts[shop.judged])}
    found: NDArray[np.float32] = np.load(shop.path("float-test.npy"))
    return found[[row[picture.path] for picture in pictures]]


def _bundle(shop: Workshop, evaluated: str, evaluation: Evaluation) -> None:
    request = shop.request
    digest = digest_of(evaluated, request.recipe, request.recipe_name, request.version, request.out.name, CHECK)
    contents = (MODEL, METRICS, REPORT)

    def make() -> None:
        from edge_asl.check import make_check

        files = {name: shop.path(name).read_bytes() for name in contents}
        draft = shop.path("draft")
        write_bundle(draft, _manifest(shop, evaluation), files)
        files[CHECK] = make_check(draft)
        if (request.out / EDGETPU_MODEL).exists():
            shop.progress.say(f"  {EDGETPU_MODEL} belonged to the old model: run edge-asl compile-edgetpu again")
        write_bundle(request.out, _manifest(shop, evaluation), files)

    written = [request.out / name for name in (LABELS, CHECK, *contents)]
    # compile-edgetpu adds to the manifest; that is no reason to write the bundle without its model again.
    shop.steps.run("bundle", digest, written, make, present=[request.out / MANIFEST])


def _manifest(shop: Workshop, evaluation: Evaluation | None) -> Manifest:
    """Everything but the list of files, which ``write_bundle`` fills in."""
    request = shop.request
    created = datetime.now(UTC).replace(microsecond=0)
    facts = inspect_model(shop.path(MODEL))
    return Manifest(
        format_version=FORMAT_VERSION,
        name=request.out.name,
        version=request.version or version_of(created),
        created=created.isoformat().replace("+00:00", "Z"),
        files={},
        labels=list(shop.dataset.labels),
        input=shop.sample.spec,
        output=Output(len(shop.dataset.labels)),
        operators=facts.operator_versions,
        minimum_runtime=facts.minimum_runtime or "unknown",
        decoder=request.recipe.decoder,
        metrics=None if evaluation is None else to_manifest_metrics(evaluation),
        provenance=Provenance(
            recipe=request.recipe_name,
            recipe_digest=digest_of(request.recipe),
            seed=request.recipe.training.seed,
            data_digest=shop.dataset.digest,
            packages=package_versions(),
            git_commit=git_commit(Path(__file__).parent),
        ),
    )


def _facts(shop: Workshop) -> dict[str, str]:
    """What the report's table says of the model."""
    recipe = shop.request.recipe
    history = msgspec.json.decode(shop.path("history.json").read_bytes())
    model = inspect_model(shop.path(MODEL))
    return {
        "model": f"{recipe.model.backbone}, width {recipe.model.alpha:g}, {recipe.model.size} px",
        "size": f"{model.size / 1e6:.2f} MB",
        "arithmetic": f"{model.multiply_accumulates / 1e6:.0f} million multiply-accumulates a picture",
        "smallest runtime": f"TensorFlow Lite {model.minimum_runtime}",
        "recipe": shop.request.recipe_name,
        "seed": str(recipe.training.seed),
        "training": f"{len(history)} epochs, {sum(epoch[-1] for epoch in history):.0f} s",
        "split": describe_split(shop.split, shop.dataset),
        "data": f"{shop.dataset.digest[:16]}…",
        **package_versions(),
    }
