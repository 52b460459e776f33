"""One HTML file that says how good a model is, for people who have never trained one.

The file is self-contained: it includes style, figures and thumbnails, and a content security policy forbids everything
else, because file names and labels are other people's text.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.evaluation import figures
from edge_asl.evaluation.conditions import ConditionScore
from edge_asl.evaluation.metrics import IN_TURN, Evaluation
from edge_asl.evaluation.page import percent, template
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.files import write_atomically

_Of = TypeVar("_Of")

MOST_MISTAKES = 24
MOST_MISSED = 24
_THUMBNAIL = 160  # pixels, the longer side
_JPEG_QUALITY = 82


class Mistake(NamedTuple):
    """One picture that was recognised wrongly."""

    path: str
    """As in the data set; shown as text."""
    truth: str
    predicted: str
    probability: float
    """Of the wrong answer, 0 to 1."""
    picture: NDArray[np.uint8]
    """RGB uint8 (h, w, 3) of any size, as the model saw it."""


class SeenPicture(NamedTuple):
    """A picture, or the hand in it, for the contact sheet."""

    path: str
    label: str
    picture: NDArray[np.uint8]
    """RGB uint8 (h, w, 3) of any size."""


class HandsSeen(NamedTuple):
    """What the hand stage found and what it did not."""

    found: Sequence[SeenPicture]
    """A hand for each sign."""
    missed: Sequence[SeenPicture]
    """Some of the pictures in which it found none."""
    missed_paths: Sequence[str]
    """All of them."""


class DoubtedLabels(NamedTuple):
    """Pictures that were not trained on: networks that had not seen their people took them for another sign."""

    shown: Sequence[Mistake]
    """Some of them."""
    named: Sequence[str]
    """All: path, label, and what it was taken for."""


def evenly(pictures: Sequence[_Of], most: int) -> list[_Of]:
    """At most ``most`` of them, at equal distances: of many people and signs, not the first ones."""
    count = min(most, len(pictures))
    return [pictures[len(pictures) * i // count] for i in range(count)]


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write every figure as JSON, for programs.

    Raises:
        OSError: no space, no permission; ``path`` is then as it was.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n")


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    title: str,
    facts: Mapping[str, str],
    mistakes: Sequence[Mistake],
    shares_people: bool,
    warnings: Sequence[str],
    alarm: str | None = None,
    hands: HandsSeen | None = None,
    doubts: DoubtedLabels | None = None,
) -> None:
    """Write the page.

    ``facts`` are what else a reader may want to look up, name → value. Of the mistakes, the 24 most confident are
    shown, and ``warnings`` at the top, above them ``alarm`` in red. ``shares_people``: one person may be in training
    and in test. ``hands`` is what a hand stage found, ``doubts`` which labels were not trained on.

    Raises:
        OSError: no space, no permission; ``path`` is then as it was.
    """
    worst = sorted(mistakes, key=lambda m: -m.probability)[:MOST_MISTAKES]
    page = template("report.html.j2").render(
        e=evaluation,
        title=title,
        facts=facts,
        mistakes=_with_thumbnails(worst),
        doubts=doubts,
        doubts_shown=_with_thumbnails(doubts.shown if doubts else ()),
        wrong=round(evaluation.pictures * (1 - evaluation.accuracy)),
        absent=[c.label for c in evaluation.classes if not c.support],
        shares_people=shares_people,
        in_turn=IN_TURN in evaluation.split,
        warnings=warnings,
        alarm=alarm,
        hands=None if hands is None else _sheet(hands),
        conditions=_by_condition(evaluation),
        figures=_figures(evaluation),
    )
    write_atomically(path, page)


def _figures(e: Evaluation) -> dict[str, Any]:
    """Name → SVG, safe to insert into the page as it is: matplotlib escapes the texts."""
    from markupsafe import Markup

    first = e.confusions[0] if e.confusions else None
    mistake = (
        f"The most frequent mistake: {first.truth} recognised as {first.predicted}, {first.count} times."
        if first
        else "There are no mistakes."
    )
    known = sorted((c for c in e.classes if c.f1 is not None), key=lambda c: c.f1 or 0.0)
    drawn = {
        "confusion": figures.confusion_figure(
            e, f"Table of {len(e.labels)} by {len(e.labels)} signs, shown against recognised. {mistake}"
        ),
        "reliability": figures.reliability_figure(
            e.reliability,
            "Bars: how often the model was right at each predicted probability; on average "
            f"{percent(e.calibration_error)} away from the diagonal.",
        ),
        "classes": figures.classes_figure(
            e.classes, f"Bars: F1 of {len(known)} signs, from {known[0].label} to {known[-1].label}."
        ),
    }
    if e.persons:
        drawn["people"] = figures.people_figure(
            e.persons,
            f"Bars: accuracy of each person, from {percent(e.persons[0].accuracy)} "
            f"to {percent(e.persons[-1].accuracy)}.",
        )
    if e.stress:
        drawn["stress"] = figures.stress_figure(
            e.stress.corruptions, f"Bars: accuracy on spoilt pictures, from {percent(e.stress.worst)} on."
        )
    # The figures' own escaping is XML's, which is HTML's too.
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704


def _by_condition(evaluation: Evaluation) -> dict[str, list[ConditionScore]]:
    """What varies → its scores; what does not vary says nothing."""
    rows: dict[str, list[ConditionScore]] = defaultdict(list)
    for score in evaluation.conditions:
        rows[score.what].append(score)
    return {what: scores for what, scores in rows.items() if len(scores) > 1}


def _sheet(hands: HandsSeen) -> dict[str, Any]:
    found, missed = _with_thumbnails(hands.found), _with_thumbnails(hands.missed)
    return {"found": found, "missed": missed, "paths": hands.missed_paths}


def _with_thumbnails(pictures: Sequence[Mistake | SeenPicture]) -> list[dict[str, Any]]:
    return [{"of": picture, "jpeg": _thumbnail(picture.picture)} for picture in pictures]


def _thumbnail(picture: NDArray[np.uint8]) -> str:
    """RGB uint8 (h, w, 3) as a JPEG of at most 160 pixels, in base64."""
    height, width = picture.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return base64.b64encode(encode_jpeg(small, _JPEG_QUALITY)).decode()  # type: ignore[arg-type]
