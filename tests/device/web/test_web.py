"""Who may ask the server what, and what it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import Listener, Program, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
TOKEN = "a-token-of-many-characters"


@pytest.fixture(scope="module")
def kiosk() -> Iterator[Program]:
    bundle = FILM.parent / "bundle-v1"
    with Program("run", bundle, "--source", FILM, "--loop", "--mute", "--decoder", "hold_s=0.2") as program:
        yield program.wait_until_ready()


@pytest.fixture(scope="module")
def page(kiosk: Program) -> Listener:
    return kiosk.listen()


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/static/app.js", "/static/none.js", "/none"])
def test_every_answer_forbids_anything_from_elsewhere(kiosk: Program, path: str):
    status, _, headers = kiosk.ask(path)
    assert status == (404 if "none" in path else 200)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%2fapp.py"]
)
def test_nothing_but_the_static_files(kiosk: Program, path: str):
    assert kiosk.ask(path)[0] == 404


def test_health(kiosk: Program, page: Listener):
    wait_for(lambda: page.state.get("letter"))
    health = kiosk.health()
    assert health["ready"] is True
    assert health["frames_10s"] > 10
    assert health["camera"]["state"] == "live"
    assert len(health["bundle"]["digest"]) == 64
    assert health["accelerator"] == "processor"


def test_metrics_in_prometheus_format(kiosk: Program, page: Listener):
    wait_for(lambda: page.state.get("accepted"))
    text = kiosk.ask("/metrics")[1].decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    for stage in ("locate", "preprocess", "invoke", "decode", "transcribe", "publish"):
        assert float(figures[f'edge_asl_stage_seconds_count{{stage="{stage}"}}']) > 0
    assert float(figures["edge_asl_frames_total"]) > 0
    assert float(figures["edge_asl_letters_total"]) > 0
    assert float(figures['edge_asl_camera{edge_asl_camera="live"}']) == 1
    assert float(figures["process_resident_memory_bytes"]) > 1e7
    assert "BALLY" not in text


def test_hello_says_what_the_page_needs(page: Listener):
    wait_for(lambda: page.hello.get("frame"))
    assert page.hello["frame"] == {"width": 320, "height": 240}
    wait_for(lambda: page.state["square"] == {"x": 40, "y": 0, "side": 240})
    assert page.hello["hold_s"] == 0.2, "as --decoder says"
    assert [sign["label"] for sign in page.hello["signs"]] == ["A", "B", "L", "Y", "nothing"]
    assert (page.hello["mode"], page.hello["mirror"]) == ("read", True)
    assert page.state["voice"] == "muted"


def test_the_buttons(kiosk: Program, page: Listener):
    wait_for(lambda: page.state["text"].endswith("BA"), 20)
    assert kiosk.press("undo") == 204
    wait_for(lambda: page.state["text"].endswith("B") or page.state["text"].endswith("BL"))
    assert kiosk.press("clear") == 204
    wait_for(lambda: len(page.state["text"]) <= 1)
    assert kiosk.press("undo") == 204
    wait_for(lambda: "B" in page.state["text"])
    assert kiosk.press("choose", word="NEVER", instead_of="another word") == 204
    assert kiosk.press("choose", word="BALLAD") == 204
    wait_for(lambda: "BALLAD " in page.state["text"])
    assert "NEVER" not in page.state["text"]
    assert kiosk.press("speak") == 204
    assert kiosk.press("mute", muted=False) == 204
    wait_for(lambda: page.state["voice"] in ("ready", "speaking", "absent"))
    assert kiosk.press("mute", muted=True) == 204
    wait_for(lambda: page.state["voice"] in ("muted", "absent"))


@pytest.mark.parametrize(
    ("button", "body", "status", "words"),
    [
        ("fly", {}, 404, "pause, drop, redo, found fly"),
        ("choose", {}, 400, "word: expected 1 to 50 characters, found None"),
        ("choose", {"word": 3}, 400, "word: expected 1 to 50 characters, found 3"),
        ("choose", {"word": ""}, 400, "word: expected 1 to 50 characters, found ''"),
        ("choose", {"word": "X" * 100}, 400, "word: expected 1 to 50 characters"),
        ("choose", [], 400, "expected a JSON object"),
        ("choose", {"word": "X" * 2000}, 400, "larger than 1000 bytes"),
        ("mute", {"muted": "yes"}, 400, "muted: expected true or false, found 'yes'"),
        ("pace", {"slow": 1}, 400, "slow: expected true or false, found 1"),
        ("language", {"language": "xx"}, 400, "language: expected en, de, es, found 'xx'"),
        ("language", {"language": ["en"]}, 400, "language: expected en, de, es, found ['en']"),
        ("pause", {"paused": True}, 400, "'pause' is not available while reading"),
    ],
)
def test_a_button_that_cannot_be_pressed(kiosk: Program, button: str, body: object, status: int, words: str):
    found, text, _ = kiosk.ask(f"/api/{button}", "POST", body)
    assert (found, words in text.decode()) == (status, True), text


def test_other_sites_cannot_press_buttons(kiosk: Program):
    """A form of another page sends text/plain without asking; a script of one names its origin."""
    assert kiosk.ask("/api/clear", "POST", headers={"Content-Type": "text/plain"})[0] == 415
    assert kiosk.ask("/api/clear", "POST", {}, {"Origin": "http://evil.example"})[0] == 403
    assert kiosk.ask("/api/clear", "GET")[0] == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.", "10.0.0.1"]
)
def test_another_name_is_not_answered(kiosk: Program, host: str):
    """A page of evil.example whose name suddenly means 127.0.0.1 gets nothing."""
    assert kiosk.ask("/healthz", headers={"Host": host})[0] == 421
    assert kiosk.ask("/events", headers={"Host": host})[0] == 421


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:8080"])
def test_own_names_are_answered(kiosk: Program, host: str):
    assert kiosk.ask("/healthz", headers={"Host": host})[0] == 200


def test_pictures_are_jpegs_of_the_camera(kiosk: Program):
    import http.client

    import cv2
    import numpy as np

    connection = http.client.HTTPConnection("127.0.0.1", kiosk.port, timeout=10)
    connection.request("GET", "/camera.mjpeg")
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "multipart/x-mixed-replace; boundary=edge-asl-frame"
    pictures = []
    while len(pictures) < 3:
        line = answer.readline()
        if line.lower().startswith(b"content-length:"):
            answer.readline()
            data = answer.read(int(line.split()[1]))
            pictures.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    connection.close()
    assert [picture.shape for picture in pictures] == [(240, 320, 3)] * 3
    assert pictures[0].std() > 5


def test_served_to_others_it_asks_for_the_token(golden_bundle: Path, tmp_path: Path):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(f"{TOKEN}\n")
    arguments = ("run", golden_bundle, "--source", FILM, "--mute", "--host", "0.0.0.0", "--token-file", file)
    with Program(*arguments) as program:
        program.wait_until_ready()
        for path in ("/", "/events", "/camera.mjpeg", "/healthz", "/metrics", "/static/app.js", "/?token=wrong"):
            assert program.ask(path)[0] == 401, path
        assert program.ask("/api/clear", "POST", {})[0] == 401
        status, text, _ = program.ask("/", headers={"Accept": "text/html,*/*"})
        assert (status, b"<h1>Access token required</h1>" in text) == (401, True)
        assert program.ask("/healthz", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
        assert program.ask("/healthz", headers={"Authorization": "Bearer wrong"})[0] == 401
        assert program.ask(f"/healthz?token={TOKEN}")[0] == 401, "only the page takes it from its address"
        status, _, headers = program.ask(f"/?token={TOKEN}")
        assert (status, headers["location"]) == (303, "/")
        assert program.ask(f"/?lang=de&token={TOKEN}")[2]["location"] == "/?lang=de"
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert program.ask("/", headers={"Cookie": cookie.partition(";")[0], "Host": "kiosk.example"})[0] == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: other machines can reach the page there, so it needs a token;"),
        (
            ["--host", "0.0.0.0", "--token-file", "TMP/none"],
            "TMP/none: no token can be read from it: TMP/none: expected a regular file, found No such",
        ),
        (
            ["--host", "0.0.0.0", "--token-file", "TMP/short"],
            "TMP/short: expected a token of 16 or more letters, digits",
        ),
        (["--token-file", "TMP/empty"], "TMP/empty: expected a token of 16 or more letters, digits"),
        (["--token-file", "TMP/umlaut"], "TMP/umlaut: no token can be read from it: it holds other characters than A"),
        (["--token-file", "TMP/film"], "TMP/film: no token can be read from it: it holds more than 1000 bytes"),
        (["--token-file", "TMP/link"], "TMP/link: expected a regular file, found a link"),
        (["--token-file", "TMP/pipe"], "TMP/pipe: expected a regular file, found a folder, pipe or device"),
        (["--token-file", "TMP/shown"], "TMP/shown: everybody on this machine can read the token; chmod o= TMP/shown"),
        (["--host", "203.0.113.9", "--token-file", "TMP/long"], "cannot serve on 203.0.113.9:0: Cannot assign"),
        (["--decoder", "hold=1"], "--decoder hold: no such setting; choose one of accept_probability, "),
        (["--decoder", "hold_s=-1"], "--decoder hold_s: expected 0 to 60, found -1"),
        (["--decoder", "hold_s=nan"], "--decoder hold_s: expected 0 to 60, found nan"),
        (["--decoder", "release_probability=0.9"], "--decoder: expected release_probability up to accept_probability"),
        (["--source", "rehearsal:TMP"], "TMP/video.mp4: no such video file"),
        (["--fast"], "--fast works only with --headless"),
        (["--source", "TMP/none.mp4"], "TMP/none.mp4: no such source; use auto, picamera2"),
        (
            ["--source", "TMP/short"],
            "TMP/short: not a video file that OpenCV can read; copy it again, or convert it to MP4",
        ),
        (["--source", "rehearsal:TMP/none"], "rehearsal:TMP/none: no such source; use auto, picamera2"),
        (["--demo", "TMP"], "--demo brings its own bundle; leave out --demo or"),
    ],
)
def test_what_cannot_be_is_one_line(golden_bundle: Path, tmp_path: Path, arguments: list[str], words: str):
    (tmp_path / "short").write_text("abc")
    (tmp_path / "empty").touch()
    (tmp_path / "long").write_text(TOKEN)
    (tmp_path / "umlaut").write_text(f"{TOKEN}ä")
    (tmp_path / "film").write_bytes(FILM.read_bytes())
    (tmp_path / "link").symlink_to(tmp_path / "long")
    os.mkfifo(tmp_path / "pipe")
    for file in tmp_path.iterdir():
        if not file.is_symlink():
            file.chmod(0o600)
    (tmp_path / "shown").write_text(TOKEN)
    (tmp_path / "shown").chmod(0o644)
    given = [argument.replace("TMP", str(tmp_path)) for argument in arguments]
    command = [sys.executable, "-m", "edge_asl_device", "run", str(golden_bundle), "--source", str(FILM), "--port", "0"]
    run = subprocess.run([*command, *given], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1, run.stderr
    said = [line for line in run.stderr.splitlines() if line.startswith("edge-asl-device: ")]
    assert len(said) == 1
    assert "Traceback" not in run.stderr
    assert words.replace("TMP", str(tmp_path)) in said[0]
