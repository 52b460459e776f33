"""Keys made and bundles signed with the real ssh-keygen, in files and in a real agent."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl.deploy.keys import (
    default_key,
    default_key_path,
    init_key,
    is_signed,
    public_key_of,
    sign_bundle,
)
from edge_asl.errors import SigningError, ToolMissing
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MANIFEST, SIGNATURE
from edge_asl_device.errors import BundleError
from edge_asl_device.releases.trust import add_signer, verify_signature


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own agent or none: never that of whoever runs them."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/agent.XXXXXX"], text=True, timeout=10).strip())
    socket = folder / "s"  # a socket's path has at most 108 bytes
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


@pytest.fixture
def bundle(golden_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(golden_bundle, tmp_path / "bundle"))


def run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)


def guarded_key(path: Path, kind: str = "ed25519") -> Path:
    """A key with the passphrase *open*."""
    run("ssh-keygen", "-q", "-t", kind, "-N", "open", "-C", "guarded", "-f", path)
    return path


def add_to_agent(key: Path, passphrase: str, tmp_path: Path) -> None:
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho {passphrase}\n")
    ask.chmod(0o755)
    environment = os.environ | {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", key], env=environment, check=True, timeout=60, stdin=subprocess.DEVNULL)


# Making


def test_a_new_key(tmp_path: Path) -> None:
    key = init_key(tmp_path / "new" / "key")
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert key.path.parent.stat().st_mode & 0o777 == 0o700
    assert key.public_key == (tmp_path / "new" / "key.pub").read_text().strip()
    assert key.public_key.startswith("ssh-ed25519 AAAA")
    listed = subprocess.check_output(["ssh-keygen", "-l", "-f", key.path], text=True, timeout=10)
    assert listed.split(" ")[1] == key.fingerprint


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key() is None
    key = init_key()
    assert key.path == default_key() == tmp_path / "edge-asl" / "signing_key"


@pytest.mark.parametrize("value", [None, "", "relative/path"])
def test_without_a_configured_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert default_key_path() == tmp_path / ".config" / "edge-asl" / "signing_key"


@pytest.mark.parametrize("taken", ["key", "key.pub"])
def test_no_key_is_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(SigningError, match=f"{taken}: there is a key already"):
        init_key(tmp_path / "key")
    assert (tmp_path / taken).read_text() == "precious"


def test_a_link_to_nothing_is_no_free_place(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SigningError, match="there is a key already"):
        init_key(tmp_path / "key")
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningError, match="cannot make this folder: Not a directory"):
        init_key(tmp_path / "file" / "below" / "key")


def test_a_passphrase_needs_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="there is no terminal to ask in"):
        init_key(tmp_path / "key", passphrase=True)
    assert not (tmp_path / "key").exists()


def in_terminal(code: str, answers: list[bytes]) -> tuple[int, str]:
    """Run Python code in a terminal of its own, and type an answer at each prompt for a passphrase."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606
    said, deadline = b"", time.monotonic() + 60
    try:
        while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                said += os.read(terminal, 1000)
            except OSError:  # the other end is closed
                break
            # Only right after a prompt: what is typed before the next one is thrown away when it comes.
            if answers and said.endswith(b": "):
                os.write(terminal, answers.pop(0) + b"\n")
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode(errors="replace")


def test_a_passphrase_asked_for_in_a_terminal(tmp_path: Path, bundle: Path) -> None:
    make = f"from edge_asl.deploy.keys import *; print(init_key(Path({str(tmp_path / 'key')!r}), passphrase=True))"
    status, said = in_terminal(make, [b"open sesame"] * 2)
    assert status == 0, said
    assert "SHA256:" in said
    with pytest.raises(SigningError, match="passphrase"):
        sign_bundle(bundle, tmp_path / "key")

    sign = f"from edge_asl.deploy.keys import *; sign_bundle(Path({str(bundle)!r}), Path({str(tmp_path / 'key')!r}))"
    status, said = in_terminal(sign, [b"open sesame"])
    assert status == 0, said
    assert is_signed(bundle, public_key_of(tmp_path / "key"))


# Signing


def test_a_signed_bundle_is_what_the_device_wants(bundle: Path, tmp_path: Path) -> None:
    key = init_key(tmp_path / "key")
    before = read_bundle(bundle)
    assert not is_signed(bundle, key.public_key)
    sign_bundle(bundle, key.path)
    assert is_signed(bundle, key.public_key)
    assert read_bundle(bundle).digest == before.digest
    signer = add_signer(tmp_path / "allowed_signers", key.public_key)
    assert verify_signature(bundle, tmp_path / "allowed_signers") == signer.principal


def test_signing_again_with_another_key(bundle: Path, tmp_path: Path) -> None:
    ann, bob = init_key(tmp_path / "ann"), init_key(tmp_path / "bob")
    sign_bundle(bundle, ann.path)
    sign_bundle(bundle, bob.path)
    assert is_signed(bundle, bob.public_key)
    assert not is_signed(bundle, ann.public_key)
    assert sorted(path.name for path in bundle.iterdir() if "sig" in path.name) == [SIGNATURE]


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_keys_that_people_have(bundle: Path, tmp_path: Path, kind: str) -> None:
    run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / "id")
    sign_bundle(bundle, tmp_path / "id")
    assert is_signed(bundle, public_key_of(tmp_path / "id.pub"))


