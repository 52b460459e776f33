"""An evaluation as a few lines for the terminal; the report has the rest."""

from __future__ import annotations

from collections import defaultdict

from edge_asl.evaluation.metrics import Evaluation


def format_evaluation(evaluation: Evaluation) -> str:
    """Accuracy with its interval, float beside int8, latency, the weakest classes, the commonest confusions."""
    low, high = evaluation.interval.low, evaluation.interval.high
    by_people = evaluation.interval_people
    over = f"; over people {by_people.low:.1%} to {by_people.high:.1%}" if by_people else ""
    people = f" of {evaluation.people} people" if evaluation.people else ""
    lines = [
        f"{evaluation.split}: {evaluation.pictures} pictures{people}",
        f"accuracy     {evaluation.accuracy:.2%}  (95 % interval {low:.1%} to {high:.1%}{over}), "
        f"top 3 {evaluation.top3:.2%}",
    ]
    if evaluation.persons and evaluation.mean_person is not None:
        worst = evaluation.persons[0]
        lines.append(
            f"by person    {evaluation.mean_person:.1%} on average, {worst.accuracy:.1%} the worst ({worst.person})"
        )
    if evaluation.found is not None:
        lines.append(f"hand found   {evaluation.found:.1%} of the pictures of signs")
    if (shipped := evaluation.shipped) and shipped.accuracy is not None:
        lines.append(
            f"answered     {shipped.coverage:.1%} are sure enough (from {shipped.threshold:.2f}), "
            f"of these {shipped.accuracy:.1%} right"
        )
    if evaluation.accuracy_float is not None:
        lines.append(
            f"float        {evaluation.accuracy_float:.2%}  (int8 {_change(evaluation.lost_points or 0)}, "
            f"agrees on {evaluation.agreement:.2%})"
        )
    if evaluation.median_ms is not None:
        lines.append(f"latency      {evaluation.median_ms:.2f} ms median, {evaluation.p95_ms:.2f} ms p95")
    weak = sorted((c for c in evaluation.classes if c.f1 is not None and c.f1 < 1), key=lambda c: c.f1 or 0)[:5]
    if weak:
        lines.append("weakest      " + ", ".join(f"{c.label} (F1 {c.f1:.2f})" for c in weak))
    if stress := evaluation.stress:
        hardest = min(stress.corruptions, key=lambda score: score.accuracy)
        lines.append(
            f"stress set   {stress.mean:.1%} on average, {stress.worst:.1%} the worst ({hardest.name}); "
            f"{stress.plain:.1%} as they are ({stress.pictures} pictures)"
        )
    lines.extend(_condition_lines(evaluation))
    if absent := [c.label for c in evaluation.classes if not c.support]:
        lines.append(f"not tested   {', '.join(absent)}: no picture shows them, and the figures do not speak of them")
    if evaluation.confusions:
        lines.append(
            "confusions   " + ", ".join(f"{c.truth}→{c.predicted} ×{c.count}" for c in evaluation.confusions[:5])
        )
    return "\n".join(lines)


def _condition_lines(evaluation: Evaluation) -> list[str]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for score in evaluation.conditions:
        kinds[score.what].append(f"{score.kind}: {score.accuracy:.1%} of {score.pictures}")
    return [f"{what}: " + "; ".join(rows) for what, rows in kinds.items() if len(rows) > 1]


def _change(lost_points: float) -> str:
    return f"{'gains' if lost_points < 0 else 'loses'} {abs(lost_points):.2f} points"
