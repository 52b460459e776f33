"""Bundles made to hurt: each is one line of refusal, never a traceback, never a wait."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from any_json import JSON, put_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.formats import parse_manifest
from edge_asl_device.contract.manifest import LABELS, MANIFEST, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, MODEL, SIGNATURE
from edge_asl_device.errors import BundleError

GOLDEN = Path(__file__).parents[1] / "data" / "bundle-v1"
ORIGINAL = read_bundle(GOLDEN)
TEXT = (GOLDEN / MANIFEST).read_text()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture(autouse=True)
def within_seconds() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 60


def refusal(read: Callable[[], object]) -> str:
    started = time.monotonic()
    with pytest.raises(BundleError) as raised:
        read()
    assert time.monotonic() - started < 5
    text = str(raised.value)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
    assert len(text) <= 1001
    msgspec.json.encode(text)  # no lone surrogate: it can be logged, stored and sent
    return text


# Files


def _exchange(name: str, put: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(bundle: Path) -> None:
        path = bundle / name
        if path.exists():
            path.rename(bundle.parent / "aside")
        put(path)

    return spoil


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has at most 108 bytes
        try:
            listening.bind(path.name)
        finally:
            os.chdir(here)


def _sparse(size: int) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return put


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "extra": (lambda b: (b / "run.sh").touch(), "run.sh: not a listed file; remove it, or copy"),
    "extra hidden": (lambda b: (b / ".profile").touch(), ".profile: not a listed file"),
    "extra folder": (lambda b: (b / "__pycache__").mkdir(), "__pycache__: not a listed file"),
    "extra with a line end": (lambda b: (b / "a\nedge-asl: all is well").touch(), r"a\nedge-asl: all is well: "),
    "extra with colours": (lambda b: (b / "\x1b[2J").touch(), r"\x1b[2J: not a listed file"),
    "extra not in UTF-8": (lambda b: Path(os.fsdecode(bytes(b) + b"/\xff\xfe")).touch(), r"\udcff\udcfe: not a listed"),
    "extra written backwards": (lambda b: (b / "\u202egpj.sh").touch(), r"\u202egpj.sh: not a listed"),
    "missing": (lambda b: (b / MODEL).unlink(), "model.tflite: missing; copy or build"),
    "link": (
        _exchange(MODEL, lambda p: p.symlink_to("../aside")),
        "model.tflite: expected a regular file, found a link",
    ),
    "link to a device": (_exchange(LABELS, lambda p: p.symlink_to("/dev/zero")), "found a link"),
    "link in a circle": (_exchange(LABELS, lambda p: p.symlink_to(p.name)), "found a link"),
    "folder": (_exchange(MODEL, lambda p: p.mkdir()), "model.tflite: expected a regular file, found a folder"),
    "pipe": (_exchange(MODEL, os.mkfifo), "model.tflite: expected a regular file, found a folder, pipe or device"),
    "socket": (_exchange(MODEL, _socket), "model.tflite: expected a regular file, found No such device"),
    "terabyte": (_exchange(MODEL, _sparse(1 << 40)), f"model.tflite: expected 163110 bytes, found {1 << 40}"),
    "manifest missing": (lambda b: (b / MANIFEST).unlink(), "not a bundle: manifest.json cannot be read (No such file"),
    "manifest linked": (
        _exchange(MANIFEST, lambda p: p.symlink_to("../aside")),
        "manifest.json: expected a regular file",
    ),
    "manifest a folder": (_exchange(MANIFEST, lambda p: p.mkdir()), "manifest.json: expected a regular file"),
    "manifest a pipe": (_exchange(MANIFEST, os.mkfifo), "manifest.json: expected a regular file"),
    "manifest of a terabyte": (_exchange(MANIFEST, _sparse(1 << 40)), "larger than 1000000 bytes"),
    "manifest empty": (_exchange(MANIFEST, lambda p: p.touch()), "not JSON"),
    "manifest of zeros": (_exchange(MANIFEST, _sparse(4096)), "not JSON"),
    "signature linked": (_exchange(SIGNATURE, lambda p: p.symlink_to("/dev/zero")), "json.sig: is a link"),
    "signature linked to nothing": (_exchange(SIGNATURE, lambda p: p.symlink_to("none")), "json.sig: is a link"),
    "signature a folder": (_exchange(SIGNATURE, lambda p: p.mkdir()), "manifest.json.sig: expected a regular file"),
    "signature a pipe": (_exchange(SIGNATURE, os.mkfifo), "manifest.json.sig: expected a regular file"),
    "signature of a terabyte": (_exchange(SIGNATURE, _sparse(1 << 40)), "manifest.json.sig: larger than 16384"),
}


@pytest.mark.parametrize(("spoil", "message"), FILES.values(), ids=FILES.keys())
def test_files(bundle: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(bundle)
    assert message in refusal(lambda: read_bundle(bundle))


def test_a_device_as_manifest(bundle: Path) -> None:
    (bundle / MANIFEST).unlink()
    try:
        os.mknod(bundle / MANIFEST, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes device files")
    assert "found a folder, pipe or device" in refusal(lambda: read_bundle(bundle))


def test_ten_thousand_extra_files(bundle: Path) -> None:
    for number in range(10_000):
        (bundle / f"{number}").touch()
    assert "not a listed file" in refusal(lambda: read_bundle(bundle))


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_a_file_exchanged_after_the_bundle_was_read(bundle: Path, put: Callable[[Path], None]) -> None:
    read = read_bundle(bundle)
    (bundle / MODEL).unlink()
    put(bundle / MODEL)
    assert "model.tflite: expected a regular file" in refusal(lambda: read.content(MODEL))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (b"A\nB\nL\nY\n\xff\xfe\n", "labels.txt: not UTF-8"),
        (b"A\x00\nB\nL\nY\nnothing\n", "labels.txt: expected the manifest's 5 labels"),
        (b"\xef\xbb\xbfA\nB\nL\nY\nnothing\n", "labels.txt: expected the manifest's 5 labels"),
        (b"", "labels.txt: expected the manifest's 5 labels, found 0"),
        (b"\n" * 1_000_000, "labels.txt: expected the manifest's 5 labels"),
    ],
)
def test_labels_with_the_right_hash(bundle: Path, labels: bytes, message: str) -> None:
    (bundle / LABELS).write_bytes(labels)
    found = json.loads(TEXT)
    found["files"][LABELS] = {"sha256": hashlib.sha256(labels).hexdigest(), "size": len(labels)}
    (bundle / MANIFEST).write_text(json.dumps(found))
    assert message in refusal(lambda: read_bundle(bundle))


# What the manifest says


def put(value: object, *keys: str) -> bytes:
    """The golden manifest with one value put in."""
    return put_into(TEXT, value, *keys)


FILE = {"sha256": "0" * 64, "size": 1}
ESCAPED_NAME = r'"n\u0061me": "x", "name"'
MANIFESTS: dict[str, tuple[bytes, str]] = {
    **{
        f"file named {name!r}"[:40]: (put(FILE, "files", name), "")
        for name in (
            "../model.tflite",
            "/etc/passwd",
            ".",
            "..",
            "",
            ".hidden",
            "a/b",
            "a\\b",
            "-rf",
            "a b",
            "a\x00b",
            "model.tflite\n",
            "model.tflite\x00",
            "~root",
            "$HOME",
            "%2e%2e",
            "é",
            "．．",
            "x" * 101,
            "\ud800",
        )
    },
    "manifest lists itself": (put(FILE, "files", MANIFEST), "expected every file but the manifest and its signature"),
    "manifest lists its signature": (put(FILE, "files", SIGNATURE), "found manifest.json.sig"),
    "too many files": (put({f"f{n}": FILE for n in range(1000)}, "files"), "length <= 100"),
    "file too large": (put({"sha256": "0" * 64, "size": MAX_FILE_BYTES + 1}, "files", MODEL), "<= 500000000"),
    "negative size": (put({"sha256": "0" * 64, "size": -1}, "files", MODEL), ">= 0"),
    "size that is true": (put({"sha256": "0" * 64, "size": True}, "files", MODEL), "got `bool`"),
    "huge": (b" " * (MAX_MANIFEST_BYTES + 1), "larger than"),
    "deep list": (b"[" * 400_000, "not JSON"),
    "deep list closed": (b"[" * 400_000 + b"]" * 400_000, "not JSON"),
    "deep object": (b'{"a":' * 150_000, "not JSON"),
    "deep value of a known key": (put(0, "created").replace(b": 0,", b": " + b"[" * 900 + b"]" * 900 + b",", 1), ""),
    "deep list within the limit": (b'{"format_version": ' + b"[" * 200 + b"]" * 200 + b"}", "found [[[["),
    "wide": (b"[" + b"[]," * 300_000 + b"0]", "expected bundle format 1"),
    "same key twice": (TEXT.replace('"name"', '"name": "other", "name"', 1).encode(), "the key 'name' appears twice"),
    "same file twice": (
        TEXT.replace('"labels.txt"', '"model.tflite": {"sha256": "", "size": 0}, "labels.txt"', 1).encode(),
        "the key 'model.tflite' appears twice",
    ),
    "same key twice, once escaped": (TEXT.replace('"name"', ESCAPED_NAME, 1).encode(), "twice"),
    "many keys, the last twice": (
        ("{" + "".join(f'"{n}":0,' for n in range(90_000)) + '"0":0}').encode(),
        "the key '0' appears twice",
    ),
    "not a number": (TEXT.replace("0.0078125", "NaN", 1).encode(), "not JSON"),
    "infinite": (TEXT.replace("0.0078125", "Infinity", 1).encode(), "not JSON"),
    "infinite by size": (TEXT.replace("0.0078125", "1e999", 1).encode(), "not JSON"),
    "less than infinite": (TEXT.replace("0.35", "-1e999", 1).encode(), "not JSON"),
    "number as text": (put("NaN", "input", "scale"), "expected `float`, got `str`"),
    "number of 100000 digits": (TEXT.replace("0.0078125", "1" * 100_000, 1).encode(), "not JSON"),
    "version of 100000 digits": (put("1" * 100_000, "version"), "version: expected `str` matching regex"),
    "version with a line end": (put("1.0\n", "version"), "control characters"),
    "name that is a path": (put("../../etc", "name"), "name: expected `str` matching regex"),
    "name with a line end": (put("hands\n", "name"), "control characters"),
    "lone surrogate": (put("\ud800", "created"), "not JSON"),
    "lone surrogate in bytes": (TEXT.replace("hands", "h\ud800", 1).encode(errors="surrogatepass"), "not JSON"),
    "surrogate in a key": (put(1, "operators", "\udfff"), "not JSON"),
    "not UTF-8": (TEXT.encode().replace(b"hands", b"h\xffnds", 1), "not JSON"),
    "UTF-16": (TEXT.encode("utf-16"), "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), "not JSON"),
    "zero byte in text": (TEXT.encode().replace(b"hands", b"h\x00nds", 1), "not JSON"),
    "zero byte escaped": (put("a\x00", "metrics", "split"), "control characters"),
    "zero byte after the end": (TEXT.encode() + b"\x00", "not JSON"),
    "two documents": (TEXT.encode() * 2, "not JSON"),
    "terminal codes in a label": (put(["\x1b[2J", "B", "L", "Y", "nothing"], "labels"), "control characters"),
    "label written backwards": (put(["\u202eA", "B", "L", "Y", "nothing"], "labels"), "control characters"),
    "unknown key": (put(1, "run"), "unknown field run"),
    "unknown key with lines": (put(1, "x\nedge-asl: all is well"), "control characters"),
    "unknown key of 900000 letters": (put(1, "x" * 900_000), "unknown field xxx"),
    "unknown key below": (put(1, "input", "crop_rule"), "input: unknown field crop_rule"),
    "unknown format of 900000 letters": (
        put("x" * 900_000, "format_version"),
        "expected bundle format 1 or 2, found 'xxx",
    ),
    "format true": (put(True, "format_version"), "got `bool`"),
    "null": (b"null", "expected bundle format 1 or 2, found None"),
    "a word": (b'"format_version"', "expected bundle format 1 or 2, found None"),
    "an empty label": (put(["", "B", "L", "Y", "nothing"], "labels"), "length >= 1"),
    "a label of spaces": (put(["   ", "B", "L", "Y", "nothing"], "labels"), r"matching regex '\\S'"),
    "a label as long as a book": (put(["A" * 10_000, "B", "L", "Y", "nothing"], "labels"), "length <= 64"),
    "no labels": (put([], "labels"), "length >= 2"),
    "a million labels": (put(["A"] * 100_000, "labels"), "length <= 1000"),
}


@pytest.mark.parametrize(("data", "message"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_manifests(bundle: Path, data: bytes, message: str) -> None:
    (bundle / MANIFEST).write_bytes(data)
    text = refusal(lambda: read_bundle(bundle))
    assert text.startswith(f"{bundle / MANIFEST}: ")
    assert message in text


# Whatever else


def _unless_refused(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except BundleError:
        return None


ANYWHERE = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The golden manifest, with bytes changed, left out, put in or cut off."""
    data = bytearray(TEXT.encode())
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1)) if data else 0
        match draw(st.sampled_from(["flip", "set", "drop", "insert", "cut"])):
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "set" if data:
                data[place] = draw(st.sampled_from(b'0123456789-.eE"\\{}[]:,\x00\xff nul'))
            case "drop":
                del data[place : place + draw(st.integers(1, 100))]
            case "insert":
                data[place:place] = draw(st.binary(max_size=8))
            case "cut":
                del data[place:]
    return bytes(data)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("spoiled") / "bundle"))


