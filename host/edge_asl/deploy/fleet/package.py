"""An update as one file that any tool can deliver and the device's own Python runs: a zip (a zipapp).

Its main program is ``agent.py``; every file that the device lacks is in it as ``objects/SHA256``:

    python3 PACKAGE.pyz unpack ARGUMENTS

Devices that lack the same files share a package.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from edge_asl.deploy.payload import Payload
from edge_asl.deploy.remote import AGENT
from edge_asl.deploy.steps.agent_steps import Send
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress

LEVEL = 3
"""Of deflate. An environment of 219 MB, on x86-64: 80 MB after 4.5 s; with 1, 84 MB after 3.4 s and slower to unpack;
with 6, 75 MB after 10 s."""


def build_package(
    payload: Payload, send: Send | None, missing: dict[str, int], folder: Path, progress: Progress
) -> Path:
    """The package in ``folder``, named by what it holds; built unless it is there.

    Args:
        payload: the release.
        send: None: the device has all files, and needs the agent alone.
        missing: SHA-256 → 0 of what the device lacks.
        folder: of packages.
        progress: told about what takes seconds.

    Raises:
        DeviceError: the folder cannot be written to.
    """
    objects = dict.fromkeys(payload.wanted.objects, 0) if send and send.repair else missing if send else {}
    header = payload.header(objects, environment=send.environment, repair=send.repair) if send else b""
    path = folder / f"{hashlib.sha256(AGENT.read_bytes() + header).hexdigest()[:32]}.pyz"
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists():
            os.utime(path)
            return path
        if send and send.environment:
            progress.say(f"packing {len(objects)} files")
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL, strict_timestamps=False) as file:
            file.write(AGENT, "__main__.py")
            file.writestr("header.json", header)
            for sha in objects:
                file.write(payload.sources[sha], f"objects/{sha}")
        beside.replace(path)
    except OSError as error:
        raise DeviceError(f"{path}: the package cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return path
