"""Several bundles on the same pictures: what each is worth, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import Struct

from edge_asl.evaluation.metrics import Evaluation
from edge_asl.evaluation.page import percent, signed
from edge_asl.evaluation.paired import Paired

_Of = TypeVar("_Of")

SIGNIFICANT = 0.05
"""A difference that chance makes more rarely than this is taken for one."""


class Contestant(Struct, frozen=True):
    """One bundle."""

    name: str
    """Its folder's; the whole path where two folders are called the same."""
    version: str
    digest: str
    """Of its manifest."""
    reads: str
    """``square`` or ``hand``."""
    size: int
    """Bytes of all its models."""
    multiply_accumulates: int
    """Of all its models, each once."""
    evaluation: Evaluation
    """On the pictures that all were measured on; its times hold for the machine that measured them alone."""
    against_first: Paired | None
    """None: it is the first."""
    best_for_size: bool
    """On the Pareto front of size and accuracy: none of the others is as small and more accurate, or as accurate and
    smaller."""
    best_for_time: bool
    """The same with the median time per picture."""
    device_ms: float | None = None
    """Median milliseconds of a frame's whole path on the device of ``SideBySide.device``; None: on none."""

    @property
    def cost_ms(self) -> float:
        """What counts as its time: the device's, or else this machine's."""
        return self.median_ms if self.device_ms is None else self.device_ms

    @property
    def median_ms(self) -> float:
        """Milliseconds per picture on this machine."""
        assert self.evaluation.median_ms is not None  # noqa: S101 - every picture was timed
        return self.evaluation.median_ms


class SideBySide(Struct, frozen=True):
    """Several bundles, the first of which the others are compared with, on the same pictures."""

    data: str
    """The names of the data folders."""
    split: str
    pictures: int
    people: int | None
    """How many people the data name; None: nobody is named."""
    labels: tuple[str, ...]
    """The signs that the pictures show."""
    left_out: Mapping[str, int]
    """Label → pictures of it that were left out, as not every bundle knows it."""
    unknown: Mapping[str, tuple[str, ...]]
    """Bundle → which of these it does not know."""
    learned: Mapping[str, int]
    """Bundle → pictures that were left out because it, or its choice of the best epoch, has learned from them."""
    warnings: tuple[str, ...]
    bundles: tuple[Contestant, ...]
    device: str | None = None
    """Where the times that count were taken; None: here."""


class Row(NamedTuple):
    """One figure of every bundle, in words."""

    name: str
    cells: tuple[str, ...]


class Group(NamedTuple):
    """Figures that belong together."""

    title: str
    rows: list[Row]


def groups_of(result: SideBySide) -> list[Group]:
    """The table, for terminal and page: a column for each bundle."""
    first, evaluations = result.bundles[0], [one.evaluation for one in result.bundles]
    reads = [
        _row("accuracy", evaluations, lambda e: percent(e.accuracy)),
        _row("95 % interval", evaluations, lambda e: f"{percent(e.interval.low)} to {percent(e.interval.high)}"),
    ]
    if all(e.persons for e in evaluations):
        reads += [
            _row("mean person", evaluations, lambda e: percent(e.mean_person)),
            _row("worst person", evaluations, lambda e: f"{percent(e.persons[0].accuracy)} ({e.persons[0].person})"),
        ]
    if any(e.found is not None for e in evaluations):
        reads.append(_row("hand found", evaluations, lambda e: percent(e.found)))
    costs = [
        _row("size of all models", result.bundles, lambda c: f"{c.size / 1e6:.2f} MB"),
        _row("multiply-accumulates", result.bundles, lambda c: f"{c.multiply_accumulates / 1e6:,.1f} million"),
        _row("median time on this machine", result.bundles, lambda c: f"{c.median_ms:.2f} ms"),
        *([_row(f"median time on {result.device}", result.bundles, _device_time)] if result.device else []),
        _row("times the first's", result.bundles, lambda c: f"{c.cost_ms / first.cost_ms:.3g}×"),
        _row("Pareto front, by size", result.bundles, lambda c: "yes" if c.best_for_size else "no"),
        _row("Pareto front, by time", result.bundles, lambda c: "yes" if c.best_for_time else "no"),
    ]
    trust = [
        _row("expected calibration error", evaluations, lambda e: percent(e.calibration_error)),
        _row("answers shown from", evaluations, lambda e: percent(e.shipped.threshold, 0) if e.shipped else "–"),
        _row("share of pictures answered", evaluations, lambda e: percent(e.shipped.coverage if e.shipped else None)),
        _row("of these right", evaluations, lambda e: percent(e.shipped.accuracy if e.shipped else None)),
    ]
    return [
        Group("How well it reads", reads),
        Group(f"Beside {first.name}", _paired_rows(result)),
        Group("What it costs", costs),
        Group("What its probabilities are worth", trust),
    ]


