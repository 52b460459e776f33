"""``edge-asl tune``: the most accurate model that a device runs within a budget of time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_asl.errors import QuantizationError, TrainingError
from edge_asl.evaluation.metrics import evaluate_predictions
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.build import build
from edge_asl.pipeline.bundle import HASHES, check_bundle_path
from edge_asl.pipeline.context import BuildRequest, open_context
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.search.candidates import Candidate, Entry, entries_of, searched_apart, without_weights
from edge_asl.search.outcome import Tuned, finish
from edge_asl.search.request import TuneRequest, Tuning
from edge_asl.search.studies import BUNDLE, DIGEST, MEDIAN_MS, WHY, SharedStudy, open_study
from edge_asl.search.timing import device_of, time_untrained
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import Input
from edge_asl_device.errors import BundleError
from edge_asl_device.files import sha256_of

if TYPE_CHECKING:
    from optuna.trial import Trial

    from edge_asl.training.checkpoint import Epoch, EpochListener

WAIT_S = 2.0
WARMUP = 1 / 3
"""Of the epochs: nothing is given up in these."""
_CANDIDATES_OWN = (TrainingError, QuantizationError, BundleError)
"""Errors that say something about one candidate, not about all."""


def tune(request: TuneRequest, progress: Progress) -> Tuned:
    """Search, or go on searching, and write the best bundle and the page.

    Each candidate's untrained int8 model is timed on the device first; what takes longer than the budget is not
    trained. The best is the one whose int8 model reads most of the validation part right; of equals, the quickest.

    Raises:
        EdgeAslError: anything a user can fix; the same command goes on.
    """
    tuning = _open(request, progress)
    deadline = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    for trial, candidate in _claims(tuning, deadline):
        _try(tuning, trial, candidate)
    return finish(tuning)


def _open(request: TuneRequest, progress: Progress) -> Tuning:
    entries = entries_of(request.recipe, request.settings, request.space, request.weights)
    if missing := without_weights(request.recipe, request.settings, request.space, request.weights):
        progress.say(f"not searched, as there are no weights for it: {', '.join(missing)}")
    check_bundle_path(request.out)
    device = device_of(request.target)
    # The data and the split are everybody's; nothing is built here.
    context = open_context(_build_request(request, next(iter(entries.values())), request.folder), progress)
    base = searched_apart(entries)
    begun_with = {
        "budget-ms": request.budget_ms,
        "on": device,
        "runtime": request.runtime,
        "data": context.dataset.digest,
        "recipe": digest_of(base),
        "weights": _weights_digest(entries),
        "candidates": list(entries),
        "prune": request.prune,
    }
    where = request.study or str(request.folder / "study.db")
    study = open_study(where, request.out.name, begun_with, max(1, round(base.training.epochs * WARMUP)))
    candidates = {name: entry.candidate for name, entry in entries.items()}
    shared = SharedStudy(study, candidates, request.trials, base.training.seed)
    return Tuning(request, entries, context, shared, device, progress)


def _build_request(request: TuneRequest, entry: Entry, folder: Path) -> BuildRequest:
    # The bundle's name is in the model: the candidates are told apart by the folder above.
    out, calibration = folder / request.out.name, folder / "calibration"
    return BuildRequest(request.data, request.recipe, entry.recipe, entry.weights, out, calibration)


def _weights_digest(entries: Mapping[str, Entry]) -> str:
    files = {entry.weights for entry in entries.values()}
    contents = {file: sha256_of(Path(file)) if Path(file).is_file() else file for file in files}
    if set(contents) == set(contents.values()):
        return ", ".join(sorted(files))
    return digest_of({name: contents[entry.weights] for name, entry in entries.items()})


def _claims(tuning: Tuning, deadline: float | None) -> Iterator[tuple[Trial, Candidate]]:
    """One candidate after the other, until all have been tried, by whomever, or the time is over."""
    shared, waits = tuning.shared, False
    while deadline is None or time.monotonic() < deadline:
        claimed = shared.claim()
        if claimed is not None:
            yield claimed
        elif others := shared.others_at_work():
            if not waits:
                tuning.progress.say(f"waiting for others, who are trying {', '.join(others)}")
            waits = True
            time.sleep(WAIT_S)
        else:
            return


def _try(tuning: Tuning, trial: Trial, candidate: Candidate) -> None:
    """Time it, train it if it fits, and tell the study."""
    shared, progress = tuning.shared, tuning.progress
    progress.say(_headline(tuning, candidate))
    try:
        with shared.alive(trial):
            _time_and_train(tuning, trial, candidate)
    except _CANDIDATES_OWN as error:
        progress.say(f"  {candidate.name} is left out: {error}")
        shared.fail(trial, str(error))
    except (RuntimeError, ValueError):  # what Optuna raises of a trial that has ended
        if _is_mine(tuning, trial):
            shared.fail(trial, None)
            raise
        progress.say(f"  {candidate.name}: somebody else has taken over, as this process gave no sign of life")
    except BaseException:
        shared.fail(trial, None)
        raise


def _is_mine(tuning: Tuning, trial: Trial) -> bool:
    """Whether the trial is still under way."""
    return any(one.number == trial.number and not one.state.is_finished() for one in tuning.shared.trials())


def _headline(tuning: Tuning, candidate: Candidate) -> str:
    trials = tuning.shared.trials()
    done = [trial for trial in trials if trial.state.is_finished()]
    values = [trial.value for trial in done if trial.state.name == "COMPLETE" and trial.value is not None]
    best = f", best so far {max(values):.1%}" if values else ""
    return f"{candidate.name}: candidate {len(trials)} of {tuning.shared.most}, {len(done)} done{best}"


def _time_and_train(tuning: Tuning, trial: Trial, candidate: Candidate) -> None:
    request = tuning.request
    folder = request.folder / candidate.name
    build_request = _build_request(request, tuning.entries[candidate.name], folder)
    milliseconds = _timed(tuning, build_request, candidate)
    trial.set_user_attr(MEDIAN_MS, milliseconds)
    if milliseconds > request.budget_ms:
        _prune(tuning, trial, f"over budget: {milliseconds:.2f} ms")
        return
    tuning.progress.say(f"  {milliseconds:.2f} ms on {tuning.device}: fits")
    _train(tuning, trial, build_request)


def _train(tuning: Tuning, trial: Trial, build_request: BuildRequest) -> None:
    from optuna.exceptions import TrialPruned

    from edge_asl.training.backbone import forget_networks

    _share_hashes(tuning.context.request.work, build_request.work)
    forget_networks()  # the draft's: even the tensors' names are then those of a build by itself
    try:
        listener = listener_of(trial, prune=tuning.request.prune)
        build(build_request._replace(listener=listener), tuning.progress)
    except TrialPruned as pruned:
        _prune(tuning, trial, str(pruned))
        shutil.rmtree(build_request.out.parent, ignore_errors=True)
        return
    accuracy = _validated(tuning, build_request.out)
    trial.set_user_attr(BUNDLE, str(build_request.out.absolute()))
    trial.set_user_attr(DIGEST, read_bundle(build_request.out).digest)
    tuning.shared.study.tell(trial, accuracy)
    tuning.progress.say(f"  {accuracy:.1%} of the validation pictures right, int8")
    _free_space(build_request.work)


def _prune(tuning: Tuning, trial: Trial, why: str) -> None:
    from optuna.trial import TrialState

    trial.set_user_attr(WHY, why)
    tuning.shared.study.tell(trial, state=TrialState.PRUNED)
    tuning.progress.say(f"  {why}")


def _timed(tuning: Tuning, build_request: BuildRequest, candidate: Candidate) -> float:
    known = tuning.shared.known_ms(candidate)
    if known is not None:
        return known
    recipe = build_request.recipe
    spec = Input(recipe.model.size, recipe.model.size, tuning.context.spec.crop, recipe.model.resize,
                 margin=recipe.data.margin)  # fmt: skip
    context = tuning.context._replace(request=build_request, spec=spec)
    return time_untrained(context, tuning.request.target, tuning.request.runtime, tuning.request.budget_ms)


def listener_of(trial: Trial, *, prune: bool) -> EpochListener:
    """Reports to the study, whose pruner may give the trial up: when its best epoch is worse than half of the others
    were by then.
    """
    from optuna.exceptions import TrialPruned

    def heard(epoch: Epoch) -> None:
        trial.report(epoch.validation_accuracy, epoch.epoch)
        if prune and trial.should_prune():
            raise TrialPruned(
                f"given up after epoch {epoch.epoch}: {epoch.validation_accuracy:.1%}, worse than half of the others"
            )

    return heard


def _validated(tuning: Tuning, bundle: Path) -> float:
    """How much of the validation part the int8 model reads right, 0 to 1. The test part decides nothing."""
    context = tuning.context
    wanted = set(context.split.parts["validation"])
    pictures = [picture for picture in context.dataset.pictures if picture.path in wanted]
    predictions = predict(bundle, context.dataset, pictures, tuning.progress)
    return float(evaluate_predictions(predictions, "validation").accuracy)


def _share_hashes(known: Path, work: Path) -> None:
    """Spare a candidate's build reading every picture only to hash it."""
    if (known / HASHES).is_file() and not (work / HASHES).exists():
        work.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(known / HASHES, work / HASHES)


def _free_space(work: Path) -> None:
    """What only its training needed; of dozens of candidates it would fill a disk."""
    for path in (work / "pictures.u8", *work.glob("features-*.npy")):
        path.unlink(missing_ok=True)
