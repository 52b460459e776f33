"""``edge-asl deploy`` to a machine with its own kernel, systemd and sshd, and what it survives there.

The kiosk reads a film. Every trial begins from one moment: the first release serves. With EDGE_ASL_PI=all also those
marked ``thorough`` run, and the power is cut at every step; without it, where most can go wrong.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import Machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy"))
import bad_bundles

DATA = Path(__file__).resolve().parents[1] / "data"
ROOT = "/var/lib/edge-asl"
PROGRAM = f"{ROOT}/current/runtime/bin/edge-asl-device"
OPTIONS = "--source /srv/film.mp4 --loop --mute --max-fps 3"
EDGE_ASL = str(Path(sys.executable).with_name("edge-asl"))
PATIENCE = ("--health-limit", "240")
DEPLOY_S = 900.0
SERVE_S = 240.0
"""From power to a program that reads: fifteen seconds of boot, and imports that take twenty times a PC's time."""


def say(line: str) -> None:
    """A figure for whoever reads the log."""
    sys.stderr.write(f"\n{line}\n")


class Deployment:
    """A running ``edge-asl deploy``; what it says is kept as it comes."""

    def __init__(self, kiosk: Machine, bundle: Path, *options: str, program: Path | None = None) -> None:
        environment = os.environ | {"XDG_CONFIG_HOME": "/nonexistent"}
        if program is not None:
            environment["PYTHONPATH"] = str(program)
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [EDGE_ASL, "deploy", str(bundle), "kiosk", "--ssh-config", str(kiosk.ssh_config), *PATIENCE, *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.rstrip())
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for(self, mark: str, limit_s: float = DEPLOY_S) -> None:
        """Until a line begins so."""

        def there() -> bool:
            return any(line.strip().startswith(mark) for line in self.lines) or not self._thread.is_alive()

        with self._heard:
            self._heard.wait_for(there, limit_s)
        assert any(line.strip().startswith(mark) for line in self.lines), "\n".join(self.lines)

    def end(self, limit_s: float = DEPLOY_S) -> int:
        """Its exit status."""
        status = self.process.wait(limit_s)
        self._thread.join(10)
        return status

    def kill(self) -> None:
        """As kill -9 does, its ssh with it: the connection is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    @property
    def text(self) -> str:
        """All that it said."""
        return "\n".join(self.lines)


def deploy(kiosk: Machine, bundle: Path, *options: str, program: Path | None = None) -> Deployment:
    """One that succeeds."""
    done = Deployment(kiosk, bundle, *options, program=program)
    assert done.end() == 0, done.text
    return done


def status(kiosk: Machine) -> dict[str, Any]:
    """What the kiosk's own command says."""
    found: dict[str, Any] = json.loads(kiosk.run(f"{PROGRAM} status --json", check=False, timeout_s=120) or "{}")
    return found


