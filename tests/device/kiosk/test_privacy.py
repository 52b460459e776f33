"""No frame is written or sent: the kernel itself is asked what the program opens, writes and connects to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from program import Listener, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
HARMLESS = ("/dev/null", "/proc/self/", "/dev/shm/sem.")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Every system call that names a file or touches the network, from the program's start to its end."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder = tmp_path_factory.mktemp("traced")
    kinds = "trace=%file,socket,bind,listen,connect,sendto,sendmsg,sendmmsg"
    program = [sys.executable, "-m", "edge_asl_device", "run", str(FILM.parent / "bundle-v1"), "--source", str(FILM)]
    process = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-s",
            "200",
            "-e",
            kinds,
            "-o",
            str(folder / "calls"),
            *program,
            "--loop",
            "--port",
            "0",
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stderr is not None
    try:
        ready = next(line for line in process.stderr if " ready " in line)
        port = int(re.search(r":(\d+)/", ready)[1])  # type: ignore[index]
        page, pictures = Listener(port), Listener(port, "/camera.mjpeg")
        wait_for(lambda: page.state.get("text", "").startswith("BA"), 60)
        for one in (page, pictures):
            one.close()
        time.sleep(0.5)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.stderr.close()
    assert sorted(p.name for p in folder.iterdir()) == ["calls"]
    return (folder / "calls").read_text()


def test_no_file_is_opened_for_writing(calls: str):
    opened = re.findall(r'(?:openat?|creat|open)\([^"]*"([^"]*)", ([A-Z_|0-9a-z]+)', calls)
    assert len(opened) > 500, "strace saw the imports at least"
    written = {path for path, flags in opened if WRITES.search(flags) and not path.startswith(HARMLESS)}
    assert written == set()


def test_nothing_is_made_renamed_or_linked(calls: str):
    assert re.findall(r"\b(?:mkdir(?:at)?|rename(?:at2?)?|link(?:at)?|symlink(?:at)?|mknod(?:at)?)\(.*= 0", calls) == []


def test_one_socket_listens_and_none_goes_out(calls: str):
    bound = re.findall(r"\bbind\(.*", calls)
    assert len(bound) == 1
    assert 'sin_addr=inet_addr("127.0.0.1")' in bound[0]
    assert len(set(re.findall(r"\blisten\((\d+)", calls))) == 1
    assert re.findall(r"\bconnect\(.*AF_INET.*", calls) == []
    assert re.findall(r"\bconnect\(.*AF_UNIX.*= 0", calls) == []


def test_the_trace_would_have_seen_it(tmp_path: Path):
    """A check that cannot fail checks nothing."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    code = (
        "import socket, pathlib; pathlib.Path('frame.jpg').write_bytes(b'x'); s = socket.socket();"
        "s.settimeout(1); s.connect_ex(('127.0.0.1', 9))"
    )
    kinds = "trace=%file,socket,connect"
    command = ["strace", "-f", "-qq", "-e", kinds, "-o", "calls", sys.executable, "-c", code]
    subprocess.run(command, cwd=tmp_path, timeout=60, check=True)
    text = (tmp_path / "calls").read_text()
    assert re.search(r'openat\([^"]*"frame.jpg", [A-Z_|]*O_WRONLY', text)
    assert re.search(r"\bconnect\(.*AF_INET", text)
