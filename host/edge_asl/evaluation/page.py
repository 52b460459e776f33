"""What all pages share: templates that escape other people's text, and how figures are written."""

from __future__ import annotations

from typing import Any


def template(name: str) -> Any:
    """A Jinja template of this folder, with the filters ``percent`` and ``signed``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edge_asl", "evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "signed": signed}
    return environment.get_template(name)


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.943 → ``94.3 %`` with a no-break space; None → a dash. Only exactly 100 % is shown as 100 %."""
    if fraction is None:
        return "–"
    value = round(100 * fraction, digits)
    if value == 100 and fraction < 1:
        value = 100 - 10**-digits
    return f"{value:.{0 if value in (0, 100) else digits}f}\N{NO-BREAK SPACE}%"


def signed(loss: float) -> str:
    """A loss of 0.32 points → ``−0.3``, a gain → ``+0.3``, nothing → ``0``."""
    tenths = round(-10 * loss)
    return f"{tenths / 10:+.1f}".replace("-", "−") if tenths else "0"
