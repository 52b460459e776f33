"""What a device runs, as plain values and as lines."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import msgspec

from edge_asl_device.contract.formats import parse_manifest
from edge_asl_device.contract.manifest import MANIFEST, SIGNATURE
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import sha256_of
from edge_asl_device.releases.environment import ENVIRONMENT, parse_environment
from edge_asl_device.releases.health import Health, ask
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.record import at_work, read_record
from edge_asl_device.releases.release import read_release
from edge_asl_device.releases.service_manager import service_manager_of
from edge_asl_device.releases.settings import page_of, read_settings
from edge_asl_device.releases.trust import read_signers


def status(installation: Installation) -> dict[str, Any]:
    """Everything ``edge-asl-device status`` shows, JSON-able. What cannot be read is replaced by the problem."""
    current, previous = installation.linked(installation.current), installation.linked(installation.previous)
    staged = installation.staged()
    releases: dict[str | None, dict[str, Any]] = {
        digest: _release(installation, digest) for digest in {current, previous, *staged} if digest
    }
    record = read_record(installation)
    found: dict[str, Any] = {
        "root": str(installation.root),
        "mode": str(installation.mode),
        "current": releases.get(current),
        "previous": releases.get(previous),
        "releases": [releases[digest] for digest in staged],
        "activation": None if record is None else msgspec.to_builtins(record) | {"at_work": at_work(installation)},
        "signers": _or_problem(lambda: [signer.principal for signer in read_signers(installation.signers)]),
        "running": _or_problem(lambda: service_manager_of(installation).running()) if current else False,
        "free_mb": round(shutil.disk_usage(installation.root).free / 1e6) if installation.root.is_dir() else None,
    }
    health = _or_problem(lambda: ask(page_of(read_settings(installation.settings)))) if current else None
    if isinstance(health, Health):
        ok = health.ready and found["current"].get("bundle") == health.bundle
        return found | {"health": health.facts, "ok": ok}
    return found | {"health": health, "ok": False}


def _or_problem(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except EdgeAslError as error:
        return {"problem": str(error)}


def _release(installation: Installation, digest: str) -> dict[str, Any]:
    bundle = installation.releases / digest / "bundle"
    signature = bundle / SIGNATURE
    try:
        release = read_release(installation, digest)
        manifest = parse_manifest((bundle / MANIFEST).read_bytes(), str(bundle / MANIFEST))
        environment_file = installation.environments / release.environment / ENVIRONMENT
        environment = parse_environment(environment_file.read_bytes(), str(environment_file))
    except (EdgeAslError, OSError) as error:
        return {"digest": digest, "problem": str(error)}
    return {
        "digest": digest,
        "name": manifest.name,
        "version": manifest.version,
        "bundle": release.bundle,
        "signature": sha256_of(signature) if signature.is_file() and not signature.is_symlink() else None,
        "environment": release.environment,
        "kind": environment.kind,
        "program": environment.packages.get("edge-asl-device"),
    }


def format_status(found: dict[str, Any]) -> str:
    """The same for people."""
    free_mb = found["free_mb"]
    space = "nothing installed yet" if free_mb is None else f"{free_mb} MB free"
    lines = [f"{'root':<12}{found['root']} ({found['mode']}), {space}"]
    lines += [f"{name:<12}{_release_text(found[name])}" for name in ("current", "previous")]
    lines.append(f"{'service':<12}{'running' if found['running'] is True else 'not running'}, {_health_text(found)}")
    if activation := found["activation"]:
        text = f"{activation['outcome']} {activation['release'][:12]}: {activation['message'] or activation['step']}"
        if activation["outcome"] == "running" and not activation["at_work"]:
            text = f"interrupted in step {activation['step']}; to finish it: edge-asl-device recover"
        lines += [f"{'last switch':<12}{text}", *(f"{'':<12}{line}" for line in activation["log"])]
    signers = found["signers"]
    lines.append(f"{'trusts':<12}{', '.join(signers) if isinstance(signers, list) and signers else 'none'}")
    return "\n".join(lines)


def _release_text(release: dict[str, Any] | None) -> str:
    if release is None:
        return "none"
    if "problem" in release:
        return f"{release['digest'][:12]}  {release['problem']}"
    runs = f"{release['kind']}, program {release['program']}"
    return f"{release['digest'][:12]}  {release['name']} {release['version']}, {runs}"


def _health_text(found: dict[str, Any]) -> str:
    health = found["health"]
    if not isinstance(health, dict):
        return "no answer"
    if "problem" in health:
        return str(health["problem"])
    camera = health["camera"]
    ready = "ready" if health["ready"] else "not ready"
    return f"{ready}, {health['frames_10s']} frames in 10 s, camera {camera['state']}"