def _device_time(one: Contestant) -> str:
    return "–" if one.device_ms is None else f"{one.device_ms:.2f} ms"


def _paired_rows(result: SideBySide) -> list[Row]:
    pairs, first = [one.against_first for one in result.bundles], result.bundles[0].name

    def row(name: str, cell: Callable[[Paired], str]) -> Row:
        return Row(name, tuple("–" if pair is None else cell(pair) for pair in pairs))

    rows = [
        row("difference", lambda p: f"{_points(p.difference)} points"),
        row(f"only {first} right", lambda p: str(p.only_first)),
        row("only this one right", lambda p: str(p.only_this)),
        row("p-value (McNemar, exact)", lambda p: p_value(p.p_value)),
    ]
    if any(pair and pair.difference_people for pair in pairs):
        rows.insert(1, row("95 % interval over people", _over_people))
    return rows


def _over_people(pair: Paired) -> str:
    interval = pair.difference_people
    return "–" if interval is None else f"{_points(interval.low)} to {_points(interval.high)}"


def _row(name: str, values: Sequence[_Of], cell: Callable[[_Of], str]) -> Row:
    return Row(name, tuple(cell(value) for value in values))


def _points(fraction: float) -> str:
    """A difference of 0.032 → ``+3.2``."""
    return signed(-100 * fraction)


def p_value(value: float) -> str:
    """``0.034``, ``below 0.001``; only what is 1 is shown as 1."""
    if value < 0.001:
        return "below 0.001"
    return "1" if value == 1 else f"{min(value, 0.999):.3f}"


def verdict(result: SideBySide, one: Contestant) -> str:
    """One sentence about a bundle beside the first."""
    pair, first = one.against_first, result.bundles[0].name
    if pair is None:
        return f"{first} reads {percent(one.evaluation.accuracy)} of the pictures right."
    apart = pair.only_first + pair.only_this
    if not apart:
        return f"{one.name} and {first} are right on the same pictures."
    counts = f"only it reads {pair.only_this} right, only {first} {pair.only_first} (p-value {p_value(pair.p_value)})"
    if pair.p_value >= SIGNIFICANT:
        return f"{one.name} beside {first}: these pictures do not decide which is better; {counts}."
    better = "better" if pair.difference > 0 else "worse"
    said = f"{one.name} is {better} than {first} by {_points(abs(pair.difference)).lstrip('+')} points: {counts}."
    over = pair.difference_people
    if over is not None and over.low <= 0 <= over.high:
        said += f" Other people may turn this round: the interval over people is {_over_people(pair)} points."
    return said


def notes_of(result: SideBySide) -> list[str]:
    """What was left out and why, and what flatters a bundle; for terminal and page."""
    notes = []
    if result.left_out:
        counts = ", ".join(f"{count} of {label}" for label, count in result.left_out.items())
        lacking = "; ".join(f"{name} does not know {', '.join(labels)}" for name, labels in result.unknown.items())
        notes.append(
            f"Left out are {sum(result.left_out.values())} pictures of signs that not all know: {counts} ({lacking})."
        )
    for name, count in result.learned.items():
        notes.append(f"Left out are {count} pictures that {name} was built with and not tested on.")
    return [*notes, *(f"{warning}." for warning in result.warnings)]


def format_side_by_side(result: SideBySide) -> str:
    """The table for the terminal, no newline at the end."""
    groups = groups_of(result)
    names = ("", *(one.name for one in result.bundles))
    rows = [row for group in groups for row in group.rows]
    columns = list(zip(*(names, *((row.name, *row.cells) for row in rows)), strict=True))
    widths = [max(map(len, column)) for column in columns]

    def line(*cells: str) -> str:
        return "  ".join((cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))))

    people = f" of {result.people} {'person' if result.people == 1 else 'people'}" if result.people else ""
    lines = [f"{result.data}, {result.split}: {result.pictures} pictures{people}, {len(result.labels)} signs"]
    lines += [*notes_of(result), "", line(*names)]
    for group in groups:
        lines += [*(line(row.name, *row.cells) for row in group.rows), ""]
    lines += [verdict(result, one) for one in result.bundles[1:]]
    return "\n".join(text.rstrip().replace("\N{NO-BREAK SPACE}", " ") for text in lines)
