"""The agent alone: a child process of every Python here, given what a workstation sends, and what nobody should."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from edge_asl.deploy import agent, words
from edge_asl.deploy.facts import Facts

SOURCE = words.AGENT.read_bytes()
OWNER = "maria@workstation:1"


def pythons() -> dict[str, str]:
    """Version → one interpreter of it, of those that are installed here, pyenv's and uv's included."""
    named = [shutil.which(f"python3{minor}") for minor in ("", *(f".{minor}" for minor in range(9, 16)))]
    kept = [
        *Path.home().glob(".pyenv/versions/3.*/bin/python3"),
        *Path.home().glob(".local/share/uv/python/*/bin/python3"),
    ]
    found: dict[str, str] = {}
    for path in filter(None, (sys.executable, *named, *kept)):
        run = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        if run.returncode == 0 and tuple(map(int, run.stdout.split("."))) >= (3, 9):
            found.setdefault(run.stdout.strip(), str(path))
    return found


@pytest.fixture(params=pythons().items(), ids=lambda item: item[0])
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param[1])


class Answer(NamedTuple):
    status: int
    values: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any]:
        assert self.status == 0, self.values
        return self.values[-1]

    @property
    def error(self) -> str:
        assert self.status == 1, self.values
        return str(self.values[-1]["error"])


def ask(command: str, payload: bytes = b"", python: str = sys.executable, **arguments: object) -> Answer:
    run = subprocess.run(
        words.agent(command, arguments, python),
        input=SOURCE + payload, capture_output=True, timeout=60, check=False, cwd="/",
    )  # fmt: skip
    assert not run.stderr, run.stderr.decode()
    return Answer(run.returncode, [json.loads(line) for line in run.stdout.splitlines()])


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


FILES = {"model": b"model" * 50_000, "manifest": b"{}", "program": b"#!/bin/sh\n"}
OBJECTS = {sha(data): data for data in FILES.values()}


def begin(root: Path, python: str = sys.executable, **more: object) -> Answer:
    wanted = json.dumps([[digest, len(data)] for digest, data in OBJECTS.items()]).encode()
    given = {"root": str(root), "mode": "plain", "owner": OWNER, "break_lock": False, "repair": False} | more
    return ask("begin", wanted, python, **given)


def header(missing: dict[str, int], **changes: object) -> bytes:
    runtime = {
        "files": {"bin/edge-asl-device": {"sha256": sha(FILES["program"]), "size": 10, "mode": 0o755}},
        "links": {"bin/python": "/usr/bin/python3"},
    }
    text = json.dumps(runtime)
    whole = {
        "release": '{"format":1}',
        "runtime": text,
        "runtime_digest": sha(text.encode()),
        "bundle": {"model.tflite": sha(FILES["model"]), "manifest.json": sha(FILES["manifest"])},
        "repair": False,
        "objects": [[digest, len(OBJECTS[digest]), there] for digest, there in missing.items()],
    }
    return json.dumps(whole | changes).encode() + b"\n"


def body(missing: dict[str, int]) -> bytes:
    return b"".join(OBJECTS[digest][there:] for digest, there in missing.items())


def receive(root: Path, payload: bytes, python: str = sys.executable) -> Answer:
    return ask("receive", payload, python, root=str(root), owner=OWNER)


def test_facts_of_this_machine(python: str, tmp_path: Path):
    root = tmp_path / "not" / "there"
    found = ask("facts", python=python, root=str(root), settings=str(tmp_path / "kiosk.env")).last
    facts = msgspec.convert(found, Facts)

    assert facts.machine == os.uname().machine
    assert facts.bits == 64
    assert facts.uid == os.getuid()
    assert abs(facts.clock - time.time()) < 60
    assert facts.free_mb > 0
    assert facts.writable
    assert facts.lock is None
    assert facts.status is None
    assert Path(facts.interpreter).is_file()
    assert not root.exists()


def test_a_release_is_staged_whole(python: str, tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root, python).last["missing"]
    assert missing == dict.fromkeys(OBJECTS, 0)
    staged = receive(root, header(missing) + body(missing), python).last["staged"]

    release = root / "releases" / staged
    assert (release / "bundle" / "model.tflite").read_bytes() == FILES["model"]
    program = release / "runtime" / "bin" / "edge-asl-device"
    assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert (release / "runtime" / "bin" / "python").readlink() == Path("/usr/bin/python3")
    assert (release / "release.json").read_text() == '{"format":1}'
    assert staged == sha(b'{"format":1}')
    # One file with several names: a second release with the same files costs no space.
    assert program.stat().st_nlink == 2
    assert begin(root, python).last["missing"] == {}


@pytest.mark.parametrize("left", [0, 1, 1000, 249_999])
def test_a_cut_transfer_goes_on_behind_what_came(tmp_path: Path, left: int):
    root, model = tmp_path / "kiosk", sha(FILES["model"])
    missing = begin(root).last["missing"]
    payload = header(missing) + body(missing)
    cut = receive(root, payload[: len(header(missing)) + left])

    assert "transfer: expected more bytes, found the connection closed" in cut.error
    assert not (root / "releases").exists() or not any((root / "releases").iterdir())
    resumed = begin(root).last["missing"]
    assert resumed[model] == left
    assert receive(root, header(resumed) + body(resumed)).status == 0
    assert (root / "objects" / model).read_bytes() == FILES["model"]


def test_half_a_file_that_is_not_what_it_should_be_is_dropped(tmp_path: Path):
    """After a power cut a file may have its length and zeros instead of its bytes."""
    root, model = tmp_path / "kiosk", sha(FILES["model"])
    begin(root)
    (root / "objects" / f".partial-{model}").write_bytes(bytes(1000))
    missing = begin(root).last["missing"]
    assert missing[model] == 1000

    assert "found other bytes; deploy again" in receive(root, header(missing) + body(missing)).error
    missing = begin(root).last["missing"]
    assert missing[model] == 0
    assert receive(root, header(missing) + body(missing)).status == 0


def test_wrong_bytes_never_get_a_name(tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    wrong = bytearray(body(missing))
    wrong[7] ^= 1

    assert "found other bytes" in receive(root, header(missing) + bytes(wrong)).error
    assert sha(FILES["model"]) not in {path.name for path in (root / "objects").iterdir()}


def test_repair_looks_at_every_byte(tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    receive(root, header(missing) + body(missing))
    model = sha(FILES["model"])
    damaged = bytearray(FILES["model"])
    damaged[3] ^= 1
    (root / "objects" / model).write_bytes(damaged)

    assert begin(root).last["missing"] == {}
    missing = begin(root, repair=True).last["missing"]
    assert missing == {model: 0}
    staged = receive(root, header(missing, repair=True) + body(missing)).last["staged"]
    assert (root / "releases" / staged / "bundle" / "model.tflite").read_bytes() == FILES["model"]


OUTSIDE = ("../outside", "/etc/outside", "bin/../../outside", "..", ".", "")


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_of_a_bundle_or_runtime_leaves_its_folder(tmp_path: Path, name: str):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    bundle = {name: sha(FILES["model"])}
    in_bundle = receive(root, header(missing, bundle=bundle) + body(missing))
    file = {"sha256": sha(FILES["model"]), "size": 1, "mode": 0o644}
    runtimes = [
        {"files": {name: file}, "links": {}},
        {"files": {}, "links": {name: "/etc"}},
        # through a link that the same list makes
        {"files": {"bin/python/outside": file}, "links": {"bin/python": str(tmp_path)}},
    ]

    assert "expected paths below its folder" in in_bundle.error
    for runtime in runtimes[:2]:
        text = json.dumps(runtime)
        staged = receive(root, header({}, runtime=text, runtime_digest=sha(text.encode())))
        assert "expected paths below its folder" in staged.error
    text = json.dumps(runtimes[2])
    assert receive(root, header({}, runtime=text, runtime_digest=sha(text.encode()))).status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kiosk"]
    assert not [path for path in root.rglob("outside") if ".new" not in str(path)]
    assert not Path("/etc/outside").exists()


# the lock


def test_a_lock_is_its_owners_until_it_is_old_or_broken(python: str, tmp_path: Path):
    root = tmp_path / "kiosk"
    assert begin(root, python).status == 0
    assert begin(root, python).status == 0
    other = begin(root, python, owner="eve@elsewhere:2")
    assert f"found that of {OWNER}" in other.error
    assert "--break-lock" in other.error

    old = time.time() - agent.LOCK_STALE_S - 1
    os.utime(root / "lock", (old, old))
    assert begin(root, python, owner="eve@elsewhere:2").status == 0
    refused = receive(root, header({}), python)
    assert "somebody broke it, so nothing is switched" in refused.error
    assert begin(root, python, break_lock=True).status == 0
    assert ask("end", python=python, root=str(root), owner="eve@elsewhere:2").status == 0
    assert (root / "lock").exists()
    assert ask("end", python=python, root=str(root), owner=OWNER).status == 0
    assert not (root / "lock").exists()


# the settings


def test_new_options_wait_beside_and_keep_what_else_is_there(python: str, tmp_path: Path):
    settings = tmp_path / "etc" / "kiosk.env"
    settings.parent.mkdir()
    settings.write_text("# ours\nEDGE_ASL_OPTIONS=--port 1\nEDGE_ASL_TOKEN=secret\n")
    settings.chmod(0o600)
    ask("configure", python=python, settings=str(settings), options="--port 2 --language de")
    beside = settings.with_name("kiosk.env.next")

    assert "--port 1" in settings.read_text()
    assert beside.read_text() == "# ours\nEDGE_ASL_TOKEN=secret\nEDGE_ASL_OPTIONS=--port 2 --language de\n"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600


def test_the_first_options_make_the_folder_that_others_may_read(tmp_path: Path):
    settings = tmp_path / "etc" / "edge-asl" / "kiosk.env"
    ask("configure", settings=str(settings), options="--mute")

    assert settings.with_name("kiosk.env.next").read_text() == "EDGE_ASL_OPTIONS=--mute\n"
    assert stat.S_IMODE(settings.parent.stat().st_mode) & 0o055 == 0o055


# what it is made of


def test_it_needs_only_python_3_9_and_its_library():
    tree = ast.parse(SOURCE, feature_version=(3, 9))
    names = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert {str(name).partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


def test_it_says_one_line_where_the_disk_says_no(tmp_path: Path):
    (tmp_path / "file").write_text("")
    answer = begin(tmp_path / "file" / "kiosk")

    assert "Not a directory" in answer.error
