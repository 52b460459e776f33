"""What a search ends with: the best bundle, measured once more, and a page of all that were trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from edge_asl.errors import SearchError
from edge_asl.evaluation.pareto import pareto_front
from edge_asl.pipeline.bundle import work_folder
from edge_asl.pipeline.compare import Measured, compare_bundles
from edge_asl.search.request import Tuning
from edge_asl.search.studies import BUNDLE, CANDIDATE, DIGEST, MEDIAN_MS, WHY, WORKER
from edge_asl.search.timing import time_bundle
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.errors import BundleError
from edge_asl_device.files import replacing_folder

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

PAGE = "tune.html"
MOST = 16
"""So many bundles are compared on the page: its figures have no room for more names."""


class Row(Struct, frozen=True):
    """What became of one candidate."""

    name: str
    state: str
    """``trained``, ``not trained``, ``given up``, ``running`` or ``not tried``."""
    untrained_ms: float | None = None
    """Median milliseconds of its untrained int8 model on the device."""
    validation_accuracy: float | None = None
    """0 to 1, of the int8 model."""
    why: str | None = None
    """Why it was not trained to the end, or was not taken."""
    trained_ms: float | None = None
    """Of those that might have been the best, once they were trained."""


class Tuned(Struct, frozen=True):
    """What a search has found."""

    budget_ms: float
    device: str
    best: Row
    trained_ms: float | None
    """Median milliseconds of the best bundle on the device; None: it lies elsewhere, and nobody has measured it yet."""
    accuracy: float | None
    """0 to 1, of the pictures of ``split``: they did not choose it, unless there is no test part."""
    split: str | None
    bundle: str | None
    """Where the best bundle was written."""
    elsewhere: str | None
    """Who has the best bundle, and where, if it is not here."""
    page: str | None
    candidates: tuple[Row, ...]


def finish(tuning: Tuning) -> Tuned:
    """Write the best bundle and the page.

    Raises:
        SearchError: none is trained yet, or none keeps to the budget.
    """
    rows = _rows(tuning)
    ranked = _ranked(tuning, rows)
    found = next(((trial, ms) for trial in ranked if (ms := _kept_to_budget(tuning, trial)) != -1), None)
    if found is None:
        raise SearchError(
            f"{tuning.request.folder}: expected a trained model within {tuning.request.budget_ms:g} ms, as the "
            "untrained ones were, found none; raise --budget-ms a little"
        )
    best, trained_ms = found
    rows = _with_trained_times(tuning, rows, ranked)
    row = next(row for row in rows if row.name == best.user_attrs[CANDIDATE])
    folder = _folder_of(best)
    if folder is not None:
        _copy(folder, tuning.request.out)
    accuracy, split, page = _page(tuning, [best, *(trial for trial in ranked if trial is not best)], rows)
    return Tuned(
        budget_ms=tuning.request.budget_ms,
        device=tuning.device,
        best=row,
        trained_ms=trained_ms,
        accuracy=accuracy,
        split=split,
        bundle=None if folder is None else str(tuning.request.out),
        elsewhere=None if folder else f"{best.user_attrs[WORKER]}: {best.user_attrs[BUNDLE]}",
        page=page,
        candidates=tuple(rows),
    )


def _rows(tuning: Tuning) -> list[Row]:
    """Every candidate: trained ones by accuracy, then the others by time."""
    trials = {trial.user_attrs[CANDIDATE]: trial for trial in tuning.shared.trials()}
    failed = {
        trial.user_attrs[CANDIDATE]: trial.user_attrs[WHY]
        for trial in tuning.shared.study.get_trials(deepcopy=False)
        if trial.state.name == "FAIL" and {CANDIDATE, WHY} <= trial.user_attrs.keys()
    }
    rows = [_row(name, trials.get(name), failed.get(name)) for name in tuning.entries]
    return sorted(rows, key=lambda row: (-(row.validation_accuracy or -1), row.untrained_ms or 1e9, row.name))


def _row(name: str, trial: FrozenTrial | None, failed: str | None) -> Row:
    if trial is None:
        return Row(name, "failed" if failed else "not tried", why=failed)
    state = {"COMPLETE": "trained", "RUNNING": "running"}.get(trial.state.name)
    if state is None:
        state = "given up" if trial.intermediate_values else "not trained"
    value = trial.value if state == "trained" else None
    return Row(name, state, trial.user_attrs.get(MEDIAN_MS), value, trial.user_attrs.get(WHY))


def _with_trained_times(tuning: Tuning, rows: list[Row], ranked: list[FrozenTrial]) -> list[Row]:
    """The rows once the best was looked for: those that were more accurate turned out too slow."""
    known, budget = tuning.shared.study.user_attrs, tuning.request.budget_ms
    times = {one.user_attrs[CANDIDATE]: known.get(_trained_key(one)) for one in ranked}

    def completed(row: Row) -> Row:
        ms = times.get(row.name)
        why = f"over budget once trained: {ms:.2f} ms" if ms is not None and ms > budget else row.why
        return replace(row, why=why, trained_ms=ms)

    return [completed(row) for row in rows]


def _trained_key(trial: FrozenTrial) -> str:
    """The study's word for a bundle's time."""
    return f"trained {trial.user_attrs[DIGEST]}"


def _ranked(tuning: Tuning, rows: list[Row]) -> list[FrozenTrial]:
    """The trained ones, the best first.

    Raises:
        SearchError: there is none.
    """
    trials = {trial.user_attrs[CANDIDATE]: trial for trial in tuning.shared.trials()}
    trained = [trials[row.name] for row in rows if row.state == "trained"]
    if trained:
        return trained
    errors = [row for row in rows if row.state == "failed"]
    slow = [row for row in rows if row.untrained_ms is not None]
    if len(slow) == tuning.shared.most:
        quickest = min(slow, key=lambda row: row.untrained_ms or 0.0)
        raise SearchError(
            f"--budget-ms {tuning.request.budget_ms:g}: expected a candidate as quick, found at best {quickest.name} "
            f"with {quickest.untrained_ms:.2f} ms on {tuning.device}; raise the budget, or add smaller --sizes"
        )
    if errors:
        raise SearchError(f"{errors[0].name}: {errors[0].why}")
    raise SearchError(f"{tuning.request.folder}: nothing is trained yet; the same command goes on")


def _kept_to_budget(tuning: Tuning, trial: FrozenTrial) -> float | None:
    """Its time on the device now that it is trained; −1 where that is over the budget, None where nobody knows."""
    folder, key = _folder_of(trial), _trained_key(trial)
    milliseconds = tuning.shared.study.user_attrs.get(key)
    if milliseconds is None:
        if folder is None:
            return None
        request = tuning.request
        milliseconds = time_bundle(
            folder, request.target, request.runtime, request.budget_ms, tuning.progress, keep=True
        )
        tuning.shared.study.set_user_attr(key, milliseconds)
    name, before = trial.user_attrs[CANDIDATE], trial.user_attrs[MEDIAN_MS]
    tuning.progress.say(f"{name}: {before:.2f} ms untrained, {milliseconds:.2f} ms trained")
    return float(milliseconds) if milliseconds <= tuning.request.budget_ms else -1


def _folder_of(trial: FrozenTrial) -> Path | None:
    """Its bundle, if it is here."""
    folder = Path(trial.user_attrs[BUNDLE])
    try:
        return folder if read_bundle(folder).digest == trial.user_attrs[DIGEST] else None
    except BundleError:
        return None


def _copy(bundle: Path, out: Path) -> None:
    """The bundle, and the working folder of its build: it tells which pictures were its test."""
    for source, target in ((work_folder(bundle), work_folder(out)), (bundle, out)):
        with replacing_folder(target) as beside:
            shutil.copytree(source, beside, dirs_exist_ok=True)


def _page(tuning: Tuning, ranked: list[FrozenTrial], rows: list[Row]) -> tuple[float | None, str | None, str | None]:
    """Accuracy of the best on the test part, which part that was, and the page's path."""
    here = [(trial, folder) for trial in _chosen(ranked) if (folder := _folder_of(trial)) is not None]
    if not here or here[0][0] is not ranked[0]:
        return None, None, None
    request, split = tuning.request, tuning.context.split
    times = tuning.shared.study.user_attrs
    measured = Measured(
        [trial.user_attrs[CANDIDATE] for trial, _ in here],
        tuning.device,
        [times.get(_trained_key(one), one.user_attrs[MEDIAN_MS]) for one, _ in here],
        _notes(tuning, rows, len(ranked) - len(here)),
    )
    part = "auto" if split.parts["test"] else "validation"
    recipe = tuning.context.request.recipe
    page = request.folder / PAGE
    found = compare_bundles(
        [folder for _, folder in here],
        request.data,
        part,
        recipe.data.layout,
        page,
        tuning.progress,
        measured=measured,
        signer_pattern=recipe.data.signer_pattern,
    )
    return found.bundles[0].evaluation.accuracy, found.split, str(page)


