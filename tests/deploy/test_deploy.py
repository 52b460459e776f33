"""Deployments that succeed, over a real sshd, and what ``status``, ``doctor``, ``logs`` and ``bench --on`` show."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bad_bundles
import pytest
from kiosk import Kiosk, Watch

from edge_asl_device.contract.bundle import read_bundle
from program import wait_for

pytestmark = pytest.mark.deployment

PAYLOAD_SLACK_BYTES = 200_000
"""What a 0.6 MB model may cost beside its own bytes: the must of 0.8 MB."""


def served(kiosk: Kiosk) -> str | None:
    health = kiosk.health()
    return health["bundle"]["digest"] if health and health["ready"] else None


def test_the_first_deployment_sends_everything_and_serves(first: tuple[Kiosk, dict[str, Any]], base: Path):
    kiosk, report = first
    digest = read_bundle(base).digest

    assert report["changed"]
    assert report["sent_bytes"] > 50_000_000
    assert [step["step"] for step in report["plan"]["steps"]] == ["lock", "send", "configure", "activate", "unlock"]
    assert served(kiosk) == digest
    assert kiosk.health()["frames_10s"] > 0  # type: ignore[index]
    told = dict(report["log"])
    assert "as expected" in told["self-test"]
    assert told["activated"].startswith("hands 1.0 is running")
    assert kiosk.linked() == report["release"]
    assert not (kiosk.root / "lock").exists()
    assert not list((kiosk.root / "objects").glob(".partial-*"))


def test_the_second_deployment_sends_nothing_in_two_round_trips(first: tuple[Kiosk, dict[str, Any]], base: Path):
    kiosk, before = first
    with Watch(kiosk) as watch:
        report = kiosk.deployed(base)

    assert not report["changed"]
    assert report["sent_bytes"] == 0
    assert report["round_trips"] <= 2
    assert report["plan"]["steps"] == []
    assert report["release"] == before["release"]
    assert watch.uninterrupted
    said = kiosk.deploy(base)
    assert "nothing to do" in said.out


def test_a_plan_only_printed_changes_nothing(first: tuple[Kiosk, dict[str, Any]], tmp_path: Path):
    kiosk, before = first
    newer = bad_bundles.bundle(tmp_path / "newer", "1.1", changed=True)
    done = kiosk.deploy(newer, "--dry-run")

    assert done.status == 0, done.err
    assert "1. lock" in done.out
    assert "send" in done.out
    assert sorted(path.name for path in (kiosk.root / "releases").iterdir()) == [before["release"]]
    assert not (kiosk.root / "lock").exists()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle 1.1: another model."""
    return bad_bundles.bundle(tmp_path_factory.mktemp("newer") / "hands", "1.1", changed=True)


def test_only_the_model_is_sent_where_only_the_model_changed_and_the_kiosk_is_never_silent(kiosk: Kiosk, newer: Path):
    size = (newer / "model.tflite").stat().st_size
    with Watch(kiosk) as watch:
        report = kiosk.deployed(newer)
        wait_for(lambda: watch.answers[-1]["bundle"]["digest"] == read_bundle(newer).digest)  # type: ignore[index]

    assert size < report["sent_bytes"] < size + 10_000
    assert report["wire_bytes"] < size + PAYLOAD_SLACK_BYTES
    assert "reload" in dict(report["log"])
    assert watch.uninterrupted
    assert len(watch.bundles) == 2


def test_back_to_the_release_before_and_forth_again(kiosk: Kiosk, newer: Path, base: Path):
    kiosk.deployed(newer)
    old, new = kiosk.linked("previous"), kiosk.linked()
    assert old
    assert new

    back = kiosk.run("rollback")
    assert back.status == 0, back.err
    assert "hands 1.0 is running" in back.out
    assert (kiosk.linked(), kiosk.linked("previous")) == (old, new)
    assert served(kiosk) == read_bundle(base).digest

    forth = kiosk.run("rollback", "--json")
    assert forth.status == 0, forth.err
    steps = [step for step, _text in forth.json["log"]]
    assert forth.json["ok"]
    assert steps[0] == "verify"
    assert steps[-1] == "activated", "nothing is pruned: somebody else may be sending"
    assert (kiosk.linked(), kiosk.linked("previous")) == (new, old)
    assert served(kiosk) == read_bundle(newer).digest


def test_changed_options_restart_the_program_and_others_stay(kiosk: Kiosk, newer: Path):
    settings = kiosk.root / "kiosk.env"
    settings.write_text(settings.read_text() + "EDGE_ASL_NOTE=of the site\n")
    kiosk.deployed(newer)
    before = kiosk.health()
    report = kiosk.deployed(newer, "--options", kiosk.options_with("--language", "de"))
    after = kiosk.health()

    assert before
    assert after
    assert report["sent_bytes"] == 0
    assert before["run"] != after["run"]
    assert "--language de" in settings.read_text()
    assert "EDGE_ASL_NOTE=of the site\n" in settings.read_text()
    command = Path(f"/proc/{(kiosk.root / 'kiosk.pid').read_text().split()[0]}/cmdline").read_text().split("\0")
    assert "de" in command
    assert kiosk.deployed(newer, "--options", kiosk.options_with("--language", "de"))["changed"] is False


