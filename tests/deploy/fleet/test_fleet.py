"""Many kiosks: the real Ansible, a real sshd with a port for each, host keys checked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bad_bundles
import pytest
from many import Kiosks
from sshd import MISSING

from edge_asl.cli.waves import parse_max_fail, parse_serial
from edge_asl.deploy.fleet.results import DeviceResult, Outcome, RolloutReport
from edge_asl.errors import DeviceError
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import SIGNATURE
from program import wait_for

pytestmark = pytest.mark.deployment

BIN = Path(sys.executable).parent
PROGRAM = BIN / "ansible-playbook"
LIMIT_S = 300


class Done(NamedTuple):
    """A command's end."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Of its JSON, by device."""
        return {row["device"]: row for row in json.loads(self.out)["devices"]}

    @property
    def results(self) -> dict[str, str]:
        return {device: row["result"] for device, row in self.rows.items()}


class Fleet(NamedTuple):
    """Two kiosks and the workstation."""

    kiosks: Kiosks
    environment: dict[str, str]

    def command(self, bundle: Path, *more: object) -> list[str]:
        words = [BIN / "edge-asl", "deploy", bundle, "--inventory", self.kiosks.inventory, *more]
        return [str(word) for word in words]

    def deploy(self, bundle: Path, *more: object) -> Done:
        run = subprocess.run(
            self.command(bundle, *more), capture_output=True, text=True, env=self.environment, timeout=LIMIT_S
        )
        return Done(run.returncode, run.stdout, run.stderr)

    def current(self) -> list[str | None]:
        return [self.kiosks.current(name) for name in self.kiosks.names]


@pytest.fixture(scope="module")
def kiosks(tmp_path_factory: pytest.TempPathFactory, workstation: dict[str, str]) -> Iterator[Fleet]:
    """Not installed yet."""
    if MISSING:
        pytest.skip(MISSING)
    if not PROGRAM.exists():
        pytest.skip("no Ansible; pip install ansible-core")
    pytest.importorskip("ansible_runner", reason="no ansible-runner; pip install ansible-runner")
    with Kiosks(tmp_path_factory.mktemp("fleet"), 2) as running:
        yield Fleet(running, workstation | {"PATH": f"{BIN}:{os.environ['PATH']}"})


@pytest.fixture(scope="module")
def first(kiosks: Fleet, base: Path) -> Done:
    """The first roll-out, to both at once."""
    done = kiosks.deploy(base, "--serial", "2", "--json")
    assert done.status == 0, done.err[-3000:]
    return done


def test_the_first_roll_out_installs_everything_from_one_pack(kiosks: Fleet, base: Path, first: Done):
    assert first.results == {"kiosk-1": "activated", "kiosk-2": "activated"}
    assert json.loads(first.out)["ok"]
    assert kiosks.current() == [row["release"] for row in first.rows.values()]
    assert all(row["seconds"] > 0 for row in first.rows.values())
    assert first.err.count("packing ") <= 1  # none where the cache has it
    for name in kiosks.kiosks.names:
        root = kiosks.kiosks.root(name)
        assert not (root / "lock").exists()
        assert kiosks.kiosks.options[name] in (root / "kiosk.env").read_text()


@pytest.mark.usefixtures("first")
def test_the_second_changes_nothing_and_the_playbook_works_by_itself(kiosks: Fleet, base: Path):
    before = kiosks.current()
    done = kiosks.deploy(base, "--serial", "100%")
    where = subprocess.run([BIN / "edge-asl", "pack", "--playbook"], capture_output=True, text=True, check=True)
    words = ["-i", kiosks.kiosks.inventory, where.stdout.strip(), "-e", f"edge_asl_bundle={base}"]
    alone = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=kiosks.environment, timeout=LIMIT_S)

    assert done.status == 0, done.err
    assert "hands 1.0: 2 unchanged" in done.out
    assert "changed: [" not in done.err
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert len(re.findall(r"kiosk-\d +: ok=[56] +changed=0 +unreachable=0 +failed=0", alone.stdout)) == 2
    assert kiosks.current() == before


