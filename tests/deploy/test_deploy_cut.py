"""Whatever is killed or cut, whoever else deploys: the old release serves or the new, and the next deploy goes on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bad_bundles
import pytest
from kiosk import Kiosk, Watch, until

from edge_asl_device.contract.bundle import read_bundle
from program import wait_for

pytestmark = pytest.mark.deployment

BIG_BYTES = 60_000_000
KILLED_AFTER = ("done: lock", "done: send", "done: configure", "verify", "self-test", "switch", "done: activate")


def newer(tmp_path: Path, version: str, *, big: bool = False) -> Path:
    # Random bytes, so that compressing them on the way takes its time.
    extra = {"big.bin": os.urandom(BIG_BYTES)} if big else None
    return bad_bundles.bundle(tmp_path / f"hands-{version}", version, changed=True, extra=extra)


def partial(kiosk: Kiosk) -> int:
    """Bytes of the transfer that is under way or was cut."""
    return max((path.stat().st_size for path in (kiosk.root / "objects").glob(".partial-*")), default=0)


def recovered(kiosk: Kiosk) -> None:
    """Until nothing goes on that a killed command began: on the device, or on the way to it."""
    wait_for(lambda: not workers(kiosk, b"activate"), 90)


def whole(kiosk: Kiosk, *bundles: Path) -> str:
    """What serves, which must be one of these, ready."""
    wait_for(lambda: (kiosk.health() or {}).get("ready"), 30)
    health = kiosk.health()
    assert health
    assert health["bundle"]["digest"] in {read_bundle(bundle).digest for bundle in bundles}
    return str(health["bundle"]["digest"])


def test_the_command_is_killed_after_every_step(kiosk: Kiosk, tmp_path: Path, base: Path):
    """Each time the other bundle with other options; what came of it, the next deployment finishes once at the end."""
    bundles = [newer(tmp_path, "1.1"), newer(tmp_path, "1.2")]
    for number, step in enumerate(KILLED_AFTER):
        bundle = bundles[number % 2]
        language = ("--language", "de" if number % 2 else "en")
        with kiosk.started(bundle, "--allow-downgrade", "--options", kiosk.options_with(*language)) as running:
            running.wait_for(step)
            running.kill()
        recovered(kiosk)
        whole(kiosk, base, *bundles)
    report = kiosk.deployed(bundles[0], "--allow-downgrade", "--options", kiosk.options)
    assert report["release"] == kiosk.linked()
    assert whole(kiosk, bundles[0])
    assert kiosk.deployed(bundles[0])["changed"] is False
    assert not (kiosk.root / "lock").exists()


def test_a_killed_transfer_goes_on_where_it_was_cut(kiosk: Kiosk, tmp_path: Path):
    bundle = newer(tmp_path, "1.3", big=True)
    before = kiosk.linked()
    with Watch(kiosk) as watch:
        with kiosk.started(bundle) as running:
            until(lambda: partial(kiosk) > 1_000_000)
            running.kill()
        cut = partial(kiosk)
        assert 1_000_000 < cut <= BIG_BYTES
        assert kiosk.linked() == before
        wait_for(lambda: len(watch.answers) > 20)
    assert watch.uninterrupted

    report = kiosk.deployed(bundle)
    assert report["sent_bytes"] <= BIG_BYTES - cut + 300_000
    assert whole(kiosk, bundle)
    assert partial(kiosk) == 0


def test_the_connection_breaks_in_the_transfer(kiosk: Kiosk, tmp_path: Path):
    bundle = newer(tmp_path, "1.4", big=True)
    with kiosk.started(bundle) as running:
        until(lambda: partial(kiosk) > 1_000_000)
        kiosk.server.drop()
        done = running.end()

    assert "the connection broke: " in done.error
    assert kiosk.deployed(bundle)["sent_bytes"] < BIG_BYTES


def test_the_connection_breaks_in_the_activation_and_comes_back(kiosk: Kiosk, tmp_path: Path):
    """The device goes on, and the command learns what became of it."""
    bundle = newer(tmp_path, "1.5")
    with kiosk.started(bundle, "--json") as running:
        running.wait_for("verify")
        kiosk.server.drop()
        done = running.end()

    assert done.status == 0, done.err
    assert "the device carries on by itself" in done.err
    assert done.json["log"][-1][0] == "activated"
    assert whole(kiosk, bundle)


def test_an_activation_that_is_killed_on_the_device_is_recovered_by_the_next_one(kiosk: Kiosk, tmp_path: Path):
    """In its health check, the new release serving; and in the self-test, the old one serving."""
    for step, version in (("health", "1.6"), ("self-test", "1.7")):
        bundle = newer(tmp_path, version)
        before = kiosk.linked()
        with kiosk.started(bundle) as running:
            until(lambda step=step: running_in(record(kiosk), step))
            (worker,) = workers(kiosk)
            os.kill(worker, 9)
            assert running.end().status == 1
        assert "interrupted in step" in kiosk.run("status").out
        assert (kiosk.linked() == before) == (step == "self-test")
        recovered_by = kiosk.device("recover")
        assert recovered_by.status == (0 if step == "health" else 1), recovered_by
        assert kiosk.status()["activation"]["outcome"] == ("activated" if step == "health" else "refused")
        assert kiosk.deployed(bundle)["release"] == kiosk.linked()


def running_in(found: dict[str, str], step: str) -> bool:
    # Of one reading: the record of the activation before also names its last step.
    return found.get("step") == step and found["outcome"] == "running"


def record(kiosk: Kiosk) -> dict[str, str]:
    found: dict[str, str] = json.loads((kiosk.root / "activation.json").read_bytes())
    return found


def workers(kiosk: Kiosk, word: bytes = b"--worker") -> list[int]:
    """Processes that activate on this kiosk; without another word, those in sessions of their own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if word in words and str(kiosk.root).encode() in words:
            found.append(int(path.parent.name))
    return found


