"""The table and the page of several bundles: sound, escaped, and the same figures in both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from html_page import HOSTILE, Page

from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl.evaluation.paired import paired
from edge_asl.evaluation.pareto import pareto_front
from edge_asl.evaluation.side_by_side import Contestant, SideBySide, format_side_by_side, groups_of, p_value, verdict
from edge_asl.evaluation.side_by_side_page import write_side_by_side

LABELS = ("A", "B", "C")


class Made(NamedTuple):
    """A bundle that favours the truth by ``right`` logits."""

    name: str
    size: int
    ms: float
    right: float


TWO = [Made("large", 4_000_000, 20.0, 3.0), Made("small", 500_000, 1.5, 1.0)]
SIX = [*TWO, *(Made(f"other-{i}", 10**i, float(i), 1.5) for i in range(4, 8))]


def side_by_side(made: list[Made], people: int | None = 4, pictures: int = 200) -> SideBySide:
    """Random answers of made-up bundles."""
    truth = np.arange(pictures) % len(LABELS)
    signers = [None if people is None else f"person {i % people}" for i in range(pictures)]
    evaluations, right = [], []
    for seed, one in enumerate(made):
        logits = np.random.default_rng(seed).normal(0, 1, (pictures, len(LABELS)))
        logits[np.arange(pictures), truth] += one.right
        probability = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        predictions = Predictions(LABELS, truth, probability, signers, [one.ms], threshold=0.6)
        evaluations.append(evaluate_predictions(predictions, "test by signer"))
        right.append(probability.argmax(axis=1) == truth)
    costs = [[one.size for one in made], [one.ms for one in made]]
    accuracies = [one.accuracy for one in evaluations]
    by_size, by_time = (pareto_front(list(zip(cost, accuracies, strict=True))) for cost in costs)
    bundles = tuple(
        Contestant(
            one.name,
            "1.0",
            f"{i}" * 64,
            "square",
            one.size,
            10 * one.size,
            evaluations[i],
            paired(right[0], right[i], signers) if i else None,
            by_size[i],
            by_time[i],
        )
        for i, one in enumerate(made)
    )
    return SideBySide("hands", "test by signer", pictures, people, LABELS, {}, {}, {}, (), bundles)


CASES = {
    "two": side_by_side(TWO),
    "six": side_by_side(SIX),
    "nobody is named": side_by_side(TWO, people=None),
    "one person": side_by_side(TWO, people=1),
    "many people": side_by_side(TWO, people=70),
    "one picture": side_by_side(TWO, people=1, pictures=1),
    "all the same": side_by_side([TWO[0], TWO[0]._replace(name="copy", right=3.0)]),
    "all wrong": side_by_side([TWO[0]._replace(right=-60.0), TWO[1]._replace(right=-60.0)]),
}


def page_of(tmp_path: Path, result: SideBySide) -> str:
    write_side_by_side(tmp_path / "page.html", result)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_case_gives_a_sound_page_that_says_what_the_terminal_says(tmp_path: Path, case: SideBySide) -> None:
    text = page_of(tmp_path, case)
    page = Page(text)

    assert re.findall(r"https?:|//[a-z]|url\((?!#)|@import", text) == [], "nothing from elsewhere"
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {*re.findall(r"url\(#([^)]+)\)", text), *(a["href"][1:] for _, a in page.elements if a.get("href"))}
    assert targets <= set(ids), "the figures' clip paths are found"
    assert "None" not in "".join(page.text)
    assert "nan" not in "".join(page.text)
    assert len(page.all("h1")) == 1
    assert len(page.all("svg")) == 2
    assert all(a.get("aria-label") for a in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))
    told = format_side_by_side(case)
    said = [cell for group in groups_of(case) for row in group.rows for cell in row.cells]
    assert len(said) % len(case.bundles) == 0
    for words in [*said, *(verdict(case, one) for one in case.bundles[1:])]:
        assert words in page.text
        assert words.replace("\N{NO-BREAK SPACE}", " ") in told


def test_the_columns_stand_below_each_other() -> None:
    lines = format_side_by_side(CASES["six"]).splitlines()
    start = lines.index("") + 1
    ends = {len(line) for line in lines[start : start + 15] if line}
    assert len(ends) == 1


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    result = side_by_side([Made(HOSTILE, 2, 2.0, 2.0), Made("</svg></style>{{ r }}$x_1$", 1, 1.0, 1.0)])
    result = msgspec.structs.replace(
        result,
        data=HOSTILE,
        split=HOSTILE,
        left_out={HOSTILE: 3},
        unknown={HOSTILE: ("<script>",)},
        learned={HOSTILE: 4},
        warnings=(f"{HOSTILE}: <script>alert(1)</script>",),
    )
    page = Page(page_of(tmp_path, result))

    assert page.all("script") == []
    assert page.all("img") == []
    assert [a for _, a in page.elements if "onerror" in a] == []
    assert HOSTILE in page.text
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")


def test_the_plots_name_the_front(tmp_path: Path) -> None:
    points = [Made("cheap", 1_000_000, 9.0, 1.0), Made("good", 2_000_000, 8.0, 4.0), Made("dear", 3_000_000, 7.0, 0.0)]
    labels = [a["aria-label"] for a in Page(page_of(tmp_path, side_by_side(points))).all("svg")]

    assert labels[0] == "Accuracy against size of all models in MB. On the Pareto front: cheap, good."
    assert labels[1] == "Accuracy against milliseconds per picture on this machine. On the Pareto front: dear, good."


def test_what_chance_makes_is_not_called_a_difference() -> None:
    worse, same = CASES["two"], side_by_side([TWO[0], TWO[0]._replace(name="twin")])
    assert worse.bundles[1].against_first.p_value < 0.05
    assert verdict(worse, worse.bundles[1]).startswith("small is worse than large by ")
    assert same.bundles[1].against_first.p_value > 0.05
    assert "these pictures do not decide which is better" in verdict(same, same.bundles[1])
    few = side_by_side(TWO, people=2)
    over = few.bundles[1].against_first.difference_people
    assert ("Other people may turn this round" in verdict(few, few.bundles[1])) == (over.low <= 0 <= over.high)


@pytest.mark.parametrize(
    ("value", "words"), [(1.0, "1"), (0.99999, "0.999"), (0.0525, "0.052"), (0.001, "0.001"), (1e-9, "below 0.001")]
)
def test_p_values_in_words(value: float, words: str) -> None:
    assert p_value(value) == words


def test_what_was_left_out_is_counted_and_named() -> None:
    result = msgspec.structs.replace(
        CASES["two"], left_out={"J": 20, "Z": 12}, unknown={"small": ("J", "Z")}, learned={"large": 90}
    )
    told = format_side_by_side(result)
    assert "32 pictures of signs that not all know: 20 of J, 12 of Z (small does not know J, Z)" in told
    assert "90 pictures that large was built with and not tested on" in told