@pytest.mark.usefixtures("first")
def test_check_mode_says_what_would_change_and_changes_nothing(kiosks: Fleet, tmp_path: Path):
    def everything() -> dict[str, int]:
        # What the kiosks that serve meanwhile write themselves is not meant.
        paths = [path for name in kiosks.kiosks.names for path in kiosks.kiosks.root(name).rglob("*")]
        return {str(path): path.lstat().st_mtime_ns for path in paths if path.name != "kiosk.log"}

    before = everything()
    newer = bad_bundles.bundle(tmp_path / "newer", "1.1", changed=True)
    done = kiosks.deploy(newer, "--dry-run", "--limit", "kiosk-2", "--json")

    assert done.status == 0, done.err
    assert done.results == {"kiosk-2": "would change"}
    assert re.match(r"send 0\.\d MB, activate [0-9a-f]{12}", done.rows["kiosk-2"]["message"])
    assert "1. lock" in done.err
    assert everything() == before


@pytest.mark.usefixtures("first")
def test_a_release_that_never_becomes_healthy_stops_with_the_first_wave(kiosks: Fleet, tmp_path: Path):
    before = kiosks.current()
    done = kiosks.deploy(bad_bundles.late(tmp_path / "late"), "--serial", "1,100%", "--health-limit", "6", "--json")

    assert done.status == 1
    assert done.results == {"kiosk-1": "rolled back", "kiosk-2": "not reached"}
    assert "was not healthy within 6 s" in done.rows["kiosk-1"]["message"]
    assert "is running again" in done.rows["kiosk-1"]["message"]
    assert kiosks.current() == before


@pytest.mark.usefixtures("first")
def test_one_broken_device_is_borne_where_told(kiosks: Fleet, tmp_path: Path):
    newer = bad_bundles.bundle(tmp_path / "newer", "1.1", changed=True)
    old = kiosks.current()[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = kiosks.kiosks.options["kiosk-1"]
        port = taken.getsockname()[1]
        try:
            kiosks.kiosks.options["kiosk-1"] = re.sub(r"--port \d+", f"--port {port}", options)
            kiosks.kiosks.write_inventory()
            done = kiosks.deploy(newer, "--serial", "2", "--max-fail", "50%", "--health-limit", "25", "--json")
        finally:
            kiosks.kiosks.options["kiosk-1"] = options
            kiosks.kiosks.write_inventory()

    assert done.status == 1
    assert done.results == {"kiosk-1": "rolled back", "kiosk-2": "activated"}, done.rows
    assert kiosks.current() == [old, done.rows["kiosk-2"]["release"]]


@pytest.mark.usefixtures("first")
def test_devices_that_cannot_be_reached_or_are_strangers_are_told_apart(kiosks: Fleet, base: Path, tmp_path: Path):
    server = kiosks.kiosks.server
    stranger = server.config.read_text().replace("Host kiosk-1\n", "Host stranger\n").split("\nHost")[0]
    config = tmp_path / "config"
    config.write_text(stranger.replace(f"{server.folder}/known_hosts", str(tmp_path / "none")))
    hosts = {
        "gone.invalid": {"edge_asl_root": "/nowhere"},
        "stranger": {"edge_asl_root": "/nowhere", "ansible_ssh_common_args": f"-F {config}"},
        "rootless": {},
    }
    inventory = tmp_path / "some.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"edge_asl_mode": "plain"}}}))
    words = kiosks.command(base, "--serial", "100%", "--json")
    words[words.index(str(kiosks.kiosks.inventory))] = str(inventory)
    run = subprocess.run(words, capture_output=True, text=True, env=kiosks.environment, timeout=LIMIT_S)
    done = Done(run.returncode, run.stdout, run.stderr)

    assert done.status == 1
    assert done.results == {"gone.invalid": "unreachable", "stranger": "unreachable", "rootless": "refused"}
    assert "no host has that name" in done.rows["gone.invalid"]["message"]
    assert "its host key is not known yet" in done.rows["stranger"]["message"]
    assert "needs a folder on the device; name one" in done.rows["rootless"]["message"]


@pytest.mark.usefixtures("first")
def test_a_device_that_cannot_take_it_says_why(kiosks: Fleet, base: Path):
    options, kiosks.kiosks.options = kiosks.kiosks.options, {}
    try:
        kiosks.kiosks.write_inventory(edge_asl_options="'--language \"de'")
        done = kiosks.deploy(base, "--limit", "kiosk-2", "--json")
    finally:
        kiosks.kiosks.options = options
        kiosks.kiosks.write_inventory()

    assert done.status == 1
    assert done.results == {"kiosk-2": "refused"}
    assert done.rows["kiosk-2"]["message"] == "--options: No closing quotation; check the quotes"


@pytest.mark.usefixtures("first")
def test_a_connection_lost_in_the_switch_and_the_first_signer(kiosks: Fleet, tmp_path: Path):
    newer = bad_bundles.bundle(tmp_path / "newer", "1.2", changed=True)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key], check=True)
    root = kiosks.kiosks.root("kiosk-1")
    began = (root / "activation.json").stat().st_mtime_ns
    words = kiosks.command(newer, "--limit", "kiosk-1", "--key", key, "--json")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kiosks.environment
    ) as process:
        wait_for(lambda: (root / "activation.json").stat().st_mtime_ns > began, 120)
        kiosks.kiosks.server.drop()
        out, err = process.communicate(timeout=LIMIT_S)
    done = Done(process.returncode, out, err)

    assert "Wait for a device that was lost" in err
    assert done.status == 0, err[-3000:]
    assert done.results == {"kiosk-1": "activated"}
    assert kiosks.current()[0] == done.rows["kiosk-1"]["release"]
    assert (newer / SIGNATURE).exists()
    assert (root / "trust" / "allowed_signers").read_text().startswith("ann ")


