"""Everything that goes wrong at a kiosk: the program lives on, says so, and is back within five seconds."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl_device.camera import CameraState
from edge_asl_device.camera.source import parse_source
from edge_asl_device.camera.supervisor import CameraSupervisor
from program import Listener, Program, rehearsal, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
BACK_S = 5.0


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """``--source`` of a camera, and what tells it to misbehave."""
    with rehearsal(tmp_path / "camera", FILM) as tell:
        yield f"rehearsal:{tmp_path / 'camera'}", tell


@pytest.fixture
def kiosk(golden_bundle: Path, camera: tuple[str, Callable[[str], None]]) -> Iterator[tuple[Program, Listener]]:
    """The program reading from that camera, and a page that listens."""
    with Program("run", golden_bundle, "--source", camera[0], "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: camera_state(page) == "live")
        yield program, page


def camera_state(page: Listener) -> str:
    return page.state.get("camera", {}).get("state", "")


def reads_again(page: Listener) -> bool:
    """Whether a letter leads in what came since."""
    return any(state["letter"] for state in page.states[-5:]) and camera_state(page) == "live"


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("missing", "missing"),
        ("busy", "busy"),
        ("lost", "lost"),
        ("frozen", "frozen"),
        ("silent", "frozen"),
        ("black", "black"),
        ("wedged", "frozen"),
    ],
)
def test_a_camera_that_fails_is_shown_and_comes_back(
    kiosk: tuple[Program, Listener], camera: tuple[str, Callable[[str], None]], fault: str, shown: str
):
    program, page = kiosk
    if fault in ("missing", "busy"):  # what a camera says when it is opened: it must be lost first
        camera[1]("lost")
        wait_for(lambda: camera_state(page) == "lost")
    camera[1](fault)
    wait_for(lambda: camera_state(page) == shown, 10, f"shown as {shown}")
    assert page.state["camera"]["reason"]
    assert page.state["letter"] is None
    assert program.health()["camera"]["state"] == shown
    assert program.health()["ready"] is True
    if fault == "wedged":
        wait_for(
            lambda: "edge_asl_camera_reopened 2.0" in program.ask("/metrics")[1].decode(), 15, "tried again in vain"
        )
    wait_for(lambda: any(line["state"] == shown for line in program.logged("camera")), 20, "logged")

    camera[1]("live")
    assert wait_for(lambda: camera_state(page) == "live", 10) <= BACK_S
    assert wait_for(lambda: reads_again(page), 15) < 15
    assert program.process.poll() is None


def test_a_camera_that_is_absent_at_the_start(golden_bundle: Path, camera: tuple[str, Callable[[str], None]]):
    camera[1]("missing")
    with Program("run", golden_bundle, "--source", camera[0], "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: camera_state(page) == "missing")
        camera[1]("live")
        assert wait_for(lambda: camera_state(page) == "live", 10) <= BACK_S


def test_no_camera_at_all(golden_bundle: Path):
    """``auto`` on a machine without any: the page is there and says so."""
    with Program("run", golden_bundle, "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: camera_state(page) in ("missing", "live"))
        assert program.ask("/")[0] == 200


def test_a_capture_process_that_is_killed(kiosk: tuple[Program, Listener]):
    program, page = kiosk
    for pid in program.children():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: camera_state(page) == "lost")
    assert "signal 9" in page.state["camera"]["reason"]
    assert wait_for(lambda: camera_state(page) == "live") <= BACK_S


def test_a_capture_process_that_stands_still(kiosk: tuple[Program, Listener]):
    program, page = kiosk
    for pid in program.children():
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: camera_state(page) == "frozen")
    assert wait_for(lambda: camera_state(page) == "live") <= BACK_S


def test_a_program_that_is_killed_leaves_no_capture_process(kiosk: tuple[Program, Listener]):
    program, _ = kiosk
    children = program.children()
    assert children
    program.end(signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in children), 20)


def test_bundles_of_both_formats_follow_one_another_without_a_gap(
    golden_bundle: Path, hand_bundle: Path, tmp_path: Path
):
    """One run, one page; the metrics tell the stages of each."""
    current = tmp_path / "current"
    current.symlink_to(golden_bundle)
    with Program("run", current, "--source", FILM, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("letter"), 30)
        run = program.health()["run"]
        for bundle, models in ((hand_bundle, ["palms", "landmarks", "sign"]), (golden_bundle, ["sign"])):
            beside = tmp_path / "new"
            beside.symlink_to(bundle)
            beside.rename(current)
            program.process.send_signal(signal.SIGHUP)
            wait_for(lambda models=models: program.health()["bundle"]["models"] == models, 60)
            before = len(page.states)
            wait_for(lambda before=before: len(page.states) > before + 3, 30, "frames are read")
            assert program.health()["run"] == run
            assert program.health()["ready"]
        assert not program.logged("bundle refused")
        text = program.ask("/metrics")[1].decode()
        assert all(f'stage="{stage}"' in text for stage in ("locate", "preprocess", "invoke", "transcribe"))


@pytest.fixture
def own_bundle(golden_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(golden_bundle, tmp_path / "bundle")


@pytest.mark.parametrize("how", ["truncated", "swapped", "gone"])
def test_a_model_that_is_damaged_while_it_reads(own_bundle: Path, how: str):
    """The old one keeps reading; SIGHUP refuses the damaged one and takes it when it is whole again."""
    with Program("run", own_bundle, "--source", FILM, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        model = own_bundle / "model.tflite"
        whole = model.read_bytes()
        if how == "truncated":
            os.truncate(model, 1000)
        elif how == "swapped":
            model.write_bytes(whole[::-1])
        else:
            model.unlink()
        wait_for(lambda: page.state.get("text", "").startswith("BA"), 15, "still reads")

        program.process.send_signal(signal.SIGHUP)
        wait_for(lambda: [n["kind"] for n in page.state["notices"]] == ["model-refused"])
        assert str(model) in page.state["notices"][0]["text"]
        assert program.logged("bundle refused")

        model.write_bytes(whole)
        program.process.send_signal(signal.SIGHUP)
        wait_for(lambda: page.state["notices"] == [])
        assert program.logged("bundle taken")
        assert program.health()["ready"] is True


def test_a_damaged_model_at_the_start_is_one_line(own_bundle: Path):
    os.truncate(own_bundle / "model.tflite", 1000)
    with Program("run", own_bundle, "--source", FILM) as program:
        assert program.process.wait(20) == 1
        wait_for(lambda: program.raw)
        assert "expected " in program.raw[-1]
        assert "Traceback" not in "".join(program.raw)


def test_a_new_bundle_is_taken_without_a_gap(golden_bundle: Path, own_bundle: Path, tmp_path: Path):
    """As a deployer does it: a link is switched, then SIGHUP; frames go on all the while."""
    changed = own_bundle / "manifest.json"
    changed.write_text(changed.read_text().replace('"version":"1.0"', '"version":"1.1"').replace("1.0", "1.1", 1))
    link = tmp_path / "current"
    link.symlink_to(golden_bundle)
    with Program("run", link, "--source", FILM, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        before = program.health()["bundle"]["digest"]
        wait_for(lambda: len(page.states) > 20)
        (tmp_path / "new").symlink_to(own_bundle)
        (tmp_path / "new").rename(link)
        program.process.send_signal(signal.SIGHUP)
        wait_for(lambda: program.health()["bundle"]["digest"] != before)
        wait_for(lambda: page.hello["bundle"]["digest"] == program.health()["bundle"]["digest"])
        metrics = program.ask("/metrics")[1].decode()
        assert 'edge_asl_reloads_total{result="taken"} 1.0' in metrics
        gaps = [b - a for a, b in zip(frame_times(page), frame_times(page)[1:], strict=False)]
        assert max(gaps) < 1.5, "a frame is published at least once a second"


def test_a_letter_that_is_held_while_the_model_changes_is_written_once(own_bundle: Path, tmp_path: Path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(FILM.parent / "pictures" / "L.jpg", pictures)
    with Program("run", own_bundle, "--source", pictures, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("text") == "L", 15)
        for number in (1, 2):
            program.process.send_signal(signal.SIGHUP)
            wait_for(lambda: len(program.logged("bundle taken")) == number, 15)  # noqa: B023 - used at once
            seen = program.health()["frames_10s"]
            time.sleep(1.5)
            assert program.health()["frames_10s"] >= min(seen, 60)
        assert page.state["text"] == "L"


def test_what_the_capture_process_prints_is_no_word(camera: tuple[str, Callable[[str], None]], tmp_path: Path):
    """A native library that prints to standard output, as some drivers do."""
    noisy = tmp_path / "sitecustomize.py"
    noisy.write_text("import os, threading\ndef speak():\n    os.write(1, b'libfoo: hello\\n')\nspeak()\n")
    noisy.write_text(
        noisy.read_text() + "for delay_s in (0.1, 0.3, 1.0):\n    threading.Timer(delay_s, speak).start()\n"
    )
    os.environ["PYTHONPATH"] = str(tmp_path)
    try:
        with CameraSupervisor(parse_source(camera[0])) as supervisor:
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                supervisor.next(0.1)
            assert str(supervisor.status.state) == "live"
    finally:
        del os.environ["PYTHONPATH"]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_film_that_has_ended_before_anybody_looked(tmp_path: Path, frames: int):
    """Opened, shown and ended in one breath: it has ended, and is not lost."""
    path = tmp_path / "short.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 500, (64, 64))
    for _ in range(frames):
        writer.write(np.random.default_rng(frames).integers(0, 255, (64, 64, 3), np.uint8))
    writer.release()
    with CameraSupervisor(parse_source(str(path))) as supervisor:
        time.sleep(1.5)  # the capture process is long gone
        states = []
        deadline = time.monotonic() + 3
        while supervisor.status.state is not CameraState.ENDED and time.monotonic() < deadline:
            supervisor.next(0.05)
            states.append(supervisor.status.state)
    assert supervisor.status.state is CameraState.ENDED
    assert CameraState.LOST not in states
    assert supervisor.reopened == 0


def frame_times(page: Listener) -> list[float]:
    return [state["captured_s"] for state in page.states if state["captured_s"]]


def test_a_browser_that_is_closed_and_fifty_that_come(kiosk: tuple[Program, Listener]):
    program, page = kiosk
    pages = [program.listen() for _ in range(50)]
    pictures = [socket.create_connection(("127.0.0.1", program.port), 5) for _ in range(50)]
    for connection in pictures:
        connection.sendall(b"GET /camera.mjpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    wait_for(lambda: all(p.states for p in pages), 15)
    received = [b""] * len(pictures)
    for i, connection in enumerate(pictures):
        while b"Content-Type: image/jpeg" not in received[i]:
            received[i] += (part := connection.recv(65536))
            assert part, received[i]
    wait_for(lambda: sum(1 for p in pages if any(s["letter"] for s in p.states)) == 50, 15, "all of them see a letter")
    for connection in pictures:
        connection.close()
    for one in pages:
        one.close()
    wait_for(lambda: "edge_asl_pages 1.0" in program.ask("/metrics")[1].decode(), 15, "the closed ones are gone")
    assert camera_state(page) == "live"


def test_a_browser_that_falls_asleep_slows_nobody(kiosk: tuple[Program, Listener]):
    """It asks for pictures and never takes any; the others go on."""
    program, page = kiosk
    with socket.create_connection(("127.0.0.1", program.port), 5) as asleep:
        asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asleep.sendall(b"GET /camera.mjpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(2)
        wait_for(lambda: reads_again(page), 15)
        assert program.health()["frames_10s"] > 20


def test_a_port_that_is_taken_is_one_line(golden_bundle: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [sys.executable, "-m", "edge_asl_device", "run", str(golden_bundle), "--source", str(FILM)]
        run = subprocess.run(
            [*command, "--port", str(other.getsockname()[1])], capture_output=True, text=True, timeout=30, check=False
        )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "Address already in use; choose another --port, or stop the program that is using it" in run.stderr


def test_a_full_disk_behind_the_log(golden_bundle: Path, camera: tuple[str, Callable[[str], None]]):
    """Every line fails to be written; the page goes on and shows the fault all the same."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "edge_asl_device", "run", str(golden_bundle), "--mute"]
        process = subprocess.Popen([*command, "--source", camera[0], "--port", str(port)], stderr=full, stdout=full)
    try:
        wait_for(lambda: _answers(port), 20)
        page = Listener(port)
        wait_for(lambda: camera_state(page) == "live")
        camera[1]("lost")
        wait_for(lambda: camera_state(page) == "lost")
        camera[1]("live")
        assert wait_for(lambda: camera_state(page) == "live") <= BACK_S
        page.close()
    finally:
        process.terminate()
        assert process.wait(20) == 0


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_clock_that_is_set_back_a_day_and_forth_again(
    golden_bundle: Path, camera: tuple[str, Callable[[str], None]], tmp_path: Path
):
    """Wall time jumps under the running program, as when a Pi without a clock meets a time server."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    library, clock = tmp_path / "clock.so", tmp_path / "clock"
    source = Path(__file__).parents[1] / "clock.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], timeout=60, check=True)
    clock.write_text("0")
    environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFF_BY": str(clock)}
    with Program("run", golden_bundle, "--source", camera[0], "--mute", environment=environment) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: reads_again(page), 15)
        for jump in ("-86400", "86400"):
            clock.write_text(jump)
            seen = len(page.states)
            wait_for(lambda: len(page.states) > seen + 20 and reads_again(page), 15)  # noqa: B023 - used at once
            assert program.health()["ready"] is True
        camera[1]("lost")
        wait_for(lambda: camera_state(page) == "lost")
        wait_for(lambda: program.logged("camera")[-1]["state"] == "lost", 20)
        days = {line["time"][:10] for line in program.log}
        assert len(days) >= 2, "the clock did jump"
        camera[1]("live")
        assert wait_for(lambda: camera_state(page) == "live") <= BACK_S


@pytest.mark.parametrize("state", ["live", "missing", "frozen", "silent", "black", "wedged"])
def test_sigterm_ends_it_before_systemd_would_kill_it(
    golden_bundle: Path, camera: tuple[str, Callable[[str], None]], state: str
):
    with Program("run", golden_bundle, "--source", camera[0], "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: camera_state(page) == "live")
        if state == "missing":
            camera[1]("lost")
            wait_for(lambda: camera_state(page) == "lost")
        camera[1](state)
        time.sleep(1)
        children = program.children()
        assert program.end() < 5
        assert program.process.returncode == 0
        assert page.ended.wait(10)
        wait_for(lambda: not any(_runs(pid) for pid in children), 20, "no capture process is left")


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_sigterm_while_it_starts(golden_bundle: Path, after_s: float):
    with Program("run", golden_bundle, "--source", FILM, "--mute") as program:
        time.sleep(after_s)
        assert program.end() < 5
        assert program.process.returncode in (0, -signal.SIGTERM)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_fault_after_a_long_outage_is_no_long_outage(camera: tuple[str, Callable[[str], None]]):
    """A camera that was unplugged for long, and whose first try is refused, as before udev has set the group."""

    def until(supervisor: CameraSupervisor, state: CameraState, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while supervisor.status.state is not state:
            assert time.monotonic() < deadline, supervisor.status
            supervisor.next(0.05)

    camera[1]("missing")
    with CameraSupervisor(parse_source(camera[0])) as supervisor:
        until(supervisor, CameraState.MISSING, 10)
        deadline = time.monotonic() + 15
        while supervisor.reopened < 6:
            assert time.monotonic() < deadline, supervisor.reopened
            supervisor.next(0.05)
        camera[1]("forbidden")
        until(supervisor, CameraState.FAILED, 10)
        camera[1]("live")
        until(supervisor, CameraState.LIVE, BACK_S)


def test_a_capture_process_that_cannot_be_started_leaves_nothing_open(camera: tuple[str, Callable[[str], None]]):
    """As in a process that has used up its descriptors."""
    script = """
import os, resource, sys
from edge_asl_device.camera import CameraState
from edge_asl_device.camera.source import parse_source
from edge_asl_device.camera.supervisor import CameraSupervisor
open_now = lambda: sorted(map(int, os.listdir("/proc/self/fd")))[:-1]
for spare in range(1, 7):
    before = open_now()
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[-1] + 1 + spare, 4096))
    with CameraSupervisor(parse_source(sys.argv[1])) as supervisor:
        state = supervisor.status.state
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
    assert state is CameraState.FAILED, (spare, state)
    assert open_now() == before, (spare, before, open_now())
"""
    run = subprocess.run(
        [sys.executable, "-c", script, camera[0]], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