def _chosen(ranked: list[FrozenTrial]) -> list[FrozenTrial]:
    """At most ``MOST``: the best, then what is on the front of time and validation accuracy, then the next best."""
    front = pareto_front([(trial.user_attrs[MEDIAN_MS], trial.value or 0.0) for trial in ranked])
    order = sorted(range(len(ranked)), key=lambda i: (i > 0, not front[i], i))
    return [ranked[i] for i in order[:MOST]]


def _notes(tuning: Tuning, rows: list[Row], left_out: int) -> tuple[str, ...]:
    budget, validation = tuning.request.budget_ms, len(tuning.context.split.parts["validation"])
    notes = [
        f"The first was chosen by {validation} validation pictures, among those that take at most {budget:g} ms "
        f"untrained on {tuning.device}"
    ]
    kinds = {
        "not trained": "Not trained",
        "given up": "Given up in training",
        "failed": "Failed",
        "trained": "Not taken",
    }
    for state, what in kinds.items():
        if named := [f"{row.name} ({row.why})" for row in rows if row.state == state and row.why]:
            notes.append(f"{what}: {', '.join(named)}")
    if left_out:
        notes.append(f"{left_out} trained models are not shown")
    return tuple(notes)


def format_tuned(tuned: Tuned) -> str:
    """The table for the terminal, no newline at the end."""
    widths = [max(len(row.name) for row in tuned.candidates), 11]
    lines = [f"{'':{widths[0]}}  {'':{widths[1]}}  untrained  validation"]
    for row in tuned.candidates:
        time = "" if row.untrained_ms is None else f"{row.untrained_ms:.2f} ms"
        accuracy = "" if row.validation_accuracy is None else f"{row.validation_accuracy:.1%}"
        lines.append(
            f"{row.name:{widths[0]}}  {row.state:{widths[1]}}  {time:>9}  {accuracy:>10}  {row.why or ''}".rstrip()
        )
    best = tuned.best
    right = f"{best.validation_accuracy:.1%} of the validation pictures"
    lines += ["", f"best within {tuned.budget_ms:g} ms on {tuned.device}: {best.name}, {right}"]
    if tuned.trained_ms is not None:
        lines.append(f"time on {tuned.device}: {best.untrained_ms:.2f} ms untrained, {tuned.trained_ms:.2f} ms trained")
    if tuned.accuracy is not None:
        lines.append(f"accuracy: {tuned.accuracy:.1%} ({tuned.split})")
    lines.append(
        f"bundle: {tuned.bundle}" if tuned.bundle else f"the bundle is not here; copy it from {tuned.elsewhere}"
    )
    if tuned.page:
        lines.append(f"page: {tuned.page}")
    return "\n".join(lines)
