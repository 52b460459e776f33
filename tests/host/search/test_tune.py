"""``edge-asl tune`` on this machine as the device: real timings, real trainings, killed in one of them.

The budget lies between two sizes of picture whose times are thirty times apart.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import pytest
from html_page import Page
from tiny_build import QUIET, TINY, edge_asl, in_child

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MODEL
from edge_asl_device.files import sha256_of

WITHIN, OVER = ("mobilenet-0.25-32", "mobilenet-0.25-40"), ("mobilenet-0.25-224", "mobilenet-0.25-256")
EPOCHS = "4"
WEIGHTS = "mobilenet_0.25_224_no_top.weights.h5"
# The head alone, on what pretrained layers make of a picture: an epoch takes milliseconds.
SETTINGS = {key: value for key, value in TINY.items() if not key.startswith("model.")}
SETTINGS |= {"training.layers": "0", "training.variants": "1", "training.epochs": EPOCHS}
SETTINGS |= {"quantization.runtime": "litert", "training.learning_rate": "0.01"}
SETS = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


class Searched:
    """A search that was killed while it trained its first candidate, and started again."""

    def __init__(self, data: Path, weights: Path, folder: Path, quick_ms: float) -> None:
        self.data, self.weights = data, weights
        self.out = folder / "models" / "tuned"
        self.device = folder / "kiosk"
        self.budget_ms = 5 * quick_ms
        self.killed = self._killed_after_an_epoch()
        self.run = edge_asl(*self.arguments(), "--json")
        assert self.run.returncode == 0, self.run.stderr[-3000:]
        self.found: dict[str, Any] = json.loads(self.run.stdout)

    def arguments(self, budget_ms: float | None = None) -> list[str]:
        where = ["--data", str(self.data), "--out", str(self.out), "--on", f"local:{self.device}"]
        space = ["--backbones", "mobilenet", "--widths", "0.25", "--sizes", "32,40,224,256"]
        budget = ["--budget-ms", str(budget_ms or self.budget_ms)]
        return ["tune", *where, *space, *budget, "--recipe", "demo", "--weights", str(self.weights), *SETS]

    def _killed_after_an_epoch(self) -> str:
        said = []
        command = [sys.executable, "-m", "edge_asl", *self.arguments()]
        with subprocess.Popen(command, env=os.environ | QUIET, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            for line in running.stderr:
                said.append(line)
                if line.startswith(f"  epoch 1/{EPOCHS}: loss"):
                    break
            running.send_signal(signal.SIGKILL)
        return "".join(said)

    @property
    def study(self) -> optuna.Study:
        return optuna.load_study(study_name="tuned", storage=f"sqlite:///{self.out}-tune/study.db")


def timed(bundle: Path, device: Path) -> float:
    run = edge_asl("bench", bundle, "--on", f"local:{device}", "--runs", "50", "--json")
    assert run.returncode == 0, run.stderr
    return float(json.loads(run.stdout)["whole_path_ms"]["median"])


class Exhaustive(NamedTuple):
    """Builds by themselves of all that is within the budget."""

    bundles: dict[str, Path]
    accuracy: dict[str, float]
    """Of the validation part."""


@pytest.fixture(scope="module")
def exhaustive(drawn: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Exhaustive:
    """In one process, because TensorFlow takes long to start."""
    folder = tmp_path_factory.mktemp("exhaustive")
    said = in_child(__file__, drawn, weights / WEIGHTS, folder)
    return Exhaustive({name: folder / name / "tuned" for name in WITHIN}, json.loads(said.splitlines()[-1]))


def build_all(data: Path, weights: str, folder: Path) -> dict[str, float]:
    """What the child does: build each, and measure it on the validation part."""
    from edge_asl.pipeline.build import build
    from edge_asl.pipeline.context import BuildRequest
    from edge_asl.pipeline.evaluate import evaluate_bundle
    from edge_asl.progress import Quiet
    from edge_asl.recipes.recipe import load_recipe
    from edge_asl.training.backbone import forget_networks

    accuracy = {}
    for name in WITHIN:
        backbone, width, size = name.split("-")
        model = [f"model.backbone={backbone}", f"model.alpha={width}", f"model.size={size}"]
        recipe = load_recipe("demo", [*(f"{key}={value}" for key, value in SETTINGS.items()), *model])
        out = folder / name / "tuned"
        forget_networks()
        build(BuildRequest([data], "demo", recipe, weights, out, folder / name / "calibration"), Quiet())
        accuracy[name] = evaluate_bundle(out, [data], "validation", "auto", None, Quiet()).accuracy
    return accuracy


@pytest.fixture(scope="module")
def searched(drawn: Path, weights: Path, exhaustive: Exhaustive, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("searched")
    return Searched(drawn, weights, folder, timed(exhaustive.bundles[WITHIN[0]], folder / "kiosk"))


def test_nothing_over_budget_is_trained(searched: Searched):
    rows = {row["name"]: row for row in searched.found["candidates"]}

    assert rows.keys() == {*WITHIN, *OVER}
    assert {rows[name]["state"] for name in WITHIN} == {"trained"}
    assert {rows[name]["state"] for name in OVER} == {"not trained"}
    for name in OVER:
        assert rows[name]["untrained_ms"] > searched.budget_ms
        assert rows[name]["why"] == f"over budget: {rows[name]['untrained_ms']:.2f} ms"
        assert not (searched.out.with_name("tuned-tune") / name).exists()
    states = {trial.user_attrs["candidate"]: trial.state.name for trial in searched.study.trials}
    assert {states[name] for name in OVER} == {"PRUNED"}


def test_killed_it_goes_on_with_what_it_was_training(searched: Searched):
    (trained,) = re.findall(r"^(\S+): candidate .*\n(?:  .*\n)*?  \S+ ms on .*: fits$", searched.killed, re.MULTILINE)
    timed_before = re.findall(r"^(\S+): candidate", searched.killed, re.MULTILINE)
    headings = re.findall(r"^(\S+): candidate", searched.run.stderr, re.MULTILINE)

    assert headings[0] == trained
    assert re.search(rf"resuming after epoch \d+ of {EPOCHS}", searched.run.stderr)
    assert sorted([*timed_before, *headings[1:]]) == sorted([*WITHIN, *OVER]), "nothing but it was timed again"
    before = re.search(r"  (\S+) ms on .*: fits", searched.killed)
    again = re.search(r"  (\S+) ms on .*: fits", searched.run.stderr)
    assert before
    assert again
    assert before[1] == again[1]
    failed = [trial for trial in searched.study.trials if trial.state.name == "FAIL"]
    assert [trial.user_attrs["candidate"] for trial in failed] == [trained]


def test_the_best_is_that_of_an_exhaustive_run(searched: Searched, exhaustive: Exhaustive):
    for name, bundle in exhaustive.bundles.items():
        kept = searched.out.with_name("tuned-tune") / name / "tuned"
        assert sha256_of(kept / MODEL) == sha256_of(bundle / MODEL), "the search trains as a build does"

    rows = {row["name"]: row for row in searched.found["candidates"]}
    assert {name: rows[name]["validation_accuracy"] for name in WITHIN} == exhaustive.accuracy
    best = min(WITHIN, key=lambda name: (-exhaustive.accuracy[name], rows[name]["untrained_ms"]))
    assert searched.found["best"]["name"] == best
    assert sha256_of(searched.out / MODEL) == sha256_of(exhaustive.bundles[best] / MODEL)


def test_the_best_bundle_is_timed_again_and_is_a_build_like_any_other(searched: Searched):
    bundle = read_bundle(searched.out)

    assert bundle.manifest.name == "tuned"
    assert 0 < searched.found["trained_ms"] <= searched.budget_ms
    run = edge_asl("evaluate", searched.out, "--data", searched.data, "--split", "test", "--json")
    assert json.loads(run.stdout)["accuracy"] == searched.found["accuracy"]
    assert len(list((searched.device / "releases").iterdir())) == 2, "what the test has timed, and the best"
    assert not (searched.device / "lock").exists()


def test_the_page_shows_what_was_trained_on_the_front_of_the_devices_times(searched: Searched):
    page = Page(Path(searched.found["page"]).read_text())
    device = searched.found["device"]

    text = "\n".join(page.text)
    assert f"median time on {device}" in text
    assert "Not trained: " in text
    for name in (*WITHIN, *OVER):
        assert name in text


def test_done_it_does_nothing_again_and_another_budget_is_another_study(searched: Searched):
    again = edge_asl(*searched.arguments(), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["best"] == searched.found["best"]
    assert ": candidate" not in again.stderr
    assert "sent" not in again.stderr

    other = edge_asl(*searched.arguments(budget_ms=1000))
    assert other.returncode == 1
    assert len(other.stderr.strip().splitlines()[-1].split("begun with budget-ms")) == 2


if __name__ == "__main__":
    print(json.dumps(build_all(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))  # noqa: T201
