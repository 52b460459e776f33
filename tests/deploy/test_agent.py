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

from edge_asl.deploy import agent
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.remote import AGENT, agent_argv
from edge_asl_device.releases.compiled import keep_compiled
from edge_asl_device.releases.installation import Installation, Mode

SOURCE = AGENT.read_bytes()
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
        agent_argv(command, arguments, python),
        input=SOURCE + payload, capture_output=True, timeout=60, check=False, cwd="/",
    )  # fmt: skip
    assert not run.stderr, run.stderr.decode()
    return Answer(run.returncode, [json.loads(line) for line in run.stdout.splitlines()])


def paths(root: Path) -> dict[str, str]:
    return Installation.at(root, Mode.PLAIN).paths()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


FILES = {"model": b"model" * 50_000, "manifest": b"{}", "program": b"#!/bin/sh\n"}
OBJECTS = {sha(data): data for data in FILES.values()}


def begin(root: Path, python: str = sys.executable, **more: object) -> Answer:
    wanted = json.dumps([[digest, len(data)] for digest, data in OBJECTS.items()]).encode()
    given = {"paths": paths(root), "mode": "plain", "owner": OWNER, "break_lock": False, "repair": False} | more
    return ask("begin", wanted, python, **given)


def header(missing: dict[str, int], **changes: object) -> bytes:
    environment = {
        "files": {"bin/edge-asl-device": {"sha256": sha(FILES["program"]), "size": 10, "mode": 0o755}},
        "links": {"bin/python": "/usr/bin/python3"},
    }
    text = json.dumps(environment)
    whole = {
        "release": '{"format":1}',
        "environment": text,
        "environment_digest": sha(text.encode()),
        "bundle": {"model.tflite": sha(FILES["model"]), "manifest.json": sha(FILES["manifest"])},
        "repair": False,
        "objects": [[digest, len(OBJECTS[digest]), there] for digest, there in missing.items()],
    }
    return json.dumps(whole | changes).encode() + b"\n"


def body(missing: dict[str, int]) -> bytes:
    return b"".join(OBJECTS[digest][there:] for digest, there in missing.items())


def receive(root: Path, payload: bytes, python: str = sys.executable) -> Answer:
    return ask("receive", payload, python, paths=paths(root), owner=OWNER)


def configure(root: Path, settings: Path, options: str, python: str = sys.executable) -> Answer:
    """New options, under a lock of its own."""
    begin(root)
    return ask(
        "configure", python=python, paths=paths(root) | {"settings": str(settings)}, owner=OWNER, options=options
    )


def test_facts_of_this_machine(python: str, tmp_path: Path):
    root = tmp_path / "not" / "there"
    found = ask("facts", python=python, paths=paths(root)).last
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
    program = release / "environment" / "bin" / "edge-asl-device"
    assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert (release / "environment" / "bin" / "python").readlink() == Path("/usr/bin/python3")
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

    assert "the connection closed early; deploy again to resume" in cut.error
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

    assert "arrived damaged; deploy again" in receive(root, header(missing) + body(missing)).error
    missing = begin(root).last["missing"]
    assert missing[model] == 0
    assert receive(root, header(missing) + body(missing)).status == 0