@pytest.mark.usefixtures("first")
def ansible_processes(inventory: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            found += [path.parent.name] * (str(inventory) in words and "ansible-playbook" in " ".join(words))
    return found


def test_ctrl_c_ends_ansible_and_the_device_goes_on_by_itself(kiosks: Fleet, tmp_path: Path):
    newer = bad_bundles.bundle(tmp_path / "newest", "1.3", changed=True)
    root = kiosks.kiosks.root("kiosk-2")
    began = (root / "activation.json").stat().st_mtime_ns
    words = kiosks.command(newer, "--limit", "kiosk-2", "--json")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kiosks.environment
    ) as process:
        wait_for(lambda: (root / "activation.json").stat().st_mtime_ns > began, 120)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    done = Done(process.returncode, out, err)

    assert done.status == 1
    assert not ansible_processes(kiosks.kiosks.inventory), "workers that nobody ends"
    assert json.loads(out)["interrupted"]
    assert done.results == {"kiosk-2": "not reached"}
    assert "carries on by itself" in done.rows["kiosk-2"]["message"]
    wait_for(lambda: json.loads((root / "activation.json").read_text())["outcome"] == "activated", 60)
    assert json.loads((root / "current" / "release.json").read_text())["bundle"] == read_bundle(newer).digest


def test_a_damaged_bundle_is_refused_before_ansible_starts(kiosks: Fleet, tmp_path: Path):
    damaged = bad_bundles.tampered(bad_bundles.bundle(tmp_path / "damaged"))
    done = kiosks.deploy(damaged)

    assert done.status == 1
    assert "PLAY" not in done.err
    assert "model.tflite" in done.err


