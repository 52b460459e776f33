"""``python -m edge_asl_device.systemd.wait URL SECONDS``: wait for the page, or print a line and exit with 1.

A browser that starts before the program shows its own error page, and retries less and less often.
"""

from __future__ import annotations

import http.client
import sys
import time
import urllib.parse
from collections.abc import Sequence

PAUSE_S = 0.2
ANSWER_S = 2.0


def answers(url: str) -> bool:
    """Whether anything answers ``/healthz`` there, even with 401 or 503."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def wait(url: str, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not answers(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def main(arguments: Sequence[str]) -> int:
    url, limit_s = arguments
    if wait(url, float(limit_s)):
        return 0
    sys.stderr.write(f"{url}: no answer within {limit_s} s; see systemctl status edge-asl\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
