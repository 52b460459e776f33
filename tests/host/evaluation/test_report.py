"""The page: complete, self-contained, valid, and safe with other people's file names."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from html_page import HOSTILE, Page

from edge_asl.evaluation.conditions import Conditions
from edge_asl.evaluation.metrics import Evaluation, Predictions, evaluate_predictions
from edge_asl.evaluation.report import (
    MOST_MISTAKES,
    DoubtedLabels,
    HandsSeen,
    Mistake,
    SeenPicture,
    write_metrics,
    write_report,
)
from edge_asl.evaluation.stress import CorruptionScore, StressScores
from edge_asl_device.contract.preprocess import Square


def make_evaluation(
    classes: int = 10, *, people: int | None = 4, right: float = 3.0, absent: int | None = None, pictures: int = 200
) -> Evaluation:
    """Random predictions that favour the truth by ``right`` logits."""
    random = np.random.default_rng(classes)
    truth = np.arange(pictures) % classes
    if absent is not None:
        truth[truth == absent] = (absent + 1) % classes
    logits = random.normal(0, 1, (pictures, classes))
    logits[np.arange(pictures), truth] += right
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = Predictions(
        labels=tuple(f"L{i}" for i in range(classes)),
        truth=truth,
        probabilities=(np.floor(probability * 255.99) / 256).astype(np.float32),
        probabilities_float=probability.astype(np.float32),
        signers=[None if people is None else f"person {i % people}" for i in range(pictures)],
        latencies_ms=[1.25, 1.5, 9.0],
    )
    return evaluate_predictions(predictions, "test by signer")


def make_mistake(path: str, probability: float, truth: str = "A", size: tuple[int, int] = (300, 200)) -> Mistake:
    """A picture whose left half is red."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[:, : size[1] // 2, 0] = 255
    return Mistake(path, truth, "B", probability, picture)


def write(tmp_path: Path, evaluation: Evaluation, **changes: Any) -> str:
    path = tmp_path / "report.html"
    given: dict[str, Any] = {
        "title": "asl-letters 1.0",
        "facts": {"Model size": "0.66 MB"},
        "mistakes": [make_mistake("A/1.jpg", 0.9)],
        "shares_people": False,
        "warnings": [],
    }
    write_report(path, evaluation, **given | changes)
    return path.read_text(encoding="utf-8")


