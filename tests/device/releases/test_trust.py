"""Signatures and smallest versions, with the real ssh-keygen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_asl_device.contract.manifest import MANIFEST, SIGNATURE
from edge_asl_device.errors import TrustError
from edge_asl_device.releases.trust import (
    NAMESPACE,
    add_signer,
    check_version,
    raise_minimum,
    read_signers,
    verify_signature,
    version_key,
)

KEYGEN = shutil.which("ssh-keygen") or "ssh-keygen"


def new_key(path: Path, *arguments: str, comment: str = "pi@work") -> str:
    """Make a key; its public line."""
    kind = arguments or ("-t", "ed25519")
    subprocess.run([KEYGEN, "-q", *kind, "-N", "", "-C", comment, "-f", path], check=True, timeout=60)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def sign(bundle: Path, key: Path, namespace: str = NAMESPACE) -> None:
    (bundle / SIGNATURE).unlink(missing_ok=True)
    command = [KEYGEN, "-q", "-Y", "sign", "-f", key, "-n", namespace, bundle / MANIFEST]
    subprocess.run(command, check=True, timeout=60, capture_output=True)


@pytest.fixture
def bundle(golden_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(golden_bundle, tmp_path / "bundle"))


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    return tmp_path / "trust" / "allowed_signers"


def refusal(bundle: Path, signers: Path) -> str:
    with pytest.raises(TrustError) as raised:
        verify_signature(bundle, signers)
    text = str(raised.value)
    assert text.isprintable()
    assert str(bundle.parent) in text
    return text


# Signatures


@pytest.mark.parametrize("kind", [("-t", "ed25519"), ("-t", "rsa", "-b", "3072"), ("-t", "ecdsa")], ids=lambda k: k[1])
def test_a_signed_bundle_names_its_signer(bundle: Path, signers: Path, tmp_path: Path, kind: tuple[str, ...]) -> None:
    add_signer(signers, new_key(tmp_path / "key", *kind))
    sign(bundle, tmp_path / "key")
    assert verify_signature(bundle, signers) == "pi@work"


def test_any_of_several_signers(bundle: Path, signers: Path, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        add_signer(signers, new_key(tmp_path / name, comment=name))
    for name in ("ann", "bob"):
        sign(bundle, tmp_path / name)
        assert verify_signature(bundle, signers) == name


@pytest.mark.parametrize("content", [None, "", "\n# nobody yet\n\n"])
def test_without_signers_nothing_is_demanded(bundle: Path, signers: Path, content: str | None) -> None:
    if content is not None:
        signers.parent.mkdir()
        signers.write_text(content)
    assert verify_signature(bundle, signers) is None


def test_unsigned(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    assert "not signed; this device requires a signature of pi@work" in refusal(bundle, signers)


def test_signed_by_a_stranger_who_takes_the_same_name(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    new_key(tmp_path / "stranger")
    sign(bundle, tmp_path / "stranger")
    assert "sign the bundle with a trusted key" in refusal(bundle, signers)


def test_signed_for_another_purpose(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key", namespace="git")
    refusal(bundle, signers)


def test_a_changed_manifest(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    with (bundle / MANIFEST).open("a") as file:
        file.write(" ")
    assert "signed a different manifest.json" in refusal(bundle, signers)


def test_every_byte_of_the_signature_counts(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    good = (bundle / SIGNATURE).read_bytes()
    lines = good.split(b"\n")
    armoured = range(len(lines[0]) + 1, len(good) - len(lines[-2]) - 2)
    for installation in [*range(0, armoured.start, 7), *armoured[::11]]:
        bad = bytearray(good)
        bad[installation] = ord("B") if bad[installation] == ord("A") else ord("A")
        (bundle / SIGNATURE).write_bytes(bad)
        refusal(bundle, signers)
    for length in range(0, len(good) - 1, 37):
        (bundle / SIGNATURE).write_bytes(good[:length])
        refusal(bundle, signers)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


HOSTILE_SIGNATURES = {
    "link": _link,
    "dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "huge": lambda path: os.truncate(path, 1 << 40),
    "zeros": lambda path: path.write_bytes(bytes(10_000)),
    "terminal codes": lambda path: path.write_bytes(b"\x1b[31m\nfree\r\n" * 100),
    "options": lambda path: path.write_bytes(b"-I root -f /etc/passwd\n"),
}


@pytest.mark.parametrize("spoil", HOSTILE_SIGNATURES.values(), ids=HOSTILE_SIGNATURES.keys())
def test_hostile_signature_files(bundle: Path, signers: Path, tmp_path: Path, spoil) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    spoil(bundle / SIGNATURE)
    started = time.monotonic()
    refusal(bundle, signers)
    assert time.monotonic() - started < 5


def test_a_hostile_namespace_in_the_signature_is_not_shown_raw(bundle: Path, signers: Path, tmp_path: Path) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key", namespace="x\n\x1b[2J\nGood")
    refusal(bundle, signers)


def test_the_clock_of_1970(bundle: Path, signers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    source = Path(__file__).parents[1] / "clock.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", source, "-ldl"], timeout=60, check=True)
    (tmp_path / "off").write_text(str(-int(time.time())))
    (tmp_path / "bin").mkdir()
    _script(tmp_path / "bin" / "date", f'{_in_1970(tmp_path)} {shutil.which("date")} "$@"')
    _script(tmp_path / "bin" / "ssh-keygen", f'{_in_1970(tmp_path)} {KEYGEN} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert subprocess.check_output(["date", "-u", "+%Y"], timeout=10) == b"1970\n"
    assert verify_signature(bundle, signers) == "pi@work"


def _in_1970(folder: Path) -> str:
    return f"exec env LD_PRELOAD={folder / 'clock.so'} WALL_CLOCK_OFF_BY={folder / 'off'}"


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_no_ssh_keygen(bundle: Path, signers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TrustError, match="is not installed: sudo apt install openssh-client"):
        verify_signature(bundle, signers)


def test_ssh_keygen_that_hangs(bundle: Path, signers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    (tmp_path / "bin").mkdir()
    _script(tmp_path / "bin" / "ssh-keygen", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(TrustError, match=r"no answer within 0\.5 s"):
        verify_signature(bundle, signers, limit_s=0.5)


def test_no_room_for_copies(bundle: Path, signers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert "cannot be verified" in refusal(bundle, signers)


# Whom the device trusts


def test_a_public_key_becomes_a_signer(signers: Path, tmp_path: Path) -> None:
    public = new_key(tmp_path / "key", comment="ann@desk")
    kind, key, _ = public.split(" ")
    added = add_signer(signers, public + "\n")
    assert signers.read_text() == f'ann@desk namespaces="{NAMESPACE}" {kind} {key}\n'
    assert read_signers(signers) == (added,)
    assert add_signer(signers, f"somebody {kind} {key} again").principal == "ann@desk"
    assert len(read_signers(signers)) == 1


def test_what_people_wrote_into_the_file_stays(signers: Path, tmp_path: Path) -> None:
    signers.parent.mkdir()
    ann = f"ann {new_key(tmp_path / 'ann')}"
    signers.write_text(f"# the team\n{ann}")
    add_signer(signers, new_key(tmp_path / "bob", comment="bob"))
    assert signers.read_text().startswith(f"# the team\n{ann}\nbob namespaces=")
    assert [signer.principal for signer in read_signers(signers)] == ["ann", "bob"]


@pytest.mark.parametrize(
    ("comment", "principal"),
    [
        ("ann desk", "ann_desk"),
        ("*", "_"),
        ("*,!ann", "_ann"),
        ("-oProxyCommand=sh", None),
        ('x" cert-authority', "x_cert-authority"),
        ("", None),
        ("Åsa", "_sa"),
        ("a" * 300, "a" * 100),
    ],
)
def test_names_from_comments_are_plain(
    signers: Path, tmp_path: Path, bundle: Path, comment: str, principal: str | None
) -> None:
    kind, key = new_key(tmp_path / "key").split(" ")[:2]
    name = add_signer(signers, f"{kind} {key} {comment}").principal
    assert name == principal or (principal is None and name.startswith("key-"))
    sign(bundle, tmp_path / "key")
    assert verify_signature(bundle, signers) == name


SURPRISES = {
    "pattern": "* {key}",
    "list": "ann,bob {key}",
    "negated": "!ann {key}",
    "quoted": '"ann bob" {key}',
    "option as a name": "-Overify-time=1 {key}",
    "authority": "ann cert-authority {key}",
    "dates": 'ann valid-before="19700102" {key}',
    "dates beside": 'ann namespaces="edge-asl-bundle",valid-after="20260101" {key}',
    "all namespaces": 'ann namespaces="*" {key}',
    "other namespace": 'ann namespaces="git" {key}',
    "no name": "{key}",
    "no key": "ann",
    "rubbish": "\x00\x1b[31m",
}


@pytest.mark.parametrize("line", SURPRISES.values(), ids=SURPRISES.keys())
def test_one_surprising_line_makes_the_file_void(bundle: Path, signers: Path, tmp_path: Path, line: str) -> None:
    add_signer(signers, new_key(tmp_path / "key"))
    sign(bundle, tmp_path / "key")
    public = new_key(tmp_path / "other")
    with signers.open("a") as file:
        file.write(line.format(key=public) + "\n")
    assert f"{signers}, line 2: expected NAME" in refusal(bundle, signers)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ann",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAInotreallyakeyatall ann",
        "ssh-ed25519 AAAA\nann ssh-ed25519 AAAA",
        "ssh-rsa {ed25519} ann",
        "ssh-ed25519-cert-v01@openssh.com AAAAC3NzaC1lZDI1NTE5AAAA ann",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "x" * 100_000,
    ],
)
def test_what_is_no_public_key_is_not_added(signers: Path, tmp_path: Path, line: str) -> None:
    key = new_key(tmp_path / "key").split(" ")[1]
    with pytest.raises(TrustError, match=r"not a public key; use the line of a \.pub file$") as raised:
        add_signer(signers, line.format(ed25519=key))
    assert str(raised.value).isprintable()
    assert not signers.exists()


def test_a_line_with_a_second_line_is_not_added(signers: Path, tmp_path: Path) -> None:
    public = new_key(tmp_path / "key")
    with pytest.raises(TrustError):
        add_signer(signers, f"{public}\n* {public}")
    assert not signers.exists()


UNREADABLE = {
    "folder": lambda path: path.mkdir(),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "pipe": lambda path: os.mkfifo(path),
    "not text": lambda path: path.write_bytes(b"\xff\xfe"),
    "huge": lambda path: (path.touch(), os.truncate(path, 1 << 30)),
}


@pytest.mark.parametrize("spoil", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_signers_that_cannot_be_read_refuse_everybody(bundle: Path, signers: Path, spoil) -> None:
    signers.parent.mkdir()
    spoil(signers)
    refusal(bundle, signers)


def test_signers_below_a_file(bundle: Path, signers: Path) -> None:
    signers.parent.write_text("")
    assert "cannot be read: Not a directory; fix its owner and mode" in refusal(bundle, signers)


# Versions


@pytest.mark.parametrize(
    ("older", "newer"), [("2026.11.9", "2026.11.20"), ("1.2", "1.2.1"), ("9", "10"), ("0.9.9", "1"), ("1", "1.0.0.1")]
)
def test_versions_are_compared_number_by_number(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


def test_zeros_at_the_end_say_nothing() -> None:
    assert version_key("1.2") == version_key("1.2.0") == version_key("01.2.0.0")
    assert version_key("0") == version_key("0.0")


@pytest.mark.parametrize("version", ["", "1.", ".1", "1..2", "1.a", "-1", "1\n", "1.2.3.4.5.6.7", "9" * 5000, "¹", "٣"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(TrustError, match="expected dotted numbers") as raised:
        version_key(version)
    assert str(raised.value).isprintable()


def test_going_back_is_refused_unless_told(tmp_path: Path) -> None:
    minimums = tmp_path / "trust" / "minimum.json"
    check_version(minimums, "letters", "0.1", allow_downgrade=False)
    raise_minimum(minimums, "letters", "2026.11.20")
    raise_minimum(minimums, "digits", "3")
    raise_minimum(minimums, "letters", "2026.11.9")
    check_version(minimums, "letters", "2026.11.20.0", allow_downgrade=False)
    check_version(minimums, "letters", "2027", allow_downgrade=False)
    check_version(minimums, "words", "0.1", allow_downgrade=False)
    check_version(minimums, "letters", "2026.11.9", allow_downgrade=True)
    with pytest.raises(TrustError, match=r"letters: expected version 2026\.11\.20 or later, found 2026\.11\.9"):
        check_version(minimums, "letters", "2026.11.9", allow_downgrade=False)
    assert minimums.read_text() == '{\n  "digits": "3",\n  "letters": "2026.11.20"\n}\n'


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b'{"letters": 1}', b'{"letters": "new"}', b'{"a": "1", "a": "0"}', b"[" * 10_000]
)
def test_minimums_that_are_none(tmp_path: Path, content: bytes) -> None:
    minimums = tmp_path / "minimum.json"
    minimums.write_bytes(content)
    with pytest.raises(TrustError, match=r"minimum\.json: not a list of names and versions"):
        check_version(minimums, "letters", "1", allow_downgrade=False)
    with pytest.raises(TrustError):
        raise_minimum(minimums, "letters", "2")
    assert minimums.read_bytes() == content


def test_imports_neither_numpy_nor_opencv() -> None:
    code = "import sys, edge_asl_device.releases.trust; print({'numpy', 'cv2'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], timeout=60) == b"set()\n"