def test_options_of_a_deployment_that_was_cut_off_are_not_taken_by_another(kiosk: Kiosk, tmp_path: Path):
    """They lie ready; neither a deployment that names none nor a rollback or a restart is meant to start with them."""
    settings = kiosk.root / "kiosk.env"
    before, beside = settings.read_text(), settings.with_name("kiosk.env.next")
    current = kiosk.root / "current"
    for activate in (
        lambda: kiosk.deployed(newer(tmp_path, "1.7.5")),
        lambda: kiosk.device("rollback"),
        lambda: kiosk.device("activate", current.resolve().name, "--restart"),
    ):
        beside.write_text("EDGE_ASL_OPTIONS=--mute\n")
        activate()
        assert not beside.exists()
        assert settings.read_text() == before


def test_settings_that_a_power_cut_kept_from_their_release_are_taken_back(kiosk: Kiosk):
    """They replaced the old ones just before a rename that never came; the program has started with them since."""
    settings, record, pid = (kiosk.root / name for name in ("kiosk.env", "activation.json", "kiosk.pid"))
    before, started = settings.read_text(), pid.read_text()
    last = json.loads(record.read_text()) | {"release": "f" * 64, "outcome": "running", "step": "switch"}
    record.write_text(json.dumps(last | {"fallback": kiosk.linked(), "previous": kiosk.linked("previous")}))
    settings.rename(settings.with_name("kiosk.env.before"))
    settings.write_text("EDGE_ASL_OPTIONS=--mute\n")
    kiosk.device("recover")

    assert settings.read_text() == before
    assert pid.read_text() != started
    wait_for(lambda: (kiosk.health() or {}).get("ready"), 30)


# locks


def held(kiosk: Kiosk, owner: str) -> Path:
    lock = kiosk.root / "lock"
    lock.write_text(json.dumps({"owner": owner}))
    return lock


def test_somebody_elses_lock_is_respected_until_it_is_broken(kiosk: Kiosk, tmp_path: Path):
    bundle = newer(tmp_path, "1.8")
    lock = held(kiosk, "eve@elsewhere:7")
    refused = kiosk.deploy(bundle)

    assert "locked by eve@elsewhere:7 (" in refused.error
    assert "--break-lock" in refused.error
    assert lock.exists()
    assert kiosk.deployed(bundle, "--break-lock")["changed"]
    assert not lock.exists()


def test_two_at_once_do_not_meet(kiosk: Kiosk, tmp_path: Path):
    """The second is refused while the first goes on, and cannot begin an activation by hand either."""
    bundle, other = newer(tmp_path, "1.9"), newer(tmp_path, "1.10")
    with kiosk.started(bundle) as running:
        running.wait_for("verify")
        refused = kiosk.deploy(other)
        assert running.end().status == 0

    assert "locked by " in refused.error
    assert whole(kiosk, bundle)


