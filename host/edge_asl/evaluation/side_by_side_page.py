"""One HTML file that puts several bundles side by side; self-contained as the report is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_asl.evaluation.figures import CostPoint, cost_figure
from edge_asl.evaluation.page import template
from edge_asl.evaluation.side_by_side import Contestant, SideBySide, groups_of, notes_of, verdict
from edge_asl_device.files import write_atomically

MOST_PEOPLE = 60


def write_side_by_side(path: Path, result: SideBySide) -> None:
    """Write the page.

    Raises:
        OSError: no space, no permission; ``path`` is then as it was.
    """
    page = template("side_by_side.html.j2").render(
        r=result,
        groups=groups_of(result),
        notes=notes_of(result),
        verdicts=[verdict(result, one) for one in result.bundles],
        people=_by_person(result)[:MOST_PEOPLE],
        figures={
            "size": _figure("size", result, lambda one: one.size / 1e6, "size of all models in MB"),
            "time": _figure(
                "time",
                result,
                lambda one: one.cost_ms,
                f"milliseconds per picture on {result.device or 'this machine'}",
            ),
        },
    )
    write_atomically(path, page)


def _figure(name: str, result: SideBySide, cost: Callable[[Contestant], float], what: str) -> Any:
    """An SVG, safe to insert into the page as it is: matplotlib escapes the texts."""
    from markupsafe import Markup

    best = [one.best_for_size if name == "size" else one.best_for_time for one in result.bundles]
    points = [
        CostPoint(one.name, cost(one), one.evaluation.accuracy, one.evaluation.interval, on_front)
        for one, on_front in zip(result.bundles, best, strict=True)
    ]
    front = ", ".join(point.name for point in sorted(points, key=lambda point: point.cost) if point.on_front)
    return Markup(cost_figure(name, points, what, f"Accuracy against {what}. On the Pareto front: {front}."))  # noqa: S704


def _by_person(result: SideBySide) -> list[tuple[str, int, list[float]]]:
    """Each person, the pictures, and each bundle's accuracy; whom the first bundle reads worst, first."""
    accuracy = [{person.person: person.accuracy for person in one.evaluation.persons} for one in result.bundles]
    return [(p.person, p.pictures, [a[p.person] for a in accuracy]) for p in result.bundles[0].evaluation.persons]