# what people see


TOKEN = "a-token-that-nobody-shall-read-0123456789"


@pytest.fixture(scope="module")
def guarded(kiosk: Kiosk, newer: Path) -> Kiosk:
    """A kiosk whose page asks for a token, which its settings hold and its log has seen."""
    settings = kiosk.root / "kiosk.env"
    settings.write_text(settings.read_text() + f"EDGE_ASL_TOKEN={TOKEN}\n")
    kiosk.deployed(newer, "--options", kiosk.options)
    log = kiosk.root / "kiosk.log"
    log.write_text(log.read_text() + f"page=http://127.0.0.1:{kiosk.port}/?token={TOKEN}\n")
    return kiosk


def test_a_kiosk_that_asks_for_a_token_is_deployed_to(guarded: Kiosk):
    assert guarded.health() is None or "ready" not in guarded.health()  # type: ignore[operator]
    assert guarded.status()["ok"]


COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("root", "current", "previous", "service", "last switch", "trusts"),
    "doctor": ("device", "disk", "clock", "Edge TPU", "processor"),
    "logs": ("ready", "token=…"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_people_see_what_they_need_and_no_token(guarded: Kiosk, name: str):
    done = guarded.run(name)

    assert done.status == 0, done.err
    for word in COMMANDS[name]:
        assert word in done.out, done.out
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize("name", ["status", "doctor"])
def test_programs_read_json_without_a_token(guarded: Kiosk, name: str):
    done = guarded.run(name, "--json")

    assert done.status == 0, done.err
    found = done.json
    assert found["ok"] if name == "status" else found["doctor"]["ok"]
    assert TOKEN not in done.out + done.err


def test_a_deployment_shows_no_token(guarded: Kiosk, tmp_path: Path):
    """Neither where it fails, which prints the device's log, nor in its JSON."""
    done = guarded.deploy(bad_bundles.wrong(tmp_path / "wrong"))
    assert done.status == 1
    assert TOKEN not in done.out + done.err
    assert TOKEN not in guarded.deploy(bad_bundles.bundle(tmp_path / "hands"), "--json").out


def test_a_log_is_followed_until_the_reader_leaves(guarded: Kiosk):
    command = guarded.command("logs", "-f", "-n", 5)
    with subprocess.Popen(command, env=guarded.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        with (guarded.root / "kiosk.log").open("a") as log:
            log.write("a line that comes later\n")
        started = time.monotonic()
        for line in process.stdout:
            if "comes later" in line:
                break
            assert time.monotonic() - started < 10
        process.send_signal(2)
        try:
            assert process.wait(10) in (0, 130)
        finally:
            process.kill()


def test_a_bundle_is_measured_on_a_device_beside_what_serves(guarded: Kiosk, tmp_path: Path):
    newer = bad_bundles.bundle(tmp_path / "newer", "3.0", changed=True)
    before = guarded.linked()
    for words in ([], ["--json"]):
        done = guarded.run("bench", newer, "--runs", 5, *words)
        assert done.status == 0, done.err
        assert TOKEN not in done.out + done.err
        assert "whole" in done.out
    assert done.json["runs"] == 5
    assert guarded.linked() == before
    assert not (guarded.root / "lock").exists()


def test_nothing_is_shown_of_a_device_without_a_release(new_kiosk: Callable[[], Kiosk]):
    empty = new_kiosk()
    for name in ("status", "rollback", "logs"):
        assert "nothing has been deployed; edge-asl deploy" in empty.run(name).error
    doctor = empty.run("doctor")
    assert doctor.status == 1
    assert "nothing has been deployed" in doctor.out


def test_from_one_format_to_the_other_and_back(new_kiosk: Callable[[], Kiosk], base: Path, hand_bundle: Path):
    """A bundle that reads hands is proved by its own drawn hand, taken without a gap, and left again by a rollback."""
    kiosk = new_kiosk()
    kiosk.deployed(base, "--options", kiosk.options)
    with Watch(kiosk) as watch:
        report = kiosk.deployed(hand_bundle)
        wait_for(lambda: watch.answers[-1]["bundle"]["digest"] == read_bundle(hand_bundle).digest)  # type: ignore[index]
        told = dict(report["log"])
        assert "as expected" in told["self-test"]
        assert "reload" in told
        assert kiosk.status()["current"]["version"] == "2.0"
        back = kiosk.run("rollback")
        assert back.status == 0, back.err
    assert watch.uninterrupted
    assert len(watch.bundles) == 2
    assert served(kiosk) == read_bundle(base).digest
