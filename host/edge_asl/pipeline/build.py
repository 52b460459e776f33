"""``edge-asl build``: data → split → pictures → training → quantization → evaluation → bundle.

Every step records the digest of its inputs in the working folder; a second build redoes only what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from edge_asl.datasets.people import all_named
from edge_asl.datasets.splits import describe_part, describe_split
from edge_asl.errors import AccuracyError
from edge_asl.evaluation.kept import FILE, keep_predictions
from edge_asl.evaluation.metrics import Evaluation, evaluate_predictions, to_manifest_metrics
from edge_asl.evaluation.predictions import hands_seen, most_confident_mistakes, predict
from edge_asl.pipeline.bundle import package_versions, write_bundle
from edge_asl.pipeline.context import BuildContext, BuildRequest, open_context
from edge_asl.pipeline.hand_models import hand_models
from edge_asl.pipeline.leave_one_out import ONE_BY_ONE, leave_out_each
from edge_asl.pipeline.models import FLOAT_PROBABILITIES, Models
from edge_asl.pipeline.people import left_out_in_turn
from edge_asl.pipeline.rehearsal import HANDS
from edge_asl.pipeline.square_models import square_models
from edge_asl.pipeline.workers import join_workers
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.training.training_file import FORMAT, VIEWS, encode_training_file, training_path
from edge_asl_device.contract.known_answer import KNOWN_ANSWER
from edge_asl_device.contract.manifest import EDGETPU_MODEL, LABELS, MANIFEST
from edge_asl_device.files import write_atomically

METRICS = "metrics.json"
REPORT = "report.html"

# With fewer pictures, or more points lost to quantization, the report warns.
FEW_PICTURES = 100
LOST_POINTS = 1.0


def build(request: BuildRequest, progress: Progress) -> Evaluation:
    """Turn folders of pictures into a bundle; returns what was measured on its test part.

    Raises:
        EdgeAslError: anything a user can fix; the bundle at ``request.out`` is then as it was.
    """
    workers = join_workers(request, progress)
    context = open_context(_one_by_one(request), progress)
    models = hand_models(context) if request.recipe.reads == "hand" else square_models(context, workers)
    if request.leave_one_out and models.predictions is None:
        models = models._replace(predictions=lambda context: leave_out_each(context, build))
    evaluated, evaluation = measure(context, models)
    if _shares_people(context, models):
        context.progress.say("warning: the same people may be in training and in test; this says nothing of strangers")
    write(context, models, evaluated, evaluation)
    _keep_training(context, models)
    return evaluation


def _one_by_one(request: BuildRequest) -> BuildRequest:
    """With --leave-one-out, recipes that read hands leave each person out by themselves instead of some at a time."""
    recipe = request.recipe
    if not request.leave_one_out or recipe.reads != "hand":
        return request
    data = msgspec.structs.replace(recipe.data, split="left-out")
    sign = msgspec.structs.replace(recipe.sign, folds=ONE_BY_ONE)
    return request._replace(recipe=msgspec.structs.replace(recipe, data=data, sign=sign))


def measure(context: BuildContext, models: Models) -> tuple[str, Evaluation]:
    """Measure the int8 model through the device's own recogniser, and beside it the float network.

    Returns:
        The digest of all that the figures depend on, and the figures.
    """
    request = context.request
    said = [context.dataset.warnings] if context.dataset.warnings else []
    asked = (request.recipe.decoder.accept_probability, request.warnings, request.leave_one_out)
    digest = digest_of(models.digest, Evaluation.__struct_fields__, *asked, *said)
    outputs = [context.path(METRICS), context.path(REPORT)]
    kept = context.path(FILE)

    def make() -> None:
        from edge_asl.evaluation.report import write_metrics, write_report

        draft = context.path("draft")
        write_bundle(draft, models.manifest(context, None), _contents(context, models.files))
        pictures = context.evaluated_pictures()
        kept.unlink(missing_ok=True)
        if models.predictions is None:
            predictions = predict(draft, context.dataset, pictures, context.progress)
            if models.has_float:
                predictions = predictions._replace(probabilities_float=np.load(context.path(FLOAT_PROBABILITIES)))
            measured = describe_part(context.split, context.evaluated_part)
        else:
            predictions = models.predictions(context)
            measured = left_out_in_turn(predictions.signers)
            pictures = pictures if context.leaves_out else list(context.dataset.pictures)
            keep_predictions(kept, context.dataset, pictures, predictions)
        evaluation = evaluate_predictions(predictions, measured)
        write_metrics(outputs[0], evaluation)
        write_report(
            outputs[1],
            evaluation,
            title=context.request.out.name,
            facts=_facts(context, models),
            mistakes=most_confident_mistakes(context.dataset, pictures, predictions),
            shares_people=_shares_people(context, models),
            hands=hands_seen(context.dataset, pictures, predictions),
            doubts=None if models.doubts is None else models.doubts(context),
            warnings=[*context.request.warnings, *_warnings(context, evaluation), *context.dataset.warnings],
        )

    context.cache.run("evaluation", digest, outputs, make, present=[] if models.predictions is None else [kept])
    return digest, msgspec.json.decode(outputs[0].read_bytes(), type=Evaluation)


def _shares_people(context: BuildContext, models: Models) -> bool:
    """Whether a person who is measured may have been trained on."""
    if context.leaves_out:
        return not all_named([picture.signer for picture in context.evaluated_pictures()])
    return context.split.shares_people and models.predictions is None


def _warnings(context: BuildContext, evaluation: Evaluation) -> list[str]:
    """What a reader of the report should know before the figures."""
    warnings = []
    if context.evaluated_part == "validation":
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


def write(context: BuildContext, models: Models, evaluated: str, evaluation: Evaluation) -> None:
    """Write the bundle of ``models`` with what ``measure`` found.

    Raises:
        AccuracyError: less accurate than was asked for.
    """
    request = context.request
    if request.min_accuracy is not None and evaluation.accuracy < request.min_accuracy:
        raise AccuracyError(
            f"{context.dataset.name}: expected accuracy {request.min_accuracy:.1%} or more on {evaluation.split}, "
            f"found {evaluation.accuracy:.1%}; the bundle was not written, see {context.path(REPORT)}"
        )
    digest = digest_of(
        evaluated,
        request.recipe,
        request.recipe_name,
        request.version,
        request.out.name,
        KNOWN_ANSWER,
        request.without_pictures,
        *context.public_data,
    )
    contents = (*models.files, METRICS, *([] if request.without_pictures else [REPORT]))
    metrics = to_manifest_metrics(evaluation)

    def make() -> None:
        from edge_asl.pipeline.known_answer import make_known_answer

        files = _contents(context, contents)
        draft = context.path("draft")
        write_bundle(draft, models.manifest(context, metrics), files)
        files[KNOWN_ANSWER] = make_known_answer(draft)
        if (request.out / EDGETPU_MODEL).exists():
            context.progress.say(f"  {EDGETPU_MODEL} is of the old model: run edge-asl compile-edgetpu again")
        write_bundle(request.out, models.manifest(context, metrics), files)

    written = [request.out / name for name in (LABELS, KNOWN_ANSWER, *contents)]
    # compile-edgetpu changes the manifest; that is no reason to write the bundle again without its model.
    context.cache.run("bundle", digest, written, make, present=[request.out / MANIFEST])


def _keep_training(context: BuildContext, models: Models) -> None:
    """Write beside the bundle what an improvement at the site needs of this build."""
    if (training_file := models.training_file) is None:
        return
    target = training_path(context.request.out)
    digest = digest_of(models.digest, FORMAT, VIEWS, HANDS)

    def make() -> None:
        write_atomically(target, encode_training_file(training_file(context)))

    context.cache.run("rehearsal set", digest, [target], make)


def _contents(context: BuildContext, names: Iterable[str]) -> dict[str, bytes]:
    return {name: context.path(name).read_bytes() for name in names}


def _facts(context: BuildContext, models: Models) -> dict[str, str]:
    """The rows of the report's last table."""
    return models.facts(context) | {
        "recipe": context.request.recipe_name,
        "seed": str(context.request.recipe.training.seed),
        "split": describe_split(context.split, context.dataset),
        "data": f"{context.dataset.digest[:16]}…",
        **{f"from {one.name}": f"{one.version[:12]}, {one.licence}" for one in context.public_data},
        **package_versions(),
    }
