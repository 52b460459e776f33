"""``run`` and ``capture``: from the command line's words to the settings of a service."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_asl_device.camera.part import Part
from edge_asl_device.camera.source import check_source, parse_source
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.kiosk.collecting import Collection
from edge_asl_device.kiosk.settings import LOOPBACK, Settings
from edge_asl_device.telemetry.logs import start_logging
from edge_asl_device.web.token import checked_token, read_token

if TYPE_CHECKING:
    from edge_asl_device.kiosk.service import Service


def run(options: argparse.Namespace) -> int:
    """``edge-asl-device run``: with a page, or without."""
    if options.demo is not None:
        if options.bundle is not None:
            raise EdgeAslError(f"--demo brings its own bundle; leave out --demo or {options.bundle}")
        options.bundle, options.source = _demo_of(options.demo)
        options.loop, options.clear_after_s = not options.headless, min(options.clear_after_s, 3.0)
    if options.bundle is None:
        raise EdgeAslError("no bundle given; name the folder that edge-asl build wrote")
    options.decoder = dict(options.decoder)
    # Named twice, in a unit's options and beside them say, an output must not speak or print everything twice.
    options.outputs = list(dict.fromkeys(options.outputs or ["lines" if options.headless else "voice"]))
    if options.headless:
        if options.max_fps is not None:
            raise EdgeAslError("--max-fps has no effect with --headless; leave one out")
        return _run_headless(options)
    if options.fast:
        raise EdgeAslError("--fast works only with --headless; a page plays a video in real time")
    return _service(options).run()


def _run_headless(options: argparse.Namespace) -> int:
    from edge_asl_device.kiosk.headless import read_headless

    read_headless(_settings(options), fast=options.fast)
    return 0


def _service(options: argparse.Namespace, **more: Any) -> Service:
    from edge_asl_device.kiosk.service import Service

    check_source(parse_source(options.source))
    settings = _settings(options, token=_token(options.token_file, options.host), **more)
    return Service(settings, _open if options.open else _announce)


def capture(options: argparse.Namespace) -> int:
    """``edge-asl-device capture``."""
    labels = options.labels.split(",") if options.labels else read_bundle(options.bundle).labels
    collection = Collection(
        folder=options.folder,
        person=options.person,
        session=options.session or time.strftime("%Y%m%dT%H%M%S", time.gmtime()),
        labels=tuple(label.strip() for label in labels if label.strip()),
        count=options.count,
        every_s=options.every,
        ready_s=options.ready,
    )
    # Pictures of people, for whoever takes them alone: folders 0700, files 0600.
    os.umask(0o077)
    service = _service(options, collection=collection)
    status = service.run()
    stored, wanted = service.stored, len(collection.labels) * collection.count
    if options.as_json:
        print(json.dumps({"folder": str(options.folder), "stored": stored, "wanted": wanted}), flush=True)
    else:
        print(f"{stored} of {wanted} pictures in {options.folder}; edge-asl data check {options.folder}", flush=True)
    return status if stored == wanted else 1


def _announce(address: str) -> None:
    """For whoever sits before a terminal; a service manager reads the log, in which no token belongs."""
    if sys.stdout.isatty():
        print(f"\n    {address}    open this in a browser; Ctrl-C ends\n", flush=True)


def _open(address: str) -> None:
    """In the desktop's browser; where there is no desktop, over ssh say, the address must do."""
    _announce(address)
    opener = shutil.which("xdg-open")
    if opener is not None and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # In a session of its own: Ctrl-C ends the program, not a browser that had to be started.
        nothing = subprocess.DEVNULL
        subprocess.Popen([opener, address], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)


def _settings(options: argparse.Namespace, **more: Any) -> Settings:
    """The options that are settings, and ``more``, which no option sets."""
    start_logging(as_json=options.as_json)
    given = {name: value for name, value in vars(options).items() if name in Settings.__struct_fields__}
    return Settings(**given | {"source": parse_source(options.source)._replace(part=_part(options))} | more)


def _part(options: argparse.Namespace) -> Part | None:
    if options.zoom:
        return Part.zoomed(options.zoom)
    return Part.square(*options.square) if options.square else None


def _token(file: Path | None, host: str) -> str | None:
    """The token from a file or from EDGE_ASL_TOKEN; whoever serves to others needs one."""
    token = os.environ.get("EDGE_ASL_TOKEN", "").strip()
    if file is not None:
        token = checked_token(read_token(file), str(file))
    elif token:
        token = checked_token(token, "EDGE_ASL_TOKEN")
    if not token and host not in LOOPBACK:
        raise EdgeAslError(
            f"--host {host}: other machines can reach the page there, so it needs a token; "
            "write one to a file and add --token-file FILE"
        )
    return token or None


def _demo_of(folder: Path) -> tuple[Path, str]:
    """The bundle and the newest film in a folder of edge-asl demo's."""
    films = sorted(folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
    bundle = folder / "models" / "demo"
    if not films or not bundle.is_dir():
        raise EdgeAslError(f"{folder}: no film or no models/demo in it; run edge-asl demo --out {folder}")
    return bundle, str(films[-1])