def test_wrong_bytes_never_get_a_name(tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    wrong = bytearray(body(missing))
    wrong[7] ^= 1

    assert "arrived damaged" in receive(root, header(missing) + bytes(wrong)).error
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
    (environment,) = (root / "environments").iterdir()
    keep_compiled(environment)
    staged = receive(root, header(missing, repair=True) + body(missing)).last["staged"]
    assert (root / "releases" / staged / "bundle" / "model.tflite").read_bytes() == FILES["model"]
    assert list((root / "environments").iterdir()) == [environment], "what was laid out anew is not compiled yet"


OUTSIDE = ("../outside", "/etc/outside", "bin/../../outside", "..", ".", "")


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_of_a_bundle_or_environment_leaves_its_folder(tmp_path: Path, name: str):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    bundle = {name: sha(FILES["model"])}
    in_bundle = receive(root, header(missing, bundle=bundle) + body(missing))
    file = {"sha256": sha(FILES["model"]), "size": 1, "mode": 0o644}
    environments = [
        {"files": {name: file}, "links": {}},
        {"files": {}, "links": {name: "/etc"}},
        # through a link that the same list makes
        {"files": {"bin/python/outside": file}, "links": {"bin/python": str(tmp_path)}},
    ]

    assert "is not a path inside its folder" in in_bundle.error
    for environment in environments[:2]:
        text = json.dumps(environment)
        staged = receive(root, header({}, environment=text, environment_digest=sha(text.encode())))
        assert "is not a path inside its folder" in staged.error
    text = json.dumps(environments[2])
    assert receive(root, header({}, environment=text, environment_digest=sha(text.encode()))).status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kiosk"]
    assert not [path for path in root.rglob("outside") if ".new" not in str(path)]
    assert not Path("/etc/outside").exists()


# the lock


def test_a_lock_is_its_owners_until_it_is_old_or_broken(python: str, tmp_path: Path):
    root = tmp_path / "kiosk"
    assert begin(root, python).status == 0
    assert begin(root, python).status == 0
    other = begin(root, python, owner="eve@elsewhere:2")
    assert f"locked by {OWNER} (" in other.error
    assert "--break-lock" in other.error

    old = time.time() - agent.LOCK_STALE_S - 1
    os.utime(root / "lock", (old, old))
    assert begin(root, python, owner="eve@elsewhere:2").status == 0
    refused = receive(root, header({}), python)
    assert "overridden and is now held by eve@elsewhere:2; nothing was switched" in refused.error
    assert begin(root, python, break_lock=True).status == 0
    assert ask("end", python=python, paths=paths(root), owner="eve@elsewhere:2").status == 0
    assert (root / "lock").exists()
    assert ask("end", python=python, paths=paths(root), owner=OWNER).status == 0
    assert not (root / "lock").exists()


def test_who_is_refused_by_a_lock_knows_it_from_other_refusals(tmp_path: Path):
    root = tmp_path / "kiosk"
    begin(root)

    assert begin(root, owner="eve@elsewhere:2").values[-1]["locked"] is True
    assert "locked" not in receive(root, header({}, release="../outside")).values[-1]


def test_a_release_that_was_only_measured_leaves_nothing_behind(python: str, tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root, python).last["missing"]
    staged = receive(root, header(missing) + body(missing), python).last["staged"]
    other = receive(root, header({}, release="{}", bundle={"manifest.json": sha(FILES["manifest"])}), python)
    assert other.status == 0
    given = {"paths": paths(root), "owner": OWNER, "objects": [sha(FILES["model"]), sha(FILES["manifest"])]}

    assert ask("discard", python=python, **given, release=staged).status == 0
    assert [path.name for path in (root / "releases").iterdir()] == [sha(b"{}")]
    kept = {path.name for path in (root / "objects").iterdir()}
    assert kept == {sha(FILES["manifest"]), sha(FILES["program"])}, "what another release has stays"


def test_the_release_that_runs_is_not_discarded(tmp_path: Path):
    root = tmp_path / "kiosk"
    missing = begin(root).last["missing"]
    staged = receive(root, header(missing) + body(missing)).last["staged"]
    (root / "current").symlink_to(Path("releases") / staged)
    given = {"paths": paths(root), "owner": OWNER, "objects": []}

    assert "in use" in ask("discard", **given, release=staged).error
    assert "SHA-256" in ask("discard", **given, release="../objects").error
    assert (root / "releases" / staged).is_dir()


def test_of_many_who_take_a_lock_at_once_one_gets_it(tmp_path: Path):
    """Each time only one of two; read before its owner was written, a lock would pass for nobody's."""
    code = (
        "import runpy, sys, types\nagent = runpy.run_path(sys.argv[1])\nfor number in range(300):\n"
        " sys.stdin.readline()\n"
        " paths = types.SimpleNamespace(root=f'{sys.argv[2]}/{number}', lock=f'{sys.argv[2]}/{number}/lock')\n"
        " try: agent['acquire_lock'](paths, sys.argv[3], False); print('mine', flush=True)\n"
        " except agent['AgentError']: print('not mine', flush=True)\n"
    )
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", code, AGENT, tmp_path, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        for name in ("anna", "bert")
    ]  # fmt: skip
    for number in range(300):
        (tmp_path / str(number)).mkdir()
        for rival in rivals:
            rival.stdin.write("\n")  # type: ignore[union-attr]
        said = [rival.stdout.readline() for rival in rivals]  # type: ignore[union-attr]
        assert sorted(said) == ["mine\n", "not mine\n"]
    for rival in rivals:
        rival.communicate(timeout=20)


