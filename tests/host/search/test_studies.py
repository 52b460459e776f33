"""One study, several processes: nobody tries what another tries, and what a killed one left is tried again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from edge_asl.errors import SearchError
from edge_asl.search.candidates import Candidate
from edge_asl.search.studies import CANDIDATE, GRACE_S, SEEN, WHY, WORKER, SharedStudy, open_study
from edge_asl.search.tune import listener_of
from edge_asl.training.checkpoint import Epoch

CANDIDATES = {
    one.name: one
    for one in (Candidate("mobilenet", width, size) for width in (0.25, 0.5, 1.0) for size in (32, 64, 96))
}
NAME = "tuned"
STORES = ("study.db", "study.journal")
WORDS = {"budget-ms": 15.0, "candidates": list(CANDIDATES)}


def shared(where: Path, most: int | None = None) -> SharedStudy:
    return SharedStudy(open_study(str(where), NAME, WORDS, warmup=2), CANDIDATES, most, seed=1)


def worker(where: Path, *, hang: bool = False) -> subprocess.Popen[str]:
    """A process that is ready, waits for a line, and tries all it can get, or holds on to the first; says what it has
    begun.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(where), str(int(hang))]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def work(where: Path, *, hang: bool) -> None:
    """What ``worker`` does."""
    study = shared(where)
    print("ready", flush=True)  # noqa: T201 - to whoever started this process
    sys.stdin.readline()
    while claimed := study.claim():
        trial, candidate = claimed
        print(candidate.name, flush=True)  # noqa: T201 - to whoever started this process
        time.sleep(600 if hang else 0.2)
        study.study.tell(trial, candidate.size / 1000 * (candidate.width or 1))


def told_to_begin(running: list[subprocess.Popen[str]]) -> list[str]:
    """What they print, all begun at once."""
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    return [one.communicate(timeout=120)[0] for one in running]


@pytest.mark.parametrize("store", STORES)
def test_two_processes_share_the_candidates(tmp_path: Path, store: str):
    where = tmp_path / store
    shared(where)  # its tables are there before both begin
    running = [worker(where) for _ in range(2)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    begun = [said.split() for said in told_to_begin(running)]

    assert [one.returncode for one in running] == [0, 0]
    assert Counter(begun[0] + begun[1]) == Counter(list(CANDIDATES))
    assert all(begun), "both found something to do"
    study = shared(where)
    assert study.claim() is None
    assert study.study.best_trial.user_attrs[CANDIDATE] == "mobilenet-1-96"


@pytest.mark.parametrize("store", STORES)
def test_what_a_killed_process_was_trying_comes_next(tmp_path: Path, store: str):
    with worker(tmp_path / store, hang=True) as killed:
        assert killed.stdout is not None
        assert killed.stdin is not None
        assert killed.stdout.readline() == "ready\n"
        killed.stdin.write("\n")
        killed.stdin.flush()
        held = killed.stdout.readline().strip()
        study = shared(tmp_path / store)
        assert study.others_at_work() == [held]
        other = study.claim()
        assert other is not None
        assert other[1].name != held
        killed.send_signal(signal.SIGKILL)

    again = study.claim()
    assert again is not None
    assert again[1].name == held


def test_a_process_elsewhere_that_gives_no_sign_of_life_is_given_up(tmp_path: Path):
    study = shared(tmp_path / "study.db")
    trial, candidate = study.claim() or pytest.fail("nothing to claim")
    trial.set_user_attr(WORKER, "maria@elsewhere/123456:7")

    trial.set_user_attr(SEEN, time.time() - GRACE_S + 60)
    assert study.others_at_work() == [candidate.name]
    trial.set_user_attr(SEEN, time.time() - GRACE_S - 1)
    assert study.others_at_work() == []
    assert study.claim()[1] == candidate  # type: ignore[index]


def test_no_more_are_tried_than_was_asked_for(tmp_path: Path):
    study = shared(tmp_path / "study.db", most=2)
    for _ in range(2):
        trial, _candidate = study.claim() or pytest.fail("nothing to claim")
        study.study.tell(trial, state=TrialState.PRUNED)

    assert study.claim() is None
    assert shared(tmp_path / "study.db", most=3).claim() is not None


def test_a_failed_candidate_is_left_to_the_next_process(tmp_path: Path):
    study = shared(tmp_path / "study.db")
    trial, failed = study.claim() or pytest.fail("nothing to claim")
    study.fail(trial, "no")
    following, other = study.claim() or pytest.fail("nothing to claim")

    assert other != failed
    study.study.tell(following, 0.5)
    assert shared(tmp_path / "study.db").claim()[1] == failed  # type: ignore[index]


def test_a_study_of_something_else_is_not_continued(tmp_path: Path):
    where = str(tmp_path / "study.db")
    open_study(where, NAME, WORDS, warmup=2)

    with pytest.raises(SearchError, match=r"study\.db.*begun with budget-ms 15\.0, found 20\.0.*--study"):
        open_study(where, NAME, WORDS | {"budget-ms": 20.0}, warmup=2)
    open_study(where, "another", WORDS | {"budget-ms": 20.0}, warmup=2)


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("broken.db", "broken.db"),
        ("broken.journal", "broken.journal"),
        ("nodb://maria:secret@host/base", "host/base"),
        ("sqlite:////nowhere/study.db", "nowhere/study.db"),
    ],
)
def test_a_study_that_cannot_be_opened_is_one_line_without_a_password(tmp_path: Path, where: str, shown: str):
    for name in ("broken.db", "broken.journal"):
        (tmp_path / name).write_text("no study\n" * 200)
    with pytest.raises(SearchError) as caught:
        open_study(where if "://" in where else str(tmp_path / where), NAME, WORDS, warmup=2)

    assert "\n" not in str(caught.value)
    assert shown in str(caught.value)
    assert "--study" in str(caught.value)
    assert "secret" not in str(caught.value)


def epoch(number: int, accuracy: float) -> Epoch:
    return Epoch(number, 1.0, accuracy, 1.0, accuracy, 1.0)


def test_a_training_that_goes_worse_than_half_of_the_others_is_given_up(tmp_path: Path):
    study = shared(tmp_path / "study.db")
    for value in (0.5, 0.6, 0.8, 0.9):
        trial, _ = study.claim() or pytest.fail("nothing to claim")
        for number in (1, 2, 3):
            listener_of(trial, prune=True)(epoch(number, value))
        study.study.tell(trial, value)
    good, bad, kept = (study.claim()[0] for _ in range(3))  # type: ignore[index]

    for number in (1, 2, 3):
        listener_of(good, prune=True)(epoch(number, 0.75))
        listener_of(kept, prune=False)(epoch(number, 0.65))
    listener_of(bad, prune=True)(epoch(1, 0.65))
    with pytest.raises(optuna.TrialPruned, match=r"after epoch 2: 65\.0%"):
        listener_of(bad, prune=True)(epoch(2, 0.65))


def test_the_study_says_why(tmp_path: Path):
    study = shared(tmp_path / "study.journal")
    trial, candidate = study.claim() or pytest.fail("nothing to claim")
    study.fail(trial, "loss is not finite")

    (read,) = study.study.trials
    assert read.params == {"backbone": "mobilenet", "width of mobilenet": candidate.width, "size": candidate.size}
    assert read.user_attrs[WHY] == "loss is not finite"
    assert json.dumps(read.user_attrs)


if __name__ == "__main__":
    work(Path(sys.argv[1]), hang=sys.argv[2] == "1")
