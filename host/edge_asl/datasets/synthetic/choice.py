"""Which signs a user means by a word on the command line."""

from __future__ import annotations

from edge_asl.datasets.synthetic.pictures import DIGITS, LETTERS, NOTHING, SIGNS


def choose_signs(text: str) -> list[str]:
    """``letters`` and ``digits`` (each with the empty scene), ``all``, or signs joined by commas, in upper case.

    Unknown signs are left for ``write_pictures`` to refuse.
    """
    groups = {"letters": [*LETTERS, NOTHING], "digits": [*DIGITS, NOTHING], "all": list(SIGNS)}
    named = [word.strip() for word in text.split(",") if word.strip()]
    return groups.get(text.strip().lower()) or [NOTHING if w.lower() == NOTHING else w.upper() for w in named]
