"""The report's figures: matplotlib draws them, the page's style sheet colours them.

Each is an SVG element for the HTML page. Its colours are CSS variables, so that the same figure suits light, dark and
print; its text is text, in the page's font.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from edge_asl.evaluation.intervals import Interval
    from edge_asl.evaluation.metrics import ClassScore, Evaluation
    from edge_asl.evaluation.people import PersonScore
    from edge_asl.evaluation.reliability import ReliabilityBin
    from edge_asl.evaluation.stress import CorruptionScore

# Drawn in colours that nothing else uses, which are then replaced by the page's variables.
_INK, _FAINT, _ACCENT, _BAD, _PAPER = "#010203", "#010204", "#010205", "#010206", "#010207"
_VARIABLES = {
    _INK: "var(--ink)",
    _FAINT: "var(--rule)",
    _ACCENT: "var(--accent)",
    _BAD: "var(--bad)",
    _PAPER: "var(--paper)",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.pad": 6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    # A label is any word the user likes: a dollar sign must not start a formula.
    "text.parse_math": False,
}
_ROOM_FOR_NUMBERS = 32  # classes; with more, the cells are too small for text
_MOST_PEOPLE = 30


def confusion_figure(evaluation: Evaluation, description: str) -> str:
    """Rows: the sign shown; columns: the sign recognised; the strength of a cell: its share of the row."""
    count = len(evaluation.labels)
    side = max(3.6, 0.32 * count + 1.2)
    with _figure("confusion", side, side, description) as (axes, svg):
        _cells(axes, evaluation.confusion, numbers=count <= _ROOM_FOR_NUMBERS)
        rotation = 90 if max(map(len, evaluation.labels)) > 2 else 0
        axes.set_xticks(range(count), [_short(x) for x in evaluation.labels], rotation=rotation)
        axes.set_yticks(range(count), [_short(x) for x in evaluation.labels])
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xlabel("recognised", labelpad=6)
        axes.set_ylabel("shown", labelpad=6)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.spines[:].set_visible(True)
    return svg()


def reliability_figure(bins: tuple[ReliabilityBin, ...], description: str) -> str:
    """Reliability diagram: predicted probability against accuracy; perfect calibration is the diagonal."""
    with _figure("reliability", 4.6, 4.2, description) as (axes, svg):
        axes.plot([0, 100], [0, 100], color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        total = sum(b.count for b in bins)
        for b in bins:
            if b.accuracy is not None:
                # A bin with few answers says little and is drawn paler.
                strength = 0.25 + 0.75 * min(1.0, 10 * b.count / total)
                width = 100 * (b.upper - b.lower) * 0.9
                middle = 50 * (b.lower + b.upper)
                axes.bar(middle, 100 * b.accuracy, width, color=_ACCENT, alpha=strength, linewidth=0)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_xticks(range(0, 101, 20), [f"{x} %" for x in range(0, 101, 20)])
        axes.set_yticks(range(0, 101, 20), [f"{x} %" for x in range(0, 101, 20)])
        axes.grid(axis="y")
        axes.set_xlabel("predicted probability", labelpad=8)
        axes.set_ylabel("how often it was right", labelpad=8)
    return svg()


def classes_figure(classes: tuple[ClassScore, ...], description: str) -> str:
    """F1 of every class that occurs, the weakest first."""
    known = sorted((c for c in classes if c.f1 is not None), key=lambda c: (c.f1, c.label))
    rows = [(c.label, c.f1 or 0.0, None) for c in known]
    return _bars("classes", rows, "F1", description)


def people_figure(persons: tuple[PersonScore, ...], description: str) -> str:
    """Accuracy of each person with its 95 % interval, the lowest first, at most thirty."""
    rows = [(p.person, p.accuracy, (p.interval.low, p.interval.high)) for p in persons[:_MOST_PEOPLE]]
    return _bars("people", rows, "accuracy", description)


def stress_figure(corruptions: tuple[CorruptionScore, ...], description: str) -> str:
    """Accuracy with each corruption, the lowest first."""
    rows = [(c.name, c.accuracy, None) for c in sorted(corruptions, key=lambda c: c.accuracy)]
    return _bars("stress", rows, "accuracy", description)


class CostPoint(NamedTuple):
    """One model in a plot of accuracy against a cost."""

    name: str
    cost: float
    accuracy: float
    interval: Interval
    on_front: bool


def cost_figure(name: str, points: Sequence[CostPoint], what: str, description: str) -> str:
    """Accuracy with its interval against a cost, above 0; the Pareto front is a line, and its points are filled."""
    costs = [point.cost for point in points]
    with _figure(name, 4.6, 3.6, description) as (axes, svg):
        front = sorted({(point.cost, 100 * point.accuracy) for point in points if point.on_front})
        axes.step(*zip(*front, strict=True), where="post", color=_ACCENT, linewidth=1.4)
        for point in points:
            middle, colour = 100 * point.accuracy, _ACCENT if point.on_front else _INK
            low, high = 100 * point.interval.low, 100 * point.interval.high
            axes.plot([point.cost, point.cost], [low, high], color=colour, linewidth=1, alpha=0.6)
            face = colour if point.on_front else _PAPER
            axes.plot(point.cost, middle, "o", color=colour, markerfacecolor=face, markersize=7)
        _cost_axis(axes, min(costs), max(costs))
        lowest = min(100 * point.interval.low for point in points)
        margin = 0.05 * (101 - lowest)
        axes.set_ylim(lowest - margin, 100 + margin)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %" if 0 <= value <= 100 else "")
        axes.grid(axis="y")
        axes.set_xlabel(what, labelpad=6)
        axes.set_ylabel("accuracy", labelpad=8)
        _name_points(axes, points)
    return svg()


def _cost_axis(axes: Axes, low: float, high: float) -> None:
    """From nothing, or by orders of magnitude where the dearest is ten times as dear as the cheapest."""
    from matplotlib.ticker import LogLocator, NullLocator

    if high < 10 * low:
        axes.set_xlim(0, 1.1 * high)
    else:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.5, high * 1.5)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")


def _name_points(axes: Axes, points: Sequence[CostPoint]) -> None:
    """The names in a column at the right, each with a line to its point, so that none covers another."""
    bottom, top = axes.get_ylim()
    step = (top - bottom) / 16
    ordered = sorted(points, key=lambda point: (-point.accuracy, point.cost))
    heights: list[float] = []
    for point in ordered:
        heights.append(min(100 * point.accuracy, heights[-1] - step if heights else top))
    floor = bottom
    for i in reversed(range(len(heights))):  # whoever was pushed out of the figure comes back, and pushes others up
        heights[i] = max(heights[i], floor)
        floor = heights[i] + step
    for point, height in zip(ordered, heights, strict=True):
        axes.annotate(
            _short(point.name, 28),
            (point.cost, 100 * point.accuracy),
            (1.04, height),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            arrowprops={"arrowstyle": "-", "color": _FAINT, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 5},
        )


def _bars(name: str, rows: Sequence[tuple[str, float, tuple[float, float] | None]], what: str, description: str) -> str:
    with _figure(name, 5.2, 0.27 * len(rows) + 0.9, description) as (axes, svg):
        for y, (_, value, interval) in enumerate(rows):
            axes.barh(y, 100 * value, 0.68, color=_ACCENT if value >= 0.8 else _BAD, linewidth=0)
            if interval:
                axes.plot([100 * interval[0], 100 * interval[1]], [y, y], color=_INK, linewidth=1.2)
            axes.text(102, y, f"{100 * value:.0f} %", va="center", fontsize=9)
        axes.set_yticks(range(len(rows)), [_short(label, 22) for label, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.set_xticks(range(0, 101, 25), [f"{x} %" for x in range(0, 101, 25)])
        axes.grid(axis="x")
        axes.set_xlabel(what, labelpad=6)
    return svg()


def _cells(axes: Axes, matrix: tuple[tuple[int, ...], ...], *, numbers: bool) -> None:
    from matplotlib.patches import Rectangle

    for r, row in enumerate(matrix):
        for c, n in enumerate(row):
            if not n:
                continue  # 29 classes have 841 cells; most are empty
            share = n / sum(row)
            colour = _ACCENT if r == c else _BAD
            # Rare mistakes must stay visible; right answers may fade into the background.
            alpha = 0.12 + 0.88 * share if r == c else 0.25 + 0.75 * share
            axes.add_patch(Rectangle((c - 0.46, r - 0.46), 0.92, 0.92, facecolor=colour, alpha=alpha, linewidth=0))
            if numbers:
                size = 7.5 if n < 1000 else 5.5
                axes.text(c, r, str(n), ha="center", va="center", fontsize=size, color=_PAPER if alpha > 0.6 else _INK)


@contextlib.contextmanager
def _figure(name: str, width: float, height: float, description: str) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """The axes of a figure of ``width`` × ``height`` inches, and a function that gives its SVG once it is drawn.

    Without pyplot there is no global state and no window system, and the figure is freed with its name.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The salt makes the ids of clip paths repeatable.
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        file = io.StringIO()
        yield axes, lambda: _for_html(file.getvalue(), name, description)
        figure.savefig(file, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.05)


def _for_html(svg: str, name: str, description: str) -> str:
    """A file's SVG as an element of a page: no prolog, no namespaces, ids of its own, colours from the page."""
    from markupsafe import escape

    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style type=.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r"xlink:href=", "href=", body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#", rf"url(#{name}-", body)
    body = re.sub(r'href="#', rf'href="#{name}-', body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)  # matplotlib before 3.10
    body = re.sub(r"\s*\n\s*", " ", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    size = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', body)
    width = float(size[1]) if size else 0
    opening = f'<svg class="figure" role="img" aria-label="{escape(description)}" style="--width: {width:.0f}px"'
    body = re.sub(r'^<svg width="[^"]*" height="[^"]*"', lambda _: opening, body)
    return body.strip()


def _short(label: str, most: int = 10) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
