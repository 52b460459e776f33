"""What this machine is and whether a bundle runs on it."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import sys
from pathlib import Path

import msgspec

from edge_asl_device.camera import CameraError, auto
from edge_asl_device.camera.picamera import INSTALL
from edge_asl_device.camera.source import Source, parse_source
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import EDGETPU_MODEL
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.inference.edgetpu import choose
from edge_asl_device.inference.engine import EDGETPU, RUNTIMES
from edge_asl_device.inference.probe import probe
from edge_asl_device.outputs.speech import APT, PROGRAM
from edge_asl_device.releases.environment import ENVIRONMENT
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.settings import parse_options, read_settings
from edge_asl_device.telemetry.board import read_board
from edge_asl_device.text.languages import LANGUAGES


def doctor(options: argparse.Namespace) -> int:
    """``edge-asl-device doctor``."""
    report = examine(options.bundle)
    print(json.dumps(report) if options.json else format_report(report))
    return 0 if report["ok"] else 1


def examine(bundle: Path | None) -> dict[str, object]:
    """Facts for ``edge-asl-device doctor``, JSON-able; ``ok`` says whether a bundle could run (or did)."""
    runtimes = {name: _runtime(name, bundle) for name in RUNTIMES}
    report: dict[str, object] = {
        "machine": platform.machine(),
        "system": _distribution(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "glibc": platform.libc_ver()[1] or "not glibc",
        "packages": {name: _version(name) for name in ("edge-asl-device", "numpy", "opencv-python-headless")},
        "runtimes": runtimes,
        "board": _board(),
        "camera": _camera(),
        "voice": _voice(),
        "language": _languages(),
    }
    problem = None
    if bundle is not None:
        try:
            read = read_bundle(bundle)
            models = ", ".join(f"{name} ({model.minimum_runtime} or later)" for name, model in read.models.items())
            named = {"path": str(bundle), "name": read.manifest.name, "digest": read.digest}
            report["bundle"] = named | {"models": models}
            if EDGETPU_MODEL in read.manifest.files:
                accelerator, instead = choose(read)
                report["edgetpu"] = {"ok": accelerator == EDGETPU, "reason": instead}
        except EdgeAslError as error:
            problem = str(error)
            report["bundle"] = {"path": str(bundle), "problem": problem}
    report["ok"] = problem is None and any(runtime["ok"] for runtime in runtimes.values())
    return report


def format_report(report: dict[str, object]) -> str:
    """The report as aligned lines for people."""
    lines = []
    for key, value in report.items():
        if key == "runtimes" and isinstance(value, dict):
            lines += [f"{'runtime ' + name:<24}{_runtime_words(facts)}" for name, facts in value.items()]
        elif isinstance(value, dict) and "found" in value:
            first, *more = str(value["found"] or value["reason"]).split("; and: ")
            lines += [f"{key:<24}{first}", *(f"{'':<24}{line}" for line in more)]
        elif isinstance(value, dict):
            prefix = "" if key == "packages" else f"{key} "
            lines += [f"{prefix + name:<24}{fact}" for name, fact in value.items()]
        elif key == "ok":
            lines.append(_verdict(report))
        else:
            lines.append(f"{key:<24}{value}")
    return "\n".join(lines)


def _verdict(report: dict[str, object]) -> str:
    if not report["ok"]:
        return "not ready: see the lines above"
    missing = [name for name in ("camera", "voice") if not report[name]["found"]]  # type: ignore[index]
    return f"ready, but without a {' and a '.join(missing)}" if missing else "ready"


def _runtime(name: str, bundle: Path | None) -> dict[str, object]:
    """Found means installed; only a child process finds out whether it also loads and runs the bundle."""
    try:
        importlib.metadata.version(RUNTIMES[name].distribution)
    except importlib.metadata.PackageNotFoundError:
        return {"ok": False, "installed": False, "reason": _mendable(f"not installed; {RUNTIMES[name].pip}")}
    answer = probe(bundle, name)
    return {"installed": True, **answer} | ({} if answer["ok"] else {"reason": _mendable(str(answer["reason"]))})


def _runtime_words(facts: dict[str, object]) -> str:
    if not facts["ok"]:
        return f"{facts['reason']}"
    ran = f", runs the bundle in {facts['milliseconds']} ms" if "milliseconds" in facts else ""
    return f"{facts['version']} loads{ran}"


def _board() -> dict[str, object]:
    """Power, heat and memory card, where the machine tells of them."""
    board = read_board()
    told = {name: value for name, value in msgspec.to_builtins(board).items() if value is not None}
    return {
        name.replace("_", " "): ("no", "yes")[value] if isinstance(value, bool) else value
        for name, value in told.items()
    } | {f"trouble {number}": text for number, text in enumerate(board.troubles, 1)}


def _camera() -> dict[str, object]:
    if _deployed() and not (source := _site_source()).live:
        return {"found": f"none is asked for: --source {source.what}"}
    try:
        return {"found": auto.find()}
    except CameraError as error:
        return {"found": None, "reason": _mendable(str(error))}


def _deployed() -> bool:
    """Whether this program lies in ROOT/environments/DIGEST, as ``edge-asl deploy`` put it there."""
    return (Path(sys.prefix) / ENVIRONMENT).is_file()


def _languages() -> dict[str, str]:
    """What is off in a deployed kiosk's language; elsewhere in each."""
    codes = [_site_options().language] if _deployed() else LANGUAGES
    off = "no word list, so word suggestions and corrected reading are off"
    on = "word suggestions and corrected reading are on"
    return {code: f"voice {LANGUAGES[code].voice}; {on if LANGUAGES[code].word_list else off}" for code in codes}


def _site_options() -> argparse.Namespace:
    """What the kiosk was told; the defaults where its options cannot be read."""
    root = Path(sys.prefix).resolve().parents[1]
    try:
        installation = Installation.here(str(root), (root / "mode").read_text(encoding="ascii").strip())
        return parse_options(read_settings(installation.settings).options)
    except (OSError, ValueError, EdgeAslError):
        return parse_options(())


def _site_source() -> Source:
    """What the kiosk reads; ``auto`` where it cannot be found."""
    try:
        return parse_source(_site_options().source)
    except EdgeAslError:
        return Source("auto", "")


def _mendable(reason: str) -> str:
    """A reason whose advice holds here: nobody runs pip or makes a virtual environment on a deployed kiosk."""
    if not _deployed():
        return reason
    for name, runtime in RUNTIMES.items():
        reason = reason.replace(runtime.pip, f"edge-asl deploy --runtime {name}")
    return reason.replace(INSTALL, INSTALL.partition(",")[0])


def _voice() -> dict[str, object]:
    """espeak-ng: without it everything works but the voice."""
    found = shutil.which(PROGRAM)
    return {"found": found} if found else {"found": None, "reason": f"no {PROGRAM}; {APT}"}


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed by pip"
