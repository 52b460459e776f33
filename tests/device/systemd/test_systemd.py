"""The units as text: what systemd itself says of them, and that they ask for nothing that the program lacks."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from edge_asl_device.cli.parser import parser
from edge_asl_device.releases.installation import ROOTS, SETTINGS, Installation, Mode
from edge_asl_device.systemd import FOLDER, RECOVER, UNITS, USER_UNIT, unit
from edge_asl_device.systemd.wait import wait

DEFAULT = Installation.at(ROOTS[Mode.SYSTEM], Mode.SYSTEM)
PROGRAM = str(DEFAULT.program)
PYTHON = str(DEFAULT.program.with_name("python"))
LIVING = ("edge-asl.service", "edge-asl-kiosk.service")
"""Those of the machine that run for weeks."""
OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def settings(name: str) -> dict[str, list[str]]:
    """Every value of every key, in order; continued lines are one."""
    text = re.sub(r"\\\n\s*", "", unit(name))
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; apt install systemd")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name: str, tmp_path: Path):
    """With programs that this machine has in the place of those that a device has."""
    text = runnable(unit(name)).replace("/usr/bin/cage", sys.executable)
    # Ordering behind units that a machine without them lacks is no fault; being told of them is.
    for other in UNITS:
        (tmp_path / other).write_text(text if other == name else "[Service]\nExecStart=/bin/true\n")
    verified = analyze("verify", "--recursive-errors=no", str(tmp_path / name))
    assert (verified.returncode, verified.stderr) == (0, "")


def runnable(text: str) -> str:
    return text.replace(PYTHON, sys.executable).replace(PROGRAM, sys.executable)


def test_systemd_finds_a_fault(tmp_path: Path):
    """The test above can fail."""
    (tmp_path / UNITS[0]).write_text(runnable(unit(UNITS[0])) + "\n[Service]\nWatchdocSec=3\n")
    assert "WatchdocSec" in analyze("verify", "--recursive-errors=no", str(tmp_path / UNITS[0])).stderr


@pytest.mark.parametrize(("name", "tenths"), [*((name, 30) for name in LIVING), (RECOVER, 40)])
def test_little_is_exposed(name: str, tenths: int):
    found = analyze("security", "--offline=yes", "--no-pager", f"--threshold={tenths}", str(FOLDER / name))
    assert found.returncode == 0, found.stdout


def command(name: str) -> list[str]:
    (line,) = settings(name)["ExecStart"]
    return shlex.split(line)


@pytest.mark.parametrize("name", ["edge-asl.service", USER_UNIT])
def test_the_program_takes_what_the_unit_gives_it(name: str):
    program, *words = command(name)
    assert program == PROGRAM
    assert words.pop() == "$EDGE_ASL_OPTIONS"
    options = parser().parse_args(words)
    assert options.bundle == DEFAULT.current / "bundle"
    assert options.host == "127.0.0.1", "IPAddressDeny= lets nobody else in"


def test_what_ends_an_interrupted_update():
    program, *words = command(RECOVER)
    options = parser().parse_args(words)
    assert (program, options.root, options.mode) == (PROGRAM, str(DEFAULT.root), "system")
    assert settings(RECOVER)["ConditionPathExists"] == [str(DEFAULT.activation)]


def test_the_settings_are_those_that_a_deployment_writes():
    assert settings("edge-asl.service")["EnvironmentFile"] == [f"-{SETTINGS[Mode.SYSTEM]}"]
    assert settings(USER_UNIT)["EnvironmentFile"] == [f"-{SETTINGS[Mode.USER].replace('~', '%h')}"]


def test_the_browser_opens_where_the_program_serves():
    served = parser().parse_args(["run", "bundle"])
    page = f"EDGE_ASL_PAGE=http://{served.host}:{served.port}/"
    assert page in settings("edge-asl-kiosk.service")["Environment"]
    assert command("edge-asl-kiosk.service")[-1] == "${EDGE_ASL_PAGE}"


@pytest.mark.parametrize(
    "flag",
    [
        "--kiosk",
        "--ozone-platform=wayland",
        "--no-first-run",
        "--noerrdialogs",
        "--disable-session-crashed-bubble",
        "--disable-features=Translate",
        "--password-store=basic",
        "--user-data-dir=/run/edge-asl-kiosk/profile",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
)
def test_a_flag_of_the_browser(flag: str):
    assert flag in command("edge-asl-kiosk.service")


def test_the_profile_is_gone_when_the_browser_is():
    kiosk = settings("edge-asl-kiosk.service")
    assert kiosk["RuntimeDirectory"] == ["edge-asl-kiosk"]
    assert "RuntimeDirectoryPreserve" not in kiosk, "the default is to remove it also between two starts"
    assert kiosk["IPAddressAllow"] == ["localhost"]


def test_its_policy_is_for_this_browser_alone(tmp_path: Path):
    kiosk = settings("edge-asl-kiosk.service")
    assert kiosk["BindReadOnlyPaths"] == ["-/run/edge-asl-kiosk/policies:/etc/chromium/policies"]
    assert any("systemd.policy /run/edge-asl-kiosk/policies" in line for line in kiosk["ExecStartPre"])
    run = subprocess.run([sys.executable, "-m", "edge_asl_device.systemd.policy", tmp_path], check=True, timeout=30)
    policy = json.loads((tmp_path / "managed" / "edge-asl.json").read_text())
    assert (run.returncode, policy["DeveloperToolsAvailability"], policy["URLBlocklist"]) == (0, 2, ["*"])


def test_the_limits_are_the_browser_s():
    """A login session would be another group of processes than the unit's."""
    kiosk = settings("edge-asl-kiosk.service")
    assert "PAMName" not in kiosk
    assert "LIBSEAT_BACKEND=seatd" in kiosk["Environment"][0].split()