# hostile words


@pytest.mark.parametrize("where", ["objects", "bundle", "environment_digest"])
def test_a_path_in_the_place_of_a_hash_reaches_nothing(tmp_path: Path, where: str):
    root, victim = tmp_path / "root", tmp_path / "shadow"
    victim.write_text("secret")
    victim.chmod(0o600)
    missing = begin(root).last["missing"]
    given = {"objects": [[str(victim), 6, 0]], "bundle": {"model.tflite": str(victim)}, "environment_digest": "../.."}
    changed = {where: given[where]}
    done = receive(root, header(missing, **changed) + body(missing))

    assert "expected SHA-256 as 64 characters of 0-9a-f" in done.error
    assert victim.stat().st_nlink == 1
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@pytest.mark.parametrize("payload", [b"", b"nonsense\n", b"[]\n", b"{}\n"])
def test_what_is_no_transfer_is_refused_in_a_line(tmp_path: Path, payload: bytes):
    begin(tmp_path)
    assert "the agent does not understand the request" in receive(tmp_path, payload).error


def test_an_environment_that_is_there_is_exchanged_in_one_step(tmp_path: Path):
    """It may be the one that serves: at no moment its name may be nobody's."""
    missing = begin(tmp_path).last["missing"]
    assert receive(tmp_path, header(missing) + body(missing)).status == 0
    (environment,) = (tmp_path / "environments").iterdir()
    (environment / "bin" / "edge-asl-device").unlink()
    (environment / "bin" / "edge-asl-device").write_text("damaged")
    (tmp_path / "environments" / f"{environment.name}.old").write_text("in the way of a rename aside")
    missing = begin(tmp_path, repair=True).last["missing"]
    assert receive(tmp_path, header(missing, repair=True) + body(missing)).status == 0

    assert {path.name for path in (tmp_path / "environments").iterdir()} == {
        environment.name,
        f"{environment.name}.old",
    }
    assert (environment / "bin" / "edge-asl-device").read_bytes() == FILES["program"]


# the settings


def test_a_second_line_of_options_is_no_further_setting(tmp_path: Path):
    settings = tmp_path / "etc" / "kiosk.env"
    done = configure(tmp_path, settings, "--mute\nEDGE_ASL_TOKEN=theirs")

    assert "options must be one line" in done.error
    assert not settings.parent.exists()


def test_options_are_refused_without_the_lock(tmp_path: Path):
    begin(tmp_path, owner="somebody else")
    done = ask("configure", paths=paths(tmp_path), owner=OWNER, options="--mute")

    assert "now held by somebody else" in done.error
    assert not (tmp_path / "kiosk.env.next").exists()


def test_new_options_wait_beside_and_keep_what_else_is_there(python: str, tmp_path: Path):
    settings = tmp_path / "etc" / "kiosk.env"
    settings.parent.mkdir()
    settings.write_text("# ours\nEDGE_ASL_OPTIONS=--port 1\nEDGE_ASL_TOKEN=secret\n")
    settings.chmod(0o600)
    configure(tmp_path, settings, "--port 2 --language de", python)
    beside = settings.with_name("kiosk.env.next")

    assert "--port 1" in settings.read_text()
    assert beside.read_text() == "# ours\nEDGE_ASL_TOKEN=secret\nEDGE_ASL_OPTIONS=--port 2 --language de\n"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600


def test_the_first_options_make_the_folder_that_others_may_read(tmp_path: Path):
    settings = tmp_path / "etc" / "edge-asl" / "kiosk.env"
    configure(tmp_path, settings, "--mute")

    assert settings.with_name("kiosk.env.next").read_text() == "EDGE_ASL_OPTIONS=--mute\n"
    assert stat.S_IMODE(settings.parent.stat().st_mode) & 0o055 == 0o055


# what it is made of


def test_a_program_that_fails_ends_the_deployment_with_its_own_words(tmp_path: Path):
    def run(script: str) -> Answer:
        return ask("program", paths=paths(tmp_path), owner=OWNER, argv=["sh", "-c", script])

    begin(tmp_path)

    assert run("echo not JSON").values == []
    assert run("echo no such key >&2; exit 3").error == "no such key"
    assert run(f"test -e {tmp_path}/lock").status == 0


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