@ANYWHERE
@given(data=damaged())
def test_a_damaged_manifest_is_refused_or_lists_the_very_same_files(spoiled: Path, data: bytes) -> None:
    (spoiled / MANIFEST).write_bytes(data)
    found: Bundle | None = _unless_refused(lambda: read_bundle(spoiled))
    if found is not None:
        # Free text (a date, a figure) may differ: that is what the signature is for. What runs may not.
        assert found.manifest.files == ORIGINAL.manifest.files
        assert found.labels == ORIGINAL.labels
        assert found.manifest.output == ORIGINAL.manifest.output
        assert (found.digest == ORIGINAL.digest) == (data == TEXT.encode())


@ANYWHERE
@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert _unless_refused(lambda: parse_manifest(data, "x")) is None


PLACES = [(key,) for key in json.loads(TEXT)] + [
    (key, inner) for key, value in json.loads(TEXT).items() if isinstance(value, dict) for inner in value
]


@ANYWHERE
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_anywhere(place: tuple[str, ...], value: object) -> None:
    found = _unless_refused(lambda: parse_manifest(put(value, *place), "x"))
    if found is not None:
        assert found.files.keys() >= {MODEL, LABELS}
        assert len(found.labels) == found.output.classes
        assert found.input.scale == ORIGINAL.manifest.input.scale