@pytest.mark.parametrize("name", [*LIVING, USER_UNIT])
def test_it_is_never_given_up(name: str):
    found = settings(name)
    assert (found["Restart"], found["StartLimitIntervalSec"]) == (["always"], ["0"])
    assert float(found["RestartSec"][0]) <= 2


def test_the_watchdog_waits_longer_than_a_camera_may_be_silent():
    from edge_asl_device.camera.supervisor import SILENCE_LIMIT_S
    from edge_asl_device.kiosk.ending import END_LIMIT_S

    found = settings("edge-asl.service")
    assert float(found["WatchdogSec"][0]) > 2 * SILENCE_LIMIT_S
    assert float(found["TimeoutStopSec"][0]) > END_LIMIT_S
    assert (found["Type"], found["NotifyAccess"]) == (["notify"], ["main"])


def test_the_command_that_prints_them():
    run = [sys.executable, "-m", "edge_asl_device.systemd"]
    listed = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert [Path(path).read_text() for path in listed] == [unit(name) for name in UNITS]
    for name in UNITS:
        assert subprocess.run([*run, name], capture_output=True, text=True, timeout=30).stdout == unit(name)
    wrong = subprocess.run([*run, "other.service"], capture_output=True, text=True, timeout=30)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == (f"edge_asl_device.systemd: expected one of {', '.join(UNITS)}, found other.service\n")


class Late(BaseHTTPRequestHandler):
    """A page that wants a token is there, too."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_waiting_for_a_page_that_comes_late():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    servers: list[HTTPServer] = []

    def serve() -> None:
        servers.append(HTTPServer(("127.0.0.1", port), Late))
        servers[0].handle_request()

    started = time.monotonic()
    late = threading.Timer(0.6, serve)
    late.start()
    assert wait(f"http://127.0.0.1:{port}/?token=x", 10)
    assert 0.5 < time.monotonic() - started < 5
    late.join(5)
    servers[0].server_close()


def test_waiting_for_a_page_that_never_comes():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        started = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "edge_asl_device.systemd.wait", url, "0.5"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert run.returncode == 1
    assert run.stderr == f"{url}: no answer within 0.5 s; see systemctl status edge-asl\n"
    assert time.monotonic() - started < 10


def test_every_option_that_the_guide_names_exists():
    """docs/operations.md, where this is run from the repository."""
    known = {option for command in _commands() for action in command._actions for option in action.option_strings}
    text = OPERATIONS.read_text()
    lines = [line for line in text.splitlines() if "edge-asl-device " in line or "EDGE_ASL_OPTIONS" in line]
    named = {word for line in lines for word in re.findall(r"(?<![\w-])--[a-z-]+", line)}
    assert named, "the guide names options"
    assert named <= known | {"--no-install-recommends", "--system-site-packages"}


def _commands() -> list[argparse.ArgumentParser]:
    (sub,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return list(sub.choices.values())