def test_without_ansible_it_says_how_to_get_it(kiosks: Fleet, base: Path, tmp_path: Path):
    # An interpreter beside which no ansible-playbook lies, with the same packages.
    (tmp_path / "python").symlink_to(sys.executable)
    packages = [path for path in sys.path if path.endswith(("site-packages", "/host", "/device"))]
    shutil.copy(shutil.which("ssh") or "", tmp_path)
    environment = kiosks.environment | {
        "PATH": str(tmp_path),
        "PYTHONPATH": ":".join([kiosks.environment["PYTHONPATH"], *packages]),
    }
    words = [tmp_path / "python", "-m", "edge_asl", "deploy", base, "--inventory", kiosks.kiosks.inventory]
    run = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60)

    assert run.returncode == 1
    assert "pip install 'edge-asl[fleet]'" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_an_inventory_that_names_nobody(kiosks: Fleet, base: Path):
    done = kiosks.deploy(base, "--limit", "nobody")

    assert done.status == 1
    assert "--limit leaves us with no hosts to target; ansible-inventory -i " in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["all:\n  hosts:\n    a: b: c\n", "all:\n  hosts: [a]\n", ""])
def test_an_inventory_that_cannot_be_read_is_one_line(kiosks: Fleet, base: Path, tmp_path: Path, text: str):
    inventory = tmp_path / "broken.yml"
    inventory.write_text(text)
    words = kiosks.command(base)
    words[words.index(str(kiosks.kiosks.inventory))] = str(inventory)
    run = subprocess.run(words, capture_output=True, text=True, env=kiosks.environment, timeout=LIMIT_S)

    shows = f"ansible-inventory -i {inventory} --graph shows what Ansible reads"
    assert run.returncode == 1
    assert run.stderr == f"edge-asl: {inventory}: Ansible finds no devices in it; {shows}\n"


def test_a_device_and_an_inventory_are_one_too_many(base: Path, tmp_path: Path):
    words = [BIN / "edge-asl", "deploy", base, "kiosk-1", "--inventory", tmp_path]
    run = subprocess.run(words, capture_output=True, text=True)

    assert run.returncode == 2
    assert "TARGET: cannot be combined with --inventory" in run.stderr


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "1,", "a", "1;2", "-1"])
def test_waves_that_are_none(text: str):
    with pytest.raises(DeviceError, match="--serial"):
        parse_serial(text)


def test_waves_and_failures_as_people_write_them():
    assert parse_serial("1, 25%,100%") == ["1", "25%", "100%"]
    assert parse_max_fail("10%") == parse_max_fail("10") == 10.0
    for text in ("", "101%", "-1", "ten"):
        with pytest.raises(DeviceError, match="--max-fail"):
            parse_max_fail(text)


def results_of(*events: tuple[str, str, str, dict[str, Any]]) -> list[DeviceResult]:
    """The rows after such events of a, b and c."""
    report = RolloutReport(bundle="hands", version="1.0")
    listed = ("runner_on_ok", "List the devices", "a", {"ansible_play_hosts_all": ["a", "b", "c"]})
    for kind, task, host, answer in [listed, *events]:
        report.take({"event": kind, "event_data": {"task": task, "host": host, "res": answer, "duration": 0.1}})
    report.end("failed", 1.0)
    return report.devices


def test_packages_that_could_not_be_built_are_reported_for_the_whole_wave():
    failed = {"msg": "non-zero return code", "stdout_lines": [], "stderr_lines": ["edge-asl: no room"]}
    rows = results_of(
        ("runner_on_ok", "Read facts", "a", {}),
        ("runner_on_ok", "Read facts", "b", {}),
        ("runner_on_failed", "Build update packages", "a", failed),
    )

    assert [row.result for row in rows] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.NOT_REACHED]
    assert [row.message for row in rows] == ["edge-asl: no room", "edge-asl: no room", ""]


def test_a_lost_device_is_reported_in_the_same_words_as_by_a_single_deployment():
    changed = "@@@\r\nWARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\r\nssh-keygen -f '/k n' -R 'a'\r\nmore"
    said = {"a": changed, "b": "b: Host key verification failed.", "c": "no shell\nthere"}
    rows = results_of(*(("runner_on_unreachable", "Read facts", name, {"msg": msg}) for name, msg in said.items()))

    assert {row.result for row in rows} == {Outcome.UNREACHABLE}
    assert rows[0].message.endswith("find out which, then run ssh-keygen -f '/k n' -R 'a'")
    assert "connect once with ssh b, and compare" in rows[1].message
    assert rows[2].message == "no shell there"
