"""A search's study: Optuna's storage, what it was begun with, and who works on which candidate.

Several processes, on several workstations, may work on one study. Whoever begins a candidate creates a trial with its
name; of two trials of one candidate the one with the lower number counts. A killed process is noticed, as its trial's
time of last sign of life grows old, or at once on its own machine; its candidate is then open again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_asl.deploy.lock import LockHolder, lock_owner, may_break
from edge_asl.errors import SearchError, ToolMissing
from edge_asl.search.candidates import Candidate
from edge_asl.search.choice import given, next_candidate, parameters, record
from edge_asl_device.errors import one_line

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

PULSE_S = 30.0
GRACE_S = 300.0
"""A trial whose process has given no sign of life for so long is nobody's."""
DECIDING_S = 30.0
"""How long a trial may be without a candidate; it takes milliseconds."""
POLL_S = 0.2
SQLITE_BUSY_S = 60.0
CANDIDATE, WORKER, SEEN, MEDIAN_MS, WHY, BUNDLE, DIGEST = (
    "candidate", "worker", "seen", "median_ms", "why", "bundle", "digest"
)  # fmt: skip
"""What a trial says of itself."""


def open_study(where: str, name: str, begun_with: Mapping[str, Any], warmup: int) -> Study:
    """The study at ``where``, made if it is not there.

    Args:
        where: a database's address (``postgresql://…``), a journal (``….journal`` or ``….log``), or an SQLite file.
        name: of the study in it.
        begun_with: everything that its results depend on.
        warmup: epochs in which no trial is given up.

    Raises:
        ToolMissing: Optuna is not installed.
        SearchError: it cannot be opened, or was begun with something else.
    """
    optuna = _optuna()
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=warmup)
    shown = where.rpartition("@")[2]  # what comes before may be a password
    try:
        study: Study = optuna.create_study(
            storage=_storage(where), study_name=name, direction="maximize", load_if_exists=True, pruner=pruner
        )
        for key, value in begun_with.items():
            if key not in study.user_attrs:
                study.set_user_attr(key, value)
        known = study.user_attrs
    except Exception as error:  # Optuna's, SQLAlchemy's, its driver's
        reason = one_line(" ".join(str(error).split()))[:300].replace(where, shown)
        raise SearchError(f"{shown}: this study cannot be opened: {reason}; name another --study") from error
    for key, value in begun_with.items():
        if known[key] != value:
            raise SearchError(
                f"{shown}: this study was begun with {key} {_brief(known[key])}, found {_brief(value)}; "
                "give what it was begun with, or name another --study"
            )
    return study


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ToolMissing("optuna: not installed; install it with pip install 'edge-asl[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _storage(where: str) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if "://" in where:
        return RDBStorage(where)
    # Absolute: with another path, a lock that a killed process has left is never broken.
    path = Path(where).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".journal", ".log"):
        return JournalStorage(JournalFileBackend(str(path)))
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": SQLITE_BUSY_S}})


