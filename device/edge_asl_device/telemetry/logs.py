"""Log lines for people and programs: ``event key=value``, or one JSON object per line."""

from __future__ import annotations

import json
import logging
import os
import sys
import time

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# sd-daemon(3): a line that begins so gets that priority in the journal.
_PRIORITY = {"DEBUG": "<7>", "INFO": "<6>", "WARNING": "<4>", "ERROR": "<3>", "CRITICAL": "<2>"}


class LineFormatter(logging.Formatter):
    """One line per record: time, level, event, and what was given as ``extra``.

    Args:
        as_json: JSON instead of ``key=value``.
        journal: journald adds the time and reads a priority prefix.
    """

    def __init__(self, *, as_json: bool = False, journal: bool = False) -> None:
        super().__init__()
        self._json, self._journal = as_json, journal

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts: dict[str, object] = {"event": record.getMessage()}
        facts |= {key: value for key, value in vars(record).items() if key not in _STANDARD and value is not None}
        if record.exc_info:
            facts["trace"] = self.formatException(record.exc_info)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        if self._json:
            return json.dumps({"time": stamp, "level": record.levelname.lower(), **facts}, default=str)
        words = " ".join(f"{key}={_quoted(value)}" for key, value in facts.items() if key != "event")
        front = _PRIORITY.get(record.levelname, "") if self._journal else f"{stamp} {record.levelname.lower():<7} "
        return f"{front}{facts['event']} {words}".rstrip()


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n') else text


def start_logging(*, as_json: bool = False) -> None:
    """Log to standard error from now on. A full disk behind it costs log lines, never the program."""
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(as_json=as_json, journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
