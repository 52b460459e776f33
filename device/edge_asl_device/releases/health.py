"""Whether the wanted bundle is served and frames are read, as ``/healthz`` says."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import NamedTuple

from edge_asl_device.errors import ReleaseError
from edge_asl_device.releases.settings import Page

ANSWER_S = 2.0
PAUSE_S = 0.1
STEADY_S = 3.0
"""How long it must stay healthy without a break: a program that crashes on its first frames was ready just before, and
one that hangs is noticed after two seconds."""


class Health(NamedTuple):
    """What ``/healthz`` says."""

    ready: bool
    run: str
    """Random, new at every start."""
    bundle: str
    frames: int
    """In the last ten seconds."""
    camera: str
    reason: str | None
    facts: dict[str, object]


def ask(page: Page) -> Health | None:
    """``/healthz`` now; None where nobody answers, or not as the program does."""
    connection = http.client.HTTPConnection(page.host, page.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz", headers={"Authorization": f"Bearer {page.token}"} if page.token else {})
        found = json.loads(connection.getresponse().read(100_000))
        camera = found["camera"]
        return Health(
            bool(found["ready"]),
            str(found["run"]),
            str(found["bundle"]["digest"]),
            int(found["frames_10s"]),
            str(camera["state"]),
            camera["reason"],
            found,
        )
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def wait_until_healthy(
    get_health: Callable[[], Health | None],
    digest: str,
    *,
    frames_expected: bool,
    limit_s: float,
    pause_s: float = PAUSE_S,
) -> Health:
    """Wait until the wanted bundle has been served by one and the same run, ready and with frames, for ``STEADY_S``.

    Args:
        frames_expected: whether the camera gave frames before. If it was already gone, that is not the release's fault:
            a program that reports what is wrong with its camera is healthy then.
        limit_s: seconds for all of it.

    Raises:
        ReleaseError: not within the limit; it says what was wrong last.
    """
    deadline = time.monotonic() + limit_s
    healthy_since: float | None = None
    run, problem = "", "no answer"
    while time.monotonic() < deadline:
        health = get_health()
        wrong = _wrong(health, digest, frames_expected=frames_expected)
        if wrong is None and health is not None:
            if healthy_since is None or health.run != run:
                healthy_since, run = time.monotonic(), health.run
            if time.monotonic() - healthy_since >= STEADY_S:
                return health
        else:
            healthy_since, problem = None, wrong or problem
        time.sleep(pause_s)
    raise ReleaseError(f"health: {digest[:12]} was not healthy within {limit_s:g} s: {problem}")


def _wrong(health: Health | None, digest: str, *, frames_expected: bool) -> str | None:
    if health is None:
        return "no answer at /healthz"
    if health.bundle != digest:
        return f"bundle {health.bundle[:12]} is being served instead"
    if not health.ready:
        return "the program answers but is not ready"
    if health.frames == 0 and (frames_expected or health.camera in ("starting", "live")):
        return f"no frames, camera {health.camera}{f' ({health.reason})' if health.reason else ''}"
    return None
