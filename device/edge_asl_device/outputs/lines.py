"""Letters and text as lines on standard output, for people or, as JSON, for programs."""

from __future__ import annotations

import json

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.outputs.output import Context, Letter, Output


class Lines(Output):
    """A line for each letter, and the whole text at the end.

    Raises:
        EdgeAslError: a setting was given.
    """

    def __init__(self, setting: str, context: Context) -> None:
        if setting:
            raise EdgeAslError(f"--output lines:{setting}: 'lines' takes no setting")
        self._json = context.as_json
        self._text = ""

    def letter(self, letter: Letter) -> None:
        """``   1.20 s  A        0.98  HA``, or ``…  HAJ  instead of I``."""
        if self._json:
            told = letter._asdict() | {"time_s": round(letter.time_s, 3)}
            print(json.dumps({name: value for name, value in told.items() if name != "replaces" or value}), flush=True)
        else:
            instead = f"  instead of {letter.replaces}" if letter.replaces else ""
            print(
                f"{letter.time_s:7.2f} s  {letter.label:<8} {letter.probability:.2f}  {letter.text}{instead}",
                flush=True,
            )

    def text(self, text: str) -> None:
        """Kept for the end."""
        self._text = text.strip()

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            print(json.dumps({"text": self._text}) if self._json else f"text: {self._text}", flush=True)