def _brief(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


class SharedStudy:
    """A study as this process works on it."""

    def __init__(self, study: Study, candidates: Mapping[str, Candidate], most: int | None, seed: int) -> None:
        self.study, self.candidates = study, candidates
        self.most = len(candidates) if most is None else min(most, len(candidates))
        """So many candidates are tried, by all together."""
        self._seed = seed
        self._failed: set[str] = set()
        self.worker = lock_owner()

    def trials(self) -> list[FrozenTrial]:
        """Those that count: one of each candidate that was tried or is being tried."""
        return _counted(self.study.get_trials(deepcopy=False))

    def claim(self) -> tuple[Trial, Candidate] | None:
        """A trial of the next candidate, this process's own; None if nothing is left to begin."""
        while True:
            self._give_up_on_the_dead()
            everything = self.study.get_trials(deepcopy=False)
            counted = _counted(everything)
            taken = {trial.user_attrs[CANDIDATE] for trial in counted} | self._failed
            open_ones = [name for name in self.candidates if name not in taken]
            if not open_ones or len(counted) >= self.most:
                return None
            interrupted = [t.user_attrs[CANDIDATE] for t in everything if t.user_attrs.get(CANDIDATE) in open_ones]
            candidate = (
                self.candidates[interrupted[0]]
                if interrupted  # its build goes on where it stopped
                else next_candidate(self.candidates, open_ones, everything, self._seed)
            )
            trial = self._begin(candidate)
            if self._is_first(trial, candidate):
                return trial, candidate
            self._tell_failed(trial.number)

    def _begin(self, candidate: Candidate) -> Trial:
        self.study.sampler = given(parameters(candidate))
        trial = self.study.ask()
        trial.set_user_attr(WORKER, self.worker)
        trial.set_user_attr(SEEN, time.time())
        record(trial, candidate, self.candidates)
        trial.set_user_attr(CANDIDATE, candidate.name)
        return trial

    def _is_first(self, trial: Trial, candidate: Candidate) -> bool:
        """Whether no trial with a lower number is of the same candidate; those that have none yet are waited for."""
        deadline = time.monotonic() + DECIDING_S
        while True:
            earlier = [one for one in self.study.get_trials(deepcopy=False) if one.number < trial.number]
            undecided = [one for one in earlier if _is_running(one) and CANDIDATE not in one.user_attrs]
            if not undecided:
                break
            if time.monotonic() > deadline:
                for one in undecided:
                    self._tell_failed(one.number)
            time.sleep(POLL_S)
        counted = _counted(earlier)
        return len(counted) < self.most and candidate.name not in {one.user_attrs[CANDIDATE] for one in counted}

    def others_at_work(self) -> list[str]:
        """The candidates that other processes are trying now."""
        self._give_up_on_the_dead()
        return [trial.user_attrs[CANDIDATE] for trial in self.trials() if _is_running(trial)]

    def fail(self, trial: Trial, why: str | None) -> None:
        """End a trial without a result. Without a reason it was only interrupted, and its candidate is open again. With
        one, this process does not try it again.
        """
        if why is not None:
            self._failed.add(trial.user_attrs[CANDIDATE])
            with contextlib.suppress(RuntimeError):  # somebody else has ended it
                trial.set_user_attr(WHY, why)
        self._tell_failed(trial.number)

    @contextlib.contextmanager
    def alive(self, trial: Trial) -> Iterator[None]:
        """Give a sign of life every ``PULSE_S``."""
        ended = threading.Event()

        def pulse() -> None:
            while not ended.wait(PULSE_S):
                with contextlib.suppress(Exception):  # the next one may get through; what matters is told elsewhere
                    trial.set_user_attr(SEEN, time.time())

        thread = threading.Thread(target=pulse, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def known_ms(self, candidate: Candidate) -> float | None:
        """What an earlier trial measured."""
        trials = self.study.get_trials(deepcopy=False)
        found = [t.user_attrs[MEDIAN_MS] for t in trials if _is_of(t, candidate) and MEDIAN_MS in t.user_attrs]
        return float(found[-1]) if found else None

    def _give_up_on_the_dead(self) -> None:
        for trial in self.study.get_trials(deepcopy=False):
            if _is_running(trial) and self._is_dead(trial):
                self._tell_failed(trial.number)

    def _is_dead(self, trial: FrozenTrial) -> bool:
        worker, seen = trial.user_attrs.get(WORKER), trial.user_attrs.get(SEEN)
        if worker is None or seen is None:
            return False
        silent_s = time.time() - seen
        return silent_s > GRACE_S or may_break(LockHolder(worker, silent_s), asked=False)

    def _tell_failed(self, number: int) -> None:
        from optuna.trial import TrialState

        with contextlib.suppress(ValueError, RuntimeError):  # somebody else has ended it
            self.study.tell(number, state=TrialState.FAIL)


def _counted(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Of each candidate the first trial that has not failed."""
    from optuna.trial import TrialState

    found: dict[str, FrozenTrial] = {}
    for trial in sorted(trials, key=lambda one: one.number):
        name = trial.user_attrs.get(CANDIDATE)
        if name is not None and trial.state != TrialState.FAIL:
            found.setdefault(name, trial)
    return list(found.values())


def _is_running(trial: FrozenTrial) -> bool:
    from optuna.trial import TrialState

    return trial.state == TrialState.RUNNING


def _is_of(trial: FrozenTrial, candidate: Candidate) -> bool:
    return bool(trial.user_attrs.get(CANDIDATE) == candidate.name)
