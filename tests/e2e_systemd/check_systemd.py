"""The units under a real systemd, as root of a machine of their own. ``run.sh`` boots it and runs these, in order.

The machine is emulated: it computes about ten times slower than the computer below it, so limits on what the program
computes are wide, and limits on what systemd does are as they are on a device.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from program import Listener, wait_for

HOME = Path("/var/lib/edge-asl")
OPTIONS = Path("/etc/edge-asl/kiosk.env")
DROP_INS = Path("/run/systemd/system")
PORT = 8080
UNIT, KIOSK = "edge-asl.service", "edge-asl-kiosk.service"
RUNUSER = ("runuser", "-u", "kiosk", "--", "env")
SIOCSIFADDR = 0x8916
BROWSER_S = 600.0
START_S = 90.0
"""From a start to READY on this machine, with a wide margin."""


def say(line: str) -> None:
    """Seen with pytest's ``-s``."""
    sys.stdout.write(f"\n{line}\n")


def systemctl(*arguments: str, check: bool = True) -> str:
    run = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert not check or run.returncode == 0, (arguments, run.stderr, journal()[-3000:])
    return run.stdout.strip()


def shown(name: str, unit: str = UNIT) -> str:
    return systemctl("show", unit, "--value", "--property", name)


def journal(unit: str = UNIT) -> str:
    return subprocess.run(
        ["journalctl", "--unit", unit, "--boot", "--output=cat", "--no-pager"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip


def memory(unit: str) -> str:
    now, peak = (int(shown(name, unit)) / 2**20 for name in ("MemoryCurrent", "MemoryPeak"))
    return f"memory {now:.0f} MB, at most {peak:.0f}; {shown('TasksCurrent', unit)} tasks"


def main_pid(unit: str = UNIT) -> int:
    return int(shown("MainPID", unit))


def processes(unit: str = UNIT) -> set[str]:
    """Of the kernel: systemctl alone takes a third of a second here."""
    try:
        return set(Path("/sys/fs/cgroup/system.slice", unit, "cgroup.procs").read_text().split())
    except OSError:  # between two runs there is no group, or it goes while it is read
        return set()


def ask(path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
    try:
        connection.request(method, path, "{}" if method == "POST" else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def health() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(ask("/healthz")[1])
    except OSError:
        return {}
    return found


def metric(name: str) -> float:
    try:
        lines = ask("/metrics")[1].splitlines()
    except OSError:
        return -1.0
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def active(unit: str = UNIT) -> bool:
    return systemctl("is-active", unit, check=False) == "active"


def started_anew(before: int) -> bool:
    return main_pid() not in (0, before) and active()


def start(*options: str) -> None:
    OPTIONS.write_text(f"EDGE_ASL_OPTIONS={' '.join(options)}\n")
    systemctl("restart", UNIT)


@pytest.fixture(autouse=True)
def timed(request: pytest.FixtureRequest) -> Iterator[None]:
    """How long each took, beside what it found."""
    began = time.monotonic()
    yield
    say(f"{request.node.name}: {time.monotonic() - began:.1f} s")


@pytest.fixture
def drop_in() -> Iterator[Any]:
    """Add lines to the real unit for one test."""
    folder = DROP_INS / f"{UNIT}.d"

    def add(*lines: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "check.conf").write_text("\n".join(["[Service]", *lines]) + "\n")
        systemctl("daemon-reload")

    yield add
    (folder / "check.conf").unlink(missing_ok=True)
    systemctl("daemon-reload")


def test_systemd_finds_no_fault():
    for unit in (UNIT, KIOSK):
        verified = subprocess.run(
            ["systemd-analyze", "verify", f"/etc/systemd/system/{unit}"], capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert (verified.returncode, verified.stderr) == (0, ""), unit
        secure = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--threshold=35", unit], capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        say(secure.stdout.strip().splitlines()[-1])
        assert secure.returncode == 0, secure.stdout


def test_it_starts_and_reads():
    began = time.monotonic()
    start("--source rehearsal:/srv/camera")  # returns when the program has said READY
    say(f"READY after {time.monotonic() - began:.1f} s")
    assert active()
    page = Listener(PORT)
    wait_for(lambda: page.state.get("accepted"), 60, "a letter under the hardening")
    page.close()
    assert ask("/")[0] == 200
    found = health()
    assert found["ready"], found
    assert (found["camera"]["state"], found["runtime"]) == ("live", "litert"), found
    assert found["frames_10s"] > 0, found
    say(f"{memory(UNIT)}, {found['frames_10s']} frames in 10 s")


def test_the_limits_are_in_force():
    group = Path("/sys/fs/cgroup") / shown("ControlGroup").lstrip("/")
    assert int((group / "memory.max").read_text()) == 320 * 2**20
    assert int((group / "memory.high").read_text()) == 288 * 2**20
    assert (group / "memory.oom.group").read_text().strip() == "1"
    assert int((group / "pids.max").read_text()) == 100
    for pid in (group / "cgroup.procs").read_text().split():
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert int(status["Uid"].split()[0]) >= 1000, "an unprivileged user"
        assert (status["CapEff"], status["NoNewPrivs"], status["Seccomp"]) == ("0" * 16, "1", "2")
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == -300


def test_the_sandbox_holds(drop_in: Any):
    """Asked from inside: nothing can be written, no disk read, nobody else reached."""
    address = "10.9.9.9"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:  # one more address of this machine
        fcntl.ioctl(
            control,
            0x8916,
            b"lo:1".ljust(16, b"\0") + struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address)),
        )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 1), timeout=3)
    drop_in(f"ExecStartPre=/var/lib/edge-asl/environment/bin/python /share/sandbox.py {address}")
    systemctl("restart", UNIT)
    line = next(line for line in journal().splitlines()[::-1] if line.startswith("sandbox "))
    found = json.loads(line.removeprefix("sandbox "))
    assert found.pop("uid") >= 61184, "systemd's range of users that exist while a service runs"
    assert set(found.pop("write").values()) <= {"EROFS", "EACCES", "EPERM", "ENOENT"}
    assert found.pop("here") == "ECONNREFUSED"
    assert found.pop("elsewhere") in ("EPERM", "TimeoutError"), "IPAddressDeny"
    assert found.pop("raw") == "EAFNOSUPPORT"
    assert set(found.values()) <= {"EPERM", "EACCES", "EROFS"}, found


def test_it_writes_nothing():
    """After letters were read: no file of its user, none below its folders, but what these checks wrote."""
    stamp = Path("/run/stamp")
    stamp.touch()
    systemctl("restart", UNIT)
    uid = Path(f"/proc/{main_pid()}").stat().st_uid
    page = Listener(PORT)
    wait_for(lambda: page.state.get("accepted"), 60)
    page.close()
    found = subprocess.run(
        ["find", "/", "-xdev", "(", "-uid", str(uid), "-o", "-path", "/var/lib/edge-asl/*", "-newer", str(stamp), ")"],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert found == ""


def test_killed_it_comes_back():
    before = main_pid()
    old = processes()
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: processes() - old, 5, "another process within five seconds")
    say(f"another process after {time.monotonic() - began:.1f} s")
    wait_for(lambda: started_anew(before), START_S)
    say(f"READY after {time.monotonic() - began:.1f} s")


def test_hanging_it_is_started_anew():
    before = main_pid()
    began = time.monotonic()
    os.kill(before, signal.SIGSTOP)
    wait_for(lambda: main_pid() not in (0, before), 20, "the watchdog's ten seconds and a restart")
    say(f"another process after {time.monotonic() - began:.1f} s")
    assert "Watchdog timeout" in journal()
    wait_for(lambda: started_anew(before), START_S)


def test_too_much_memory_is_started_anew():
    """The whole group ends, capture process included, and comes back once there is room."""
    before = main_pid()
    systemctl("set-property", "--runtime", UNIT, "MemoryHigh=infinity", "MemoryMax=40M")
    wait_for(lambda: main_pid() != before, 60, "killed for memory")
    assert "oom-kill" in journal()
    systemctl("set-property", "--runtime", UNIT, "MemoryHigh=288M", "MemoryMax=320M")
    wait_for(lambda: started_anew(before), START_S + 30)


def test_a_changed_bundle_without_a_gap():
    before, pid, run = health()["bundle"]["digest"], main_pid(), health()["run"]
    subprocess.run(["cp", "-a", HOME / "releases/first", HOME / "releases/second"], check=True)
    manifest = HOME / "releases/second/bundle/manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": "1.0"', '"version": "1.1"'))
    switch("second")
    systemctl("reload", UNIT)
    wait_for(lambda: health()["bundle"]["digest"] != before, 60, "the new bundle reads")
    assert health()["bundle"]["version"] == "1.1"
    assert (main_pid(), health()["run"]) == (pid, run), "the same process"


def test_a_broken_bundle_is_kept_out():
    before = health()["bundle"]["digest"]
    subprocess.run(["cp", "-a", HOME / "releases/first", HOME / "releases/broken"], check=True)
    os.truncate(HOME / "releases/broken/bundle/model.tflite", 1000)
    switch("broken")
    systemctl("reload", UNIT)
    wait_for(lambda: "bundle refused" in journal(), 30)
    assert health()["bundle"]["digest"] == before
    assert active()
    switch("second")


def switch(release: str) -> None:
    """As docs/operations.md says: at no moment is there no ``current``."""
    (HOME / "next").symlink_to(f"releases/{release}")
    (HOME / "next").rename(HOME / "current")


def test_a_voice_through_the_sandbox():
    """A sound card that appears after the start."""
    subprocess.run(["modprobe", "snd-dummy"], check=True)
    wait_for(lambda: Path("/dev/snd/pcmC0D0p").exists(), 20)
    time.sleep(2)  # udev gives it to the group
    page = Listener(PORT)
    wait_for(lambda: page.state.get("text"), 60)
    page.close()
    assert ask("/api/speak", "POST")[0] == 204
    wait_for(lambda: metric('edge_asl_speech_total{result="spoken"}') >= 1, 60, journal()[-500:])


def test_a_camera_that_is_plugged_in_later():
    """Its driver is loaded long after the unit was started: the group of devices had no name then."""
    start("--source v4l2")
    wait_for(lambda: health().get("camera", {}).get("state") == "missing", 60)
    assert active(), "no camera is no reason not to be ready"
    subprocess.run(["modprobe", "vivid", "vid_out_nr=0"], check=True)
    wait_for(lambda: health().get("camera", {}).get("state") == "live", 60, str(health()))
    wait_for(lambda: health()["frames_10s"] > 0, 30)
    say(str(health()))


def test_the_kiosk_shows_the_page():
    start("--source rehearsal:/srv/camera")
    folder = DROP_INS / f"{KIOSK}.d"
    folder.mkdir(parents=True)
    # This machine's screen has no graphics processor.
    (folder / "check.conf").write_text("[Service]\nEnvironment=WLR_RENDERER=pixman\n")
    systemctl("daemon-reload")
    systemctl("start", KIOSK)
    wait_for_the_page()
    time.sleep(20)  # for the first pictures
    photograph("kiosk.png")
    say(memory(KIOSK))
    found = subprocess.run(["pgrep", "--uid", "kiosk"], capture_output=True, text=True, timeout=20, check=True)
    browser = set(found.stdout.split())
    assert len(browser) > 2, "cage and Chromium"
    assert browser <= processes(KIOSK), "logind would move them out of the unit, and away from its limits"
    policy = "etc/chromium/policies/managed/edge-asl.json"
    assert Path(f"/proc/{main_pid(KIOSK)}/root/{policy}").is_file()
    assert not Path("/", policy).exists(), "other browsers of this machine are not concerned"


def wait_for_the_page() -> None:
    """Chromium starts for minutes on an emulated processor."""
    began = time.monotonic()
    try:
        wait_for(lambda: metric("edge_asl_pages ") >= 1, BROWSER_S)
    except AssertionError:
        say(systemctl("status", "--full", KIOSK, check=False) + journal(KIOSK)[-5000:])
        raise
    say(f"the browser listens after {time.monotonic() - began:.0f} s")


def test_a_killed_browser_comes_back():
    """With a stale lock in its profile, were the profile not a new one."""
    before = main_pid(KIOSK)
    profile = Path("/run/edge-asl-kiosk/profile")
    lock = profile / "SingletonLock"
    stale = lock.readlink()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: lock.is_symlink() and lock.readlink() != stale, BROWSER_S, "a lock of another process")
    wait_for_the_page()
    systemctl("stop", KIOSK)
    assert not profile.exists()


def photograph(name: str) -> None:
    session = ["XDG_RUNTIME_DIR=/run/edge-asl-kiosk", "WAYLAND_DISPLAY=wayland-0"]
    with Path("/share", name).open("wb") as file:
        subprocess.run(
            ["runuser", "-u", "kiosk", "--", "env", *session, "grim", "-"], stdout=file, timeout=60, check=True
        )


def test_it_stops_by_itself():
    systemctl("stop", UNIT)
    lines = subprocess.run(
        ["journalctl", "--unit", UNIT, "--boot", "--output=json", "--no-pager"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.splitlines()  # fmt: skip
    times = {entry["MESSAGE"].split()[0]: int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in map(json.loads, lines)}
    took = times["Stopped"] - times["Stopping"]
    say(f"stopped after {took:.2f} s")
    assert took < 4.5, "two seconds of the program, the rest for an emulated systemd; after five it would kill"
    assert systemctl("is-failed", UNIT, check=False) == "inactive"
