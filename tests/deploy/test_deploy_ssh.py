"""Connections that do not come about: one line each that says what to do, and checking of host keys as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kiosk import Kiosk
from sshd import MISSING, Sshd, free_ports

from edge_asl.deploy.facts import read_facts
from edge_asl.deploy.ssh import Ssh, shared_folder
from edge_asl.deploy.target import Target
from edge_asl.errors import Unreachable
from edge_asl_device.releases.installation import Mode

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def device(server: Sshd, workstation: dict[str, str], tmp_path: Path) -> Kiosk:
    """A device of which only the way is tried; with a copy of the client's files to change."""
    way = Sshd.__new__(Sshd)
    way.folder, way.ports, way.config = tmp_path, dict(server.ports), tmp_path / "ssh_config"
    for name in ("identity", "known_hosts"):
        (tmp_path / name).write_bytes((server.folder / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    way.config.write_text(server.config.read_text().replace(str(server.folder), str(tmp_path)))
    return Kiosk(way, tmp_path / "kiosk", workstation)


def change(device: Kiosk, before: str, after: str) -> None:
    text = device.server.config.read_text()
    assert before in text
    device.server.config.write_text(text.replace(before, after))


def test_the_way_itself_works(device: Kiosk):
    assert "nothing has been deployed" in device.run("status").error


def test_an_unknown_host_key(device: Kiosk):
    known = device.server.folder / "known_hosts"
    known.write_text("")
    error = device.run("status").error

    assert f"its host key is not known yet; connect once with ssh -F {device.server.config} kiosk, and" in error
    assert known.read_text() == ""


def test_a_changed_host_key(device: Kiosk):
    known = device.server.folder / "known_hosts"
    other = (device.server.folder / "other").as_posix()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    key = " ".join(Path(f"{other}.pub").read_text().split()[:2])
    text = f"[127.0.0.1]:{device.server.port} {key}\n"
    known.write_text(text)
    error = device.run("status").error

    assert "its host key has changed" in error
    # What ssh itself says that removes the old key, port and file of known hosts included.
    assert f"-R '[127.0.0.1]:{device.server.port}'" in error.replace('"', "'")
    assert known.read_text() == text


def test_a_refused_key(device: Kiosk):
    identity = device.server.folder / "identity"
    identity.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)

    expected = f"the device rejected your SSH key; run ssh-copy-id -F {device.server.config} kiosk, or"
    assert expected in device.run("status").error


def test_a_closed_port(device: Kiosk):
    change(device, f"Port {device.server.port}", f"Port {free_ports(1)[0]}")

    assert "nothing listens on its SSH port; enable SSH" in device.run("status").error


def test_a_name_that_nobody_knows(device: Kiosk):
    error = device.run("status", target="kiosk.invalid").error

    assert error == "edge-asl: kiosk.invalid: no host has that name; check the spelling"


START_FILE = r"""
echo 42
printf '\e[?2004h\033]0;kiosk\a'
echo 'bash: warning: setlocale: LC_ALL: cannot change locale (en_GB.UTF-8)' >&2
head -c 300 /dev/urandom
(for number in $(seq 100); do echo '{"error": "of the shell"}'; sleep .01; done) &
trap 'echo good bye' EXIT
"""


def test_a_start_file_that_prints(tmp_path: Path):
    """The shell of a login reads it before every command, and prints while the agent does."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text(START_FILE)
    target = Target("kiosk", Mode.PLAIN, str(tmp_path / "kiosk"), tmp_path / "sshd" / "ssh_config")
    with Sshd(tmp_path / "sshd", options=[f"SetEnv HOME={home}"]), target.session() as session:
        raw = session.run(["true"]).out
        facts = read_facts(session, target)
        ended = session.program(["sh", "-c", "echo one; sleep .2; echo two; exit 1"])

    assert "42" in raw, "the start file was read"
    assert facts.root == target.root
    assert ended == (1, "one\ntwo", "")


def test_the_next_command_finds_the_connection_open(tmp_path: Path, workstation: dict[str, str]):
    with Sshd(tmp_path / "sshd") as server:
        device = Kiosk(server, tmp_path / "kiosk", workstation)
        log = server.folder / "sshd.log"

        def connections_after_status() -> int:
            assert "nothing has been deployed" in device.run("status").error
            return log.read_text().count("Accepted publickey")

        assert [connections_after_status() for _ in range(2)] == [1, 1]
        server.drop()
        assert connections_after_status() == 2, "a broken one is not tried"
        server.config.write_text(server.config.read_text() + "    Compression no\n")
        assert connections_after_status() == 3, "another configuration may lead elsewhere"


def test_a_connection_that_broke_is_forgotten(tmp_path: Path):
    target = Target("kiosk", Mode.PLAIN, str(tmp_path / "kiosk"), tmp_path / "sshd" / "ssh_config")
    with Sshd(tmp_path / "sshd") as server:
        with pytest.raises(Unreachable, match="the connection broke"), target.session() as session:
            session.run(["sh", "-c", "echo begun; sleep 30"], on_line=lambda _line: server.drop())
        with target.session() as session:
            assert session.run(["echo", "here"]).out == "here\n"


def test_connections_are_found_by_their_user_alone(tmp_path: Path):
    folder = shared_folder(tmp_path)
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert shared_folder(tmp_path) == folder
    folder.chmod(0o777)
    assert shared_folder(tmp_path) is None, "anybody could listen there"
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert shared_folder(tmp_path) is None, "somebody else could decide where"


def test_a_port_behind_a_colon():
    for name, meant in (("pi@kiosk:2222", "ssh://pi@kiosk:2222"), ("kiosk:22", "ssh://kiosk:22")):
        with pytest.raises(Unreachable, match=f"^{name}: ssh would take all of it for a host's name; write {meant}$"):
            Ssh(name)
    with pytest.raises(Unreachable, match="a folder is named with --root: pi@kiosk --root /srv/kiosk"):
        Ssh("pi@kiosk:/srv/kiosk")
    with pytest.raises(Unreachable, match="Port out of range 0-65535; expected ssh://pi@kiosk-1:2222"):
        Ssh("ssh://pi@kiosk:99999")
    for name, says in (
        ("pi@[::1]", "only ssh:// has brackets"),
        ("http://kiosk", "expected ssh://, found another kind of address"),
        ("ssh://pi:secret@kiosk", "found a password before the @"),
        ("kiosk-1,kiosk-2", "many in --inventory"),
        ("pi@", "expected a device after the @"),
    ):
        with pytest.raises(Unreachable, match=says) as raised:
            Ssh(name)
        assert "secret" not in str(raised.value)
    for name in ("fe80::1", "pi@::1", "ssh://pi@kiosk:2222", "ssh://[::1]:22", "ssh://[::1]", "kiosk"):
        assert Ssh(name).name == name


@pytest.mark.parametrize("target", ["-oProxyCommand=touch /tmp/edge-asl-was-here", "two words", ""])
def test_a_target_that_is_none(device: Kiosk, target: str):
    command = device.command("status", "--", target=target)
    command = [*command[:3], "status", *device.target_options, "--", target]
    done = subprocess.run(command, env=device.environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("edge-asl: ")
    assert "name one such as pi@kiosk-1" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not Path("/tmp/edge-asl-was-here").exists()
