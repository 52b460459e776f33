"""What each step runs on the device; nothing is run here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edge_asl.deploy.payload import Payload, Wanted
from edge_asl.deploy.steps.agent_steps import Configure, Lock, Screen, Send, Unlock
from edge_asl.deploy.steps.release_steps import Activate, Trust
from edge_asl.deploy.steps.step import AgentCommand, StepContext
from edge_asl.progress import Quiet
from edge_asl_device.releases.installation import Installation, Mode
from edge_asl_device.releases.release import FORMAT, Release

CONTEXT = StepContext(Installation.at("/srv/kiosk", Mode.PLAIN), environment="e" * 64, owner="maria@workstation:1")
HELD = {"paths": CONTEXT.installation.paths(), "owner": CONTEXT.owner}
PROGRAM = f"/srv/kiosk/environments/{'e' * 64}/bin/edge-asl-device"
WHERE = ["--root", "/srv/kiosk", "--mode", "plain"]
SEND = Send(files=2, size_bytes=8, environment=True)


def test_what_the_agent_does_under_the_lock():
    assert Configure(options="--mute").command(CONTEXT) == AgentCommand("configure", HELD | {"options": "--mute"})
    assert Screen().command(CONTEXT) == AgentCommand("screen", HELD)
    assert SEND.command(CONTEXT)[:2] == ("receive", HELD)


def test_what_the_new_releases_own_program_does():
    step = Activate(release="a" * 64, restart=True, configured=True, allow_downgrade=False, health_limit_s=60.0, keep=3)

    assert Trust(key="ssh-ed25519 AAAA maria").command(CONTEXT).argv == [
        PROGRAM, "trust", "ssh-ed25519 AAAA maria", "--first", *WHERE
    ]  # fmt: skip
    assert step.command(CONTEXT).argv == [
        PROGRAM, "activate", "a" * 64, *WHERE, "--health-limit", "60", "--keep", "3", "--restart", "--configured"
    ]  # fmt: skip
    assert step.command(CONTEXT).outcome == [PROGRAM, "status", "--json", *WHERE]


def test_the_connection_itself_takes_and_releases_the_lock():
    assert Lock().command(CONTEXT) is None
    assert Unlock().command(CONTEXT) is None


def test_only_what_is_missing_is_sent(tmp_path: Path):
    """The first file from its fifth byte on, as a cut transfer left it, the second whole."""
    files = {name: tmp_path / name for name in ("model", "program")}
    for path in files.values():
        path.write_bytes(f"{path.name:.<10}".encode())
    sources = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in files.values()}
    first, second = sources
    release = Release(FORMAT, "b" * 64, "e" * 64)
    wanted = Wanted(
        release=release.digest, bundle="b" * 64, name="letters", version="1.0", signature=None, environment="e" * 64,
        kind="litert", program="0.1.0", objects=dict.fromkeys(sources, 10),
    )  # fmt: skip
    payload = Payload(release, wanted, '{"files": {}}', {"model.tflite": first}, sources)
    header, *rest = SEND.stdin(payload, {first: 4, second: 0}, Quiet())

    assert json.loads(header)["objects"] == [[first, 10, 4], [second, 10, 0]]
    assert json.loads(header)["environment"] == '{"files": {}}'
    assert b"".join(rest) == b"l....." + b"program..."


def test_nothing_else_has_anything_to_send():
    payload = Payload(Release(FORMAT, "b" * 64, "e" * 64), None, "", {}, {})  # type: ignore[arg-type]

    assert list(Screen().stdin(payload, {}, Quiet())) == []
