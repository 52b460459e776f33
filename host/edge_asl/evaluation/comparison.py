"""Two models on the same hands: what an improvement brings at its site, and what it costs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from edge_asl.evaluation.metrics import Evaluation, Indices, Probabilities, answers_in

FALL_POINTS = 1.0
"""People whom a bundle has learned from may be read worse by this much after an improvement."""


class Comparison(Struct, frozen=True):
    """Accuracies, 0 to 1, of the int8 models on the same hands."""

    before: float
    after: float
    hands: int

    @property
    def points(self) -> float:
        """What was gained, in percentage points."""
        return 100 * (self.after - self.before)

    @property
    def in_words(self) -> str:
        """``81.2 % to 96.4 %``."""
        return f"{100 * self.before:.1f} % to {100 * self.after:.1f} %"

    def __str__(self) -> str:
        return f"{self.before:.1%} → {self.after:.1%}"


class Improvement(Struct, frozen=True):
    """What came of an improvement at the site."""

    site: Comparison
    """Pictures taken there and held back."""
    others: Comparison
    """People whom the bundle had learned from, held back from the rehearsal."""
    evaluation: Evaluation
    """Of the improved model, on the site's pictures."""

    @property
    def objection(self) -> str | None:
        """Why the improved model should not take the other's place; None: it may."""
        if self.others.points < -FALL_POINTS:
            return f"the people of the first build are read worse now, {self.others} of {self.others.hands} hands"
        if self.site.points < 0:
            return f"the site's own pictures are read worse now, {self.site} of {self.site.hands} held back"
        return None


def compared(labels: Sequence[str], before: Probabilities, after: Probabilities, truth: Indices) -> Comparison:
    """Two models' answers, float32 (n, classes), for n hands of the classes ``truth``, int (n,)."""
    right = [float((answers_in(labels, one) == truth).mean()) for one in (before, after)]
    return Comparison(right[0], right[1], len(truth))


def format_improvement(improvement: Improvement, origin: str) -> str:
    """A few lines for the terminal; ``origin`` names the bundle that was improved."""
    site, others = improvement.site, improvement.others
    return (
        f"at the site  {site} right, {site.points:+.1f} points ({site.hands} pictures held back)\n"
        f"elsewhere    {others} right, {others.points:+.1f} points ({others.hands} hands that {origin} learned from)"
    )
