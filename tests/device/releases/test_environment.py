"""``environment.json`` as a device reads it: hostile until its hash says otherwise."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from edge_asl_device.errors import ReleaseError
from edge_asl_device.releases.environment import EnvironmentFile, EnvironmentManifest, digest_of, parse_environment

FILE = {"sha256": "0" * 64, "size": 3, "mode": 420}
GOOD: dict[str, Any] = {
    "format": 1,
    "python": "3.11",
    "platform": "linux_aarch64",
    "kind": "litert",
    "packages": {"numpy": "1.26.4"},
    "files": {"pyvenv.cfg": FILE, "lib/python3.11/site-packages/numpy/__init__.py": FILE},
    "links": {"bin/python": "/usr/bin/python3"},
}


def parse(**changes: Any) -> EnvironmentManifest:
    return parse_environment(json.dumps(GOOD | changes).encode())


def test_a_good_list_is_read_and_written_the_same():
    manifest = parse()

    assert manifest.files["pyvenv.cfg"] == EnvironmentFile("0" * 64, 3, 0o644)
    assert manifest.size == 6
    assert parse_environment(manifest.encoded()) == manifest


def test_the_order_of_entries_does_not_change_the_name():
    turned = parse(files=dict(reversed(GOOD["files"].items())))

    assert turned.encoded() == parse().encoded()
    assert digest_of(turned.encoded()) == hashlib.sha256(parse().encoded()).hexdigest()


OUTSIDE = ("/etc/passwd", "../up", "a/../../up", "a/..", "..", ".", "./a", "a//b", "a/", "")
UNPRINTABLE = ("a\n", "a\x00b", "a\\b", "é", "a\u202eb")
TOO_LONG = ("x" * 256, "/".join("a" * 40))


@pytest.mark.parametrize("name", [*OUTSIDE, *UNPRINTABLE, *TOO_LONG])
def test_a_path_outside_the_folder_is_refused(name: str):
    with pytest.raises(ReleaseError, match=r"expected a path below the folder.*; deploy again$") as caught:
        parse(files={name: FILE})

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"bin/python": FILE}}, "bin/python must not be listed as a file"),
        ({"files": {"bin/python/x": FILE}}, "other files lie below bin/python, which is not a folder"),
        ({"files": {"environment.json": FILE}}, "environment.json must not be listed"),
        ({"files": {"a": FILE, "a/b": FILE}}, "other files lie below a, which is not a folder"),
        ({"files": {"lib/__pycache__/a.cpython-311.pyc": FILE}}, "is a compiled module"),
        ({"files": {"a": FILE | {"mode": 0o4755}}}, "mode"),
        ({"files": {"a": FILE | {"mode": 0o666}}}, "mode"),
        ({"files": {"a": FILE | {"size": -1}}}, "size"),
        ({"files": {"a": FILE | {"sha256": "0" * 64 + "\n"}}}, "sha256"),
        ({"files": {"a": FILE | {"sha256": "A" * 64}}}, "sha256"),
        ({"files": {"a": FILE | {"owner": "root"}}}, "owner"),
        ({"links": {}}, "expected bin/python alone, found none"),
        ({"links": {"bin/python": "/usr/bin/python3", "lib": "/etc"}}, "expected bin/python alone"),
        ({"links": {"bin/python": "../../python"}}, "expected an interpreter's absolute path"),
        ({"links": {"bin/python": "/usr/../etc/x"}}, "expected an interpreter's absolute path"),
        ({"links": {"bin/python": "/"}}, "expected an interpreter's absolute path"),
        ({"format": 2}, "format"),
        ({"python": "3.11/../.."}, "python"),
        ({"kind": "../x"}, "kind"),
        ({"packages": {"numpy": "1\n2"}}, "packages"),
        ({"more": 1}, "more"),
    ],
)
def test_anything_else_is_refused_too(changes: dict[str, Any], message: str):
    with pytest.raises(ReleaseError, match=message) as caught:
        parse(**changes)

    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("environment.json: ")


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b"null", b'{"format": 1'])
def test_bytes_that_are_no_list_are_refused(data: bytes):
    with pytest.raises(ReleaseError, match=r"^here: "):
        parse_environment(data, "here")