# no space


@pytest.fixture
def small_disk(new_kiosk: Callable[[], Kiosk], tmp_path: Path) -> Iterator[Callable[[int], Kiosk]]:
    """A kiosk on a file system of so many MB, the environment's files on it already."""
    mounted: list[Path] = []

    def make(megabytes: int, *, environment: bool = True) -> Kiosk:
        kiosk = new_kiosk()
        disk = tmp_path / f"disk-{len(mounted)}"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
        if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("no tmpfs can be mounted; run as root")
        mounted.append(disk)
        if environment:
            # In one go, so that objects and environment stay one file with two names.
            subprocess.run(["cp", "-a", str(kiosk.root), str(disk)], check=True)
        kiosk.root = disk / "kiosk"
        return kiosk

    yield make
    for disk in mounted:
        for pid_file in disk.glob("*/kiosk.pid"):
            os.killpg(int(pid_file.read_text().split()[0]), 9)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_too_little_space_is_refused_before_the_first_byte(small_disk: Callable[..., Kiosk], base: Path):
    kiosk = small_disk(40, environment=False)
    done = kiosk.deploy(base, "--options", kiosk.options)

    assert "MB of free space, found 4" in done.error
    assert "free some" in done.error
    assert not (kiosk.root / "lock").exists()
    assert not list(kiosk.root.rglob(".partial-*"))


def test_a_disk_that_fills_up_in_the_transfer_leaves_the_old_release_and_goes_on_when_there_is_space(
    small_disk: Callable[..., Kiosk], tmp_path: Path, base: Path
):
    kiosk = small_disk(520)
    kiosk.deployed(base, "--options", kiosk.options)
    bundle = newer(tmp_path, "1.1", big=True)
    filler = kiosk.root.parent / "filler"
    with Watch(kiosk) as watch:
        with kiosk.started(bundle) as running:
            until(lambda: partial(kiosk) > 1_000_000)
            free = os.statvfs(kiosk.root).f_bavail * os.statvfs(kiosk.root).f_frsize
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free - 20_000_000)
            done = running.end()
        assert "No space left on device" in done.error
        assert not (kiosk.root / "lock").exists()
    assert watch.uninterrupted
    filler.unlink()

    report = kiosk.deployed(bundle)
    assert report["sent_bytes"] < BIG_BYTES
    assert whole(kiosk, bundle)


def test_a_disk_that_is_full_in_the_activation_leaves_the_old_release_and_goes_on_when_there_is_space(
    small_disk: Callable[..., Kiosk], tmp_path: Path, base: Path
):
    kiosk = small_disk(520)
    kiosk.deployed(base, "--options", kiosk.options)
    bundle = newer(tmp_path, "1.1")
    assert kiosk.run("bench", bundle, "--runs", 1).status == 0
    (release,) = [path.name for path in (kiosk.root / "releases").iterdir() if path.name != kiosk.linked()]
    filler = kiosk.root.parent / "filler"
    with Watch(kiosk) as watch:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        done = kiosk.device("activate", release)
        assert done.status == 1
        assert "free some space" in done.err + done.out
    assert watch.uninterrupted
    filler.unlink()

    assert kiosk.device("activate", release).status == 0
    assert whole(kiosk, bundle)


def test_a_disk_that_fills_up_after_the_switch_goes_back_all_the_same(
    small_disk: Callable[[int], Kiosk], tmp_path: Path, base: Path
):
    kiosk = small_disk(520)
    kiosk.deployed(base, "--options", kiosk.options)
    before = kiosk.linked()
    filler = kiosk.root.parent / "filler"
    with kiosk.started(bad_bundles.late(tmp_path / "late"), "--health-limit", 8) as running:
        until(lambda: kiosk.linked() != before)
        until(lambda: json.loads((kiosk.root / "activation.json").read_text())["step"] == "health")
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert running.end().status == 1
    assert kiosk.linked() == before
    filler.unlink()

    kiosk.device("recover")
    assert kiosk.status()["activation"]["outcome"] == "rolled-back"
    kiosk.deployed(base)
    assert whole(kiosk, base)