def test_a_private_key_alone(bundle: Path, tmp_path: Path) -> None:
    key = init_key(tmp_path / "key")
    (tmp_path / "key.pub").unlink()
    assert public_key_of(key.path).split(" ")[:2] == key.public_key.split(" ")[:2]
    sign_bundle(bundle, key.path)
    assert is_signed(bundle, key.public_key)


def test_a_key_whose_path_looks_like_an_option(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = init_key(Path("-y"))
    sign_bundle(bundle, Path("-y"))
    assert is_signed(bundle, key.public_key)


def test_a_public_key_whose_private_half_is_in_the_agent(bundle: Path, tmp_path: Path, agent: None) -> None:
    key = guarded_key(tmp_path / "key")
    add_to_agent(key, "open", tmp_path)
    key.unlink()
    sign_bundle(bundle, tmp_path / "key.pub")
    assert is_signed(bundle, public_key_of(tmp_path / "key.pub"))


def test_a_guarded_key_that_the_agent_holds_asks_for_nothing(bundle: Path, tmp_path: Path, agent: None) -> None:
    key = guarded_key(tmp_path / "key")
    add_to_agent(key, "open", tmp_path)
    sign_bundle(bundle, key)
    assert is_signed(bundle, public_key_of(key))


def test_a_public_key_that_the_agent_does_not_hold(bundle: Path, tmp_path: Path, agent: None) -> None:
    key = init_key(tmp_path / "key")
    key.path.unlink()
    with pytest.raises(SigningError, match=r"add the private half to the agent with ssh-add .*/key, or name") as raised:
        sign_bundle(bundle, tmp_path / "key.pub")
    assert "\n" not in str(raised.value)
    assert not (bundle / SIGNATURE).exists()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_passphrase_without_a_terminal_fails_at_once(
    bundle: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ask").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "ask").chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(tmp_path / "ask"))
    monkeypatch.setenv("DISPLAY", ":0")
    key = guarded_key(tmp_path / "key", kind)
    started = time.monotonic()
    with pytest.raises(SigningError, match=r"passphrase.*; ssh-add .*/key first, or sign in a terminal"):
        sign_bundle(bundle, key)
    assert time.monotonic() - started < 5
    assert not (bundle / SIGNATURE).exists()


def test_a_guarded_key_without_its_public_half(tmp_path: Path) -> None:
    key = guarded_key(tmp_path / "key")
    (tmp_path / "key.pub").unlink()
    with pytest.raises(SigningError, match=r"cannot read its public half, and there is no key\.pub beside it"):
        public_key_of(key)


def test_a_public_half_of_another_key(bundle: Path, tmp_path: Path) -> None:
    key, other = init_key(tmp_path / "key"), init_key(tmp_path / "other")
    sign_bundle(bundle, other.path)
    before = (bundle / SIGNATURE).read_bytes()
    (tmp_path / "key.pub").write_text(other.public_key + "\n")
    with pytest.raises(SigningError, match=r"Public key .*/key doesn't match private .*/key; name another key"):
        sign_bundle(bundle, key.path)
    assert (bundle / SIGNATURE).read_bytes() == before


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
def test_older_forms_of_guarded_keys(tmp_path: Path, form: str) -> None:
    run("ssh-keygen", "-q", "-t", "rsa", "-m", form, "-N", "open sesame", "-f", tmp_path / "key")
    (tmp_path / "key.pub").unlink()
    with pytest.raises(SigningError, match=r"write that with ssh-keygen -y -f .*/key > .*/key\.pub"):
        public_key_of(tmp_path / "key")


@pytest.mark.parametrize("name", [MANIFEST, "model.tflite"])
def test_a_file_of_another_kind(bundle: Path, name: str) -> None:
    with pytest.raises(SigningError, match=f"{name}: not an SSH key .private, or a .pub file.; name another"):
        public_key_of(bundle / name)


@pytest.mark.parametrize("name", ["none", "none.pub"])
def test_no_such_key(bundle: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SigningError, match="there is no SSH key; make one with edge-asl keys init"):
        sign_bundle(bundle, tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACBA me",
        "\x1b[2J",
        "ssh-ed25519 AAAA\nssh-ed25519 AAAA",
    ],
)
def test_what_is_no_key(bundle: Path, tmp_path: Path, content: str) -> None:
    for name in ("text", "text.pub"):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(SigningError) as raised:
            sign_bundle(bundle, tmp_path / name)
        assert str(raised.value).isprintable()


def test_nobody_signs_a_damaged_bundle(bundle: Path, tmp_path: Path) -> None:
    key = init_key(tmp_path / "key")
    (bundle / "labels.txt").write_text("changed")
    with pytest.raises(BundleError, match=r"labels\.txt: expected 16 bytes"):
        sign_bundle(bundle, key.path)
    assert not (bundle / SIGNATURE).exists()


def test_a_changed_manifest_is_not_signed(bundle: Path, tmp_path: Path) -> None:
    key = init_key(tmp_path / "key")
    sign_bundle(bundle, key.path)
    with (bundle / MANIFEST).open("a") as file:
        file.write("\n")
    assert not is_signed(bundle, key.public_key)


def test_no_ssh_keygen(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = init_key(tmp_path / "key")
    sign_bundle(bundle, key.path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for attempt in (
        lambda: sign_bundle(bundle, key.path),
        lambda: is_signed(bundle, key.public_key),
        lambda: init_key(tmp_path / "second"),
    ):
        with pytest.raises(ToolMissing, match="sudo apt install openssh-client"):
            attempt()


def test_imports_no_tensorflow() -> None:
    code = "import sys, edge_asl.deploy.keys; print({'numpy', 'cv2', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], timeout=60) == b"set()\n"