def served(kiosk: Machine, limit_s: float = SERVE_S) -> str:
    """The version that serves, once one does, verified byte by byte; no switch may be at work any more."""
    deadline = time.monotonic() + limit_s
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        found = status(kiosk)
        activation = found.get("activation") or {}
        if found.get("ok") and found["health"]["frames_10s"] and activation.get("outcome") != "running":
            break
        time.sleep(1)
    assert found.get("ok"), (found, kiosk.journal("edge-asl.service")[-3000:], kiosk.journal("edge-asl-settle")[-1000:])
    digest = found["current"]["digest"]
    kiosk.run(
        f"{ROOT}/current/runtime/bin/python -B -c 'from edge_asl_device.releases.release import verify;"
        f'from edge_asl_device.releases.place import Place; verify(Place.of(None, "system"), "{digest}")\'',
        timeout_s=120,
    )
    version: str = found["current"]["version"]
    return version


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``old`` and ``new``: the same model under other bytes."""
    folder = tmp_path_factory.mktemp("bundles")
    return {
        "old": bad_bundles.bundle(folder / "old" / "hands", "1.0"),
        "new": bad_bundles.bundle(folder / "new" / "hands", "1.1", changed=True),
    }


@pytest.fixture(scope="module")
def deployed(pi_disk: Path, bundles: dict[str, Path]) -> Iterator[Machine]:
    """A kiosk that reads with the first release, and a snapshot ``first`` of it."""
    with Machine(pi_disk) as kiosk:
        kiosk.run("cat > /srv/film.mp4", stdin=(DATA / "BALLY.mp4").read_bytes())
        done = deploy(kiosk, bundles["old"], "--options", OPTIONS)
        say(f"from nothing to healthy: {time.monotonic() - done.started_s:.0f} s; {done.lines[-1]}")
        assert served(kiosk) == "1.0"
        kiosk.run("sync")
        kiosk.snapshot("first")
        yield kiosk


@pytest.fixture
def kiosk(deployed: Machine) -> Machine:
    """The kiosk at that moment."""
    deployed.resume("first")
    return deployed


def test_the_second_time_nothing_is_sent(kiosk: Machine, bundles: dict[str, Path]):
    done = deploy(kiosk, bundles["old"])
    say(f"unchanged: {done.lines[-1]}")
    assert "nothing to do" in done.text
    assert done.lines[-1].startswith("0.00 MB of files sent, 1 round trips")


def test_another_model_alone_is_sent_and_read_without_a_gap_and_rolled_back(kiosk: Machine, bundles: dict[str, Path]):
    kiosk.run("cat > /srv/silence.py", stdin=Path(__file__).with_name("silence.py").read_bytes())
    watch = subprocess.Popen(
        [*kiosk.ssh("root"), "python3 /srv/silence.py 8080"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    time.sleep(5)
    done = deploy(kiosk, bundles["new"])
    silent_s = float(watch.communicate("", timeout=60)[0])
    say(f"another model: {done.lines[-1]}; silent for {silent_s:.1f} s")
    assert float(re.search(r"([\d.]+) MB of files", done.lines[-1])[1]) <= 0.8  # type: ignore[index]
    assert "reload" in done.text
    assert served(kiosk) == "1.1"
    back = subprocess.run(
        [EDGE_ASL, "rollback", "kiosk", "--ssh-config", str(kiosk.ssh_config)],
        capture_output=True, text=True, timeout=DEPLOY_S, check=False,
    )  # fmt: skip
    assert back.returncode == 0, back.stdout + back.stderr
    assert served(kiosk) == "1.0"


@pytest.mark.thorough
def test_another_program_is_a_restart(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    program = bad_bundles.program(tmp_path, *bad_bundles.HARMLESS)
    done = deploy(kiosk, bundles["new"], program=program)
    say(f"another program: {done.lines[-1]}")
    assert "restart" in done.text
    assert served(kiosk) == "1.1"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bad_bundles.crashing, "crashed with signal"),
        pytest.param(bad_bundles.hanging, "it hangs", marks=pytest.mark.thorough),
        pytest.param(bad_bundles.wrong, "self-test: expected", marks=pytest.mark.thorough),
    ],
)
def test_a_bundle_that_does_not_run_is_refused(kiosk: Machine, tmp_path: Path, make: Any, reason: str):
    before = status(kiosk)["health"]["run"]
    done = Deployment(kiosk, make(tmp_path / "hands"))
    assert done.end() == 1
    assert reason in done.lines[-1], done.text
    assert served(kiosk) == "1.0"
    assert status(kiosk)["health"]["run"] == before, "it was never interrupted"


def test_a_program_that_never_becomes_healthy_is_taken_back(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    program = bad_bundles.program(tmp_path, *bad_bundles.RAISES)
    done = Deployment(kiosk, bundles["new"], "--health-limit", "60", program=program)
    assert done.end() == 1
    assert "rolled-back" in done.lines[-1], done.text
    assert "broken on purpose" in done.text, "the device's own log"
    assert served(kiosk) == "1.0"


STEPS = (
    *("done: lock", "done: send"),
    *("verify", "signature", "version", "self-test", "sync", "switch", "reload", "health", "prune"),
)
FEW = ("done: send", "switch")
ALL = os.environ.get("EDGE_ASL_PI") == "all"


def test_power_cuts(deployed: Machine, bundles: dict[str, Path]):
    """At every step: the old or the new release serves whole, and the next deployment succeeds."""
    steps, survived = STEPS if ALL else FEW, 0
    for step in steps:
        deployed.resume("first")
        cut = Deployment(deployed, bundles["new"])
        cut.wait_for(step)
        deployed.cut_power()
        cut.kill()
        deployed.boot()
        version = served(deployed)
        assert version in ("1.0", "1.1"), step
        deploy(deployed, bundles["new"])
        assert served(deployed) == "1.1", step
        survived += 1
        say(f"power cut after {step!r}: {version} served, then 1.1")
    say(f"{survived} of {len(steps)} power cuts survived")


@pytest.mark.thorough
def test_a_power_cut_in_the_switch_to_a_program_that_never_becomes_healthy(
    kiosk: Machine, bundles: dict[str, Path], tmp_path: Path
):
    """Nobody is connected any more; the kiosk goes back by itself."""
    cut = Deployment(kiosk, bundles["new"], program=bad_bundles.program(tmp_path, *bad_bundles.RAISES))
    cut.wait_for("switch")
    kiosk.run("sync")
    kiosk.cut_power()
    cut.kill()
    kiosk.boot()
    assert served(kiosk) == "1.0"


@pytest.mark.thorough
def test_the_cable_pulled_in_the_upload(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    """What arrived stays, and the next deployment sends the rest."""
    big = bad_bundles.bundle(tmp_path / "hands", "1.2", extra={"report.html": os.urandom(30_000_000)})
    first = Deployment(kiosk, big)
    first.wait_for("done: lock")
    time.sleep(4)
    kiosk.unplug()
    assert first.end(180) == 1
    assert "kiosk" in first.lines[-1]
    kiosk.plug()
    kiosk.run("true")
    rest = deploy(kiosk, big)
    sent = float(re.search(r"([\d.]+) MB of files", rest.lines[-1])[1])  # type: ignore[index]
    say(f"after a cut upload of 30 MB, {sent:.1f} MB were left to send")
    assert sent < 30
    assert served(kiosk) == "1.2"


def test_the_cable_pulled_in_the_activation(kiosk: Machine, bundles: dict[str, Path]):
    """It ends all the same, and the workstation learns how."""
    done = Deployment(kiosk, bundles["new"])
    done.wait_for("verify")
    kiosk.unplug()
    time.sleep(40)
    kiosk.plug()
    assert done.end() == 0, done.text
    assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_full_disk(kiosk: Machine, bundles: dict[str, Path]):
    kiosk.fill_disk(20)
    done = Deployment(kiosk, bundles["new"])
    assert done.end() == 1
    assert "MB of free space" in done.lines[-1]
    kiosk.empty_disk()
    assert served(kiosk) == "1.0"


@pytest.mark.thorough
def test_a_clock_in_1970(kiosk: Machine, bundles: dict[str, Path]):
    kiosk.set_clock(100_000)
    done = deploy(kiosk, bundles["new"])
    assert "days off" in done.text
    assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_reboot(kiosk: Machine, bundles: dict[str, Path]):
    deploy(kiosk, bundles["new"])
    kiosk.reboot()
    assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_service_of_an_ordinary_user(kiosk: Machine, bundles: dict[str, Path]):
    """Without root: below the user's home, under the user's own systemd."""
    kiosk.run("systemctl disable --now edge-asl edge-asl-settle; rm /etc/sudoers.d/pi; loginctl enable-linger pi")
    done = deploy(kiosk, bundles["new"], "--mode", "user", "--options", OPTIONS)
    say(f"user mode: {done.lines[-1]}")
    found = subprocess.run(
        [EDGE_ASL, "status", "kiosk", "--mode", "user", "--json", "--ssh-config", str(kiosk.ssh_config)],
        capture_output=True, text=True, timeout=DEPLOY_S, check=True,
    )  # fmt: skip
    assert json.loads(found.stdout)["current"]["version"] == "1.1"
    kiosk.reboot()
    answer = "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/healthz').status)\""
    kiosk.run(f"for i in $(seq 60); do {answer} && exit; sleep 2; done; exit 1", timeout_s=SERVE_S)