CASES = {
    "two classes": {"classes": 2},
    "ten": {"classes": 10},
    "29": {"classes": 29, "pictures": 400},
    "no signers": {"people": None},
    "one person": {"people": 1},
    "many people": {"people": 45},
    "no mistakes": {"right": 60.0},
    "all wrong": {"right": -60.0},
    "a class is absent": {"absent": 3},
    "one picture": {"pictures": 1},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_case_gives_a_sound_page(tmp_path: Path, case: dict[str, Any]):
    text = write(
        tmp_path, make_evaluation(**case), mistakes=[] if case.get("right") == 60.0 else [make_mistake("a", 0.5)]
    )
    page = Page(text)

    assert re.findall(r"https?:|//[a-z]|url\((?!#)|@import", text) == [], "nothing from elsewhere"
    assert {a.get("href", "#")[:1] for _, a in page.elements} == {"#"}
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {*re.findall(r"url\(#([^)]+)\)", text), *(a["href"][1:] for _, a in page.elements if a.get("href"))}
    assert targets <= set(ids), "the figures' clip paths are found"
    assert "None" not in "".join(page.text)
    assert "nan" not in "".join(page.text)
    assert len(page.all("h1")) == 1
    assert all(a.get("aria-label") for a in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_a_split_that_shares_people_is_warned_of(tmp_path: Path):
    evaluation = make_evaluation()
    shared = write(tmp_path, evaluation, shares_people=True, warnings=["Only 3 pictures show Q."])

    assert "This figure does not hold for strangers." in shared
    assert "it had never seen" not in shared
    assert "Only 3 pictures show Q." in shared
    apart = write(tmp_path, evaluation)
    assert "strangers.</strong>" not in apart
    assert "4 people it had never seen: on average it reads" in apart


def test_where_all_are_left_out_in_turn_no_test_part_is_explained(tmp_path: Path):
    for evaluation, in_turn in ((with_hands(), True), (make_evaluation(), False)):
        text = write(tmp_path, evaluation)
        assert ("<dt>Left out in turn</dt>" in text, "It never saw the other part" in text) == (in_turn, not in_turn)


def test_a_class_without_pictures_is_named(tmp_path: Path):
    assert "No test picture shows L3, so" in write(tmp_path, make_evaluation(absent=3))


def test_hostile_text_stays_text(tmp_path: Path):
    evaluation = make_evaluation(3)
    labels = (HOSTILE, '"><script>alert(1)</script>', "</svg></style>{{ e }}")
    random = np.random.default_rng(0).dirichlet([1] * 3, 60).astype(np.float32)
    signers = [HOSTILE if i % 2 else "</text><script>" for i in range(60)]
    evaluation = evaluate_predictions(Predictions(labels, np.arange(60) % 3, random, signers), HOSTILE)
    text = write(
        tmp_path,
        evaluation,
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        mistakes=[make_mistake(HOSTILE, 0.9, truth=HOSTILE)],
        warnings=[HOSTILE],
    )
    page = Page(text)

    assert page.all("script") == []
    assert [a for _, a in page.elements if "onerror" in a] == []
    assert [a["src"] for a in page.all("img") if not str(a["src"]).startswith("data:image/jpeg;base64,")] == []
    assert HOSTILE in page.text
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")


def test_the_most_confident_mistakes_are_shown_small(tmp_path: Path):
    mistakes = [make_mistake(f"A/{i}.jpg", i / 100) for i in range(40)]
    page = Page(write(tmp_path, make_evaluation(), mistakes=mistakes))

    pictures = page.all("img")
    assert len(pictures) == MOST_MISTAKES
    assert "A/39.jpg" in page.text
    assert "A/15.jpg" not in page.text
    assert pictures[0]["alt"] == "Shows A, recognised as B"
    jpeg = base64.b64decode(str(pictures[0]["src"]).partition(",")[2])
    thumbnail = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert thumbnail.shape == (160, 107, 3)
    assert thumbnail[80, 20].tolist() == pytest.approx([255, 0, 0], abs=12), "red is red"


def test_the_page_is_the_same_every_time(tmp_path: Path):
    assert write(tmp_path, make_evaluation()) == write(tmp_path, make_evaluation())


def test_only_what_is_all_is_called_100_percent(tmp_path: Path):
    random = np.full((3000, 2), [1, 0], np.float32)
    predictions = Predictions(("A", "B"), np.array([0] * 2999 + [1]), random, [None] * 3000)
    evaluation = evaluate_predictions(predictions, "test")

    assert '<div class="value">99.9\N{NO-BREAK SPACE}%</div>' in write(tmp_path, evaluation)


def test_metrics_are_written_for_programs(tmp_path: Path):
    evaluation = make_evaluation(3)
    write_metrics(tmp_path / "metrics.json", evaluation)

    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["accuracy"] == evaluation.accuracy
    assert found["confusion"] == [list(row) for row in evaluation.confusion]
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


def test_good_only_at_home_is_said_first_and_in_red(tmp_path: Path):
    text = write(tmp_path, make_evaluation(), alarm="This model is good only at home: 99 %, 34 %.")

    assert 'class="notice alarm" role="alert"' in text
    assert text.index("good only at home") < text.index('class="lead"') < text.index('class="tiles"')


def with_hands(pictures: int = 60) -> Evaluation:
    """Five people; a hand is found in all pictures but every tenth; conditions vary with the row."""
    random = np.random.default_rng(1)
    truth = np.arange(pictures) % 3
    probability = random.dirichlet([1] * 3, pictures).astype(np.float32)
    probability[np.arange(pictures), truth] += 1
    predictions = Predictions(
        ("A", "B", "nothing"),
        truth,
        probability / probability.sum(axis=1, keepdims=True),
        [f"person {row % 5}" for row in range(pictures)],
        squares=[None if row % 10 == 0 else Square(0, 0, 9) for row in range(pictures)],
        hand_stage=True,
        threshold=0.6,
        conditions=[Conditions(row / pictures, row % 2 == 0, 30 + row, 50.0) for row in range(pictures)],
    )
    return evaluate_predictions(predictions, "people left out in turn")


def test_people_hands_and_conditions(tmp_path: Path):
    evaluation = with_hands()
    missed = [SeenPicture(HOSTILE, "A", np.zeros((40, 30, 3), np.uint8))]
    found = [SeenPicture("b.jpg", "B", np.zeros((40, 40, 3), np.uint8))]
    page = Page(write(tmp_path, evaluation, hands=HandsSeen(found, missed, [HOSTILE, "x/2.jpg"])))
    words = " ".join(page.text)

    assert "Not found: 1 of 2" in words
    assert "All 2 files in which no hand was found" in words
    assert "x/2.jpg" in words
    assert [a for _, a in page.elements if "onerror" in a] == []
    assert "hand size" in words
    assert "left in the picture" in words
    assert "room brightness" not in words, "what does not vary says nothing"
    assert "Of these right" in words


def test_doubted_labels_are_all_named(tmp_path: Path):
    shown = [make_mistake(HOSTILE, 0.9), make_mistake("x/0.jpg", 0.9)]
    named = [HOSTILE, *(f"x/{n}.jpg (A → B)" for n in range(30))]
    page = Page(write(tmp_path, make_evaluation(), doubts=DoubtedLabels(shown, named), mistakes=[]))
    words = " ".join(page.text)

    assert "31 pictures were not trained on" in words
    assert sum("recognised as" in f"{image.get('alt')}" for image in page.all("img")) == 2
    assert all(f"x/{n}.jpg (A → B)" in words for n in range(30))
    assert [a for _, a in page.elements if "onerror" in a] == []
    for nothing in (None, DoubtedLabels([], [])):
        assert "Which labels are doubted" not in write(tmp_path, make_evaluation(), doubts=nothing)


def test_the_stress_set_is_drawn(tmp_path: Path):
    scores = tuple(CorruptionScore(f"spoilt {i}", "a lot", 0.9 - i / 10, 0.95) for i in range(4))
    stress = StressScores(1, 200, 0.93, 0.75, 0.6, scores)
    page = Page(write(tmp_path, msgspec.structs.replace(make_evaluation(), stress=stress)))

    assert "spoilt 3" in " ".join(page.text)
    assert any(
        a.get("aria-label", "").startswith("Bars: accuracy on spoilt pictures, from 60.0") for a in page.all("svg")
    )
