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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import Machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy"))
import bad_bundles

DATA = Path(__file__).resolve().parents[1] / "data"
ROOT = "/var/lib/edge-asl"
PROGRAM = f"{ROOT}/current/environment/bin/edge-asl-device"
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
    assert found.get("ok"), (
        found,
        kiosk.journal("edge-asl.service")[-3000:],
        kiosk.journal("edge-asl-recover")[-1000:],
    )
    digest = found["current"]["digest"]
    kiosk.run(
        f"{ROOT}/current/environment/bin/python -B -c 'from edge_asl_device.releases.release import verify;"
        "from edge_asl_device.releases.installation import Installation;"
        f'verify(Installation.here(None, "system"), "{digest}")\'',
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
        # What the self-test refuses, it refuses on this computer, too: tests/deploy/test_deploy_refused.py.
        pytest.param(bad_bundles.crashing, "crashed with signal", marks=pytest.mark.thorough),
        pytest.param(bad_bundles.hanging, "the program hangs", marks=pytest.mark.thorough),
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
ALL = os.environ.get("EDGE_ASL_PI") == "all"


def test_power_cuts(deployed: Machine, bundles: dict[str, Path]):
    """At every step: the old or the new release serves whole, and the next deployment succeeds."""

    def cut_power(cut: Deployment) -> None:
        deployed.cut_power()
        cut.kill()
        deployed.boot()

    survive(deployed, bundles, "power cut", cut_power, STEPS if ALL else ("done: send", "switch"))


@pytest.mark.thorough
def test_kills_of_the_command(deployed: Machine, bundles: dict[str, Path]):
    """The same, where nobody but the workstation's own command dies; the device goes on."""
    survive(deployed, bundles, "kill", Deployment.kill, STEPS)


def survive(
    kiosk: Machine, bundles: dict[str, Path], name: str, strike: Callable[[Deployment], None], steps: tuple[str, ...]
) -> None:
    """Strike once in each step, from one moment each time."""
    survived = 0
    for step in steps:
        kiosk.resume("first")
        struck = Deployment(kiosk, bundles["new"])
        struck.wait_for(step)
        strike(struck)
        version = served(kiosk)
        assert version in ("1.0", "1.1"), step
        deploy(kiosk, bundles["new"])
        assert served(kiosk) == "1.1", step
        survived += 1
        say(f"{name} after {step!r}: {version} served, then 1.1")
    say(f"{survived} of {len(steps)} survived: {name}")


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
def test_two_at_once_do_not_meet(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    first = Deployment(kiosk, bundles["new"])
    first.wait_for("verify")
    second = Deployment(kiosk, bad_bundles.bundle(tmp_path / "hands", "1.2", changed=True))
    assert second.end() == 1
    assert "locked by " in second.text
    assert first.end() == 0, first.text
    assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_kiosk_with_a_signer_takes_nothing_else(kiosk: Machine, tmp_path: Path):
    """Unsigned, signed by another, signed and then changed: in the bundle, its manifest, its signature, a path."""
    keys = {name: tmp_path / name for name in ("maria", "eve")}
    for name, key in keys.items():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
    good = bad_bundles.bundle(tmp_path / "good" / "hands", "2.0", changed=True)
    assert "trust" in deploy(kiosk, good, "--key", str(keys["maria"])).text

    unsigned = bad_bundles.bundle(tmp_path / "unsigned" / "hands", "2.2", changed=True)
    refused = Deployment(kiosk, unsigned)
    assert refused.end() == 1
    assert "the bundle is not signed, and this device accepts only bundles signed by maria" in refused.text
    refused = Deployment(kiosk, unsigned, "--key", str(keys["eve"]))
    assert refused.end() == 1
    assert "not a signature of maria" in refused.text

    newer = bad_bundles.bundle(tmp_path / "newer" / "hands", "2.1", changed=True)
    subprocess.run([EDGE_ASL, "sign", str(newer), "--key", str(keys["maria"])], check=True, capture_output=True)
    subprocess.run(
        [EDGE_ASL, "bench", str(newer), "--on", "kiosk", "--runs", "1", "--ssh-config", str(kiosk.ssh_config)],
        check=True, capture_output=True, timeout=DEPLOY_S,
    )  # fmt: skip
    served_now = status(kiosk)["current"]["digest"]
    (staged,) = {one["digest"] for one in status(kiosk)["releases"] if one.get("version") == "2.1"} - {served_now}
    bundle = f"{ROOT}/releases/{staged}/bundle"
    for spoil, found in (
        ("printf x | dd of=model.tflite bs=1 seek=5000 conv=notrunc", "model.tflite"),
        ("sed -i s/hands/hunds/ manifest.json", "expected the bundle"),
        ("sed -i 3s/./_/ manifest.json.sig", "manifest.json.sig"),
        ("sed -i s,report.html,../report.html, manifest.json", "`key` in `$.files`"),
        ("ln -sf /etc/passwd report.html", "report.html"),
        ("touch extra", "extra"),
    ):
        kiosk.run(f"cp -a {bundle} /srv/kept && cd {bundle} && cp --remove-destination -a /srv/kept/* . && {spoil}")
        said = kiosk.run(f"{PROGRAM} activate {staged} 2>&1", check=False, timeout_s=DEPLOY_S)
        kiosk.run(f"rm -rf {bundle} && mv /srv/kept {bundle}")
        assert "refused" in said, (spoil, said)
        assert found in said, (spoil, said)
    assert served(kiosk) == "2.0"


@pytest.mark.thorough
def test_an_unknown_host_key_and_a_key_that_is_not_let_in(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    config = kiosk.ssh_config.read_text()
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    for before, after, said in (
        (str(kiosk.known_hosts), "/dev/null", "host key"),
        (str(kiosk.id_file), str(stranger), "rejected your SSH key"),
    ):
        assert before in config
        (tmp_path / "config").write_text(config.replace(before, after))
        done = Deployment(kiosk, bundles["new"], "--ssh-config", str(tmp_path / "config"))
        assert done.end() == 1
        assert said in done.lines[-1], done.text
    assert served(kiosk) == "1.0"


@pytest.mark.thorough
def test_through_ansible_with_sudo(kiosk: Machine, bundles: dict[str, Path], tmp_path: Path):
    inventory = tmp_path / "kiosks.yml"
    arguments = f"-F {kiosk.ssh_config}"
    inventory.write_text(f"all: {{vars: {{ansible_ssh_common_args: '{arguments}'}}, hosts: {{kiosk: }}}}\n")
    words = [EDGE_ASL, "deploy", str(bundles["new"]), "--inventory", str(inventory), *PATIENCE, "--json"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for expected in ("activated", "unchanged"):
        done = subprocess.run(words, capture_output=True, text=True, timeout=DEPLOY_S, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (row,) = json.loads(done.stdout)["devices"]
        say(f"through Ansible: {row['result']} in {row['seconds']:.0f} s")
        assert row["result"] == expected
        assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_reboot(kiosk: Machine, bundles: dict[str, Path]):
    deploy(kiosk, bundles["new"])
    kiosk.reboot()
    assert served(kiosk) == "1.1"


@pytest.mark.thorough
def test_a_service_of_an_ordinary_user(kiosk: Machine, bundles: dict[str, Path]):
    """Without root: below the user's home, under the user's own systemd."""
    kiosk.run("systemctl disable --now edge-asl edge-asl-recover; rm /etc/sudoers.d/pi; loginctl enable-linger pi")
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
