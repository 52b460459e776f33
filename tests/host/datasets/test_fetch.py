"""``data fetch`` from real Git repositories and a real HTTP server, both on this machine."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_build import QUIET, edge_asl

from edge_asl.datasets.fetch.commit import fetch_commit
from edge_asl.datasets.fetch.fetching import FetchRequest, fetch
from edge_asl.datasets.fetch.public_sets import public_set, public_sets
from edge_asl.datasets.fetch.record import RECORD, SUMS, read_record
from edge_asl.datasets.public_data import public_data_of
from edge_asl.datasets.readers import LAYOUTS, read_dataset
from edge_asl.errors import DataError
from edge_asl.progress import Quiet

PICTURES = 440  # three batches
IDENTITY = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

# What git starts as ``ssh HOST COMMAND``: a network that breaks or falls silent at the third connection.
NETWORK = """#!/bin/sh
echo >> {calls}
[ "$(wc -l < {calls})" -lt {good} ] || {fate}
shift $(($# - 1))
exec sh -c "$1"
"""


class Told(Quiet):
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=os.environ | IDENTITY, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a repository would hold it: Dataset/0 and Dataset/1, and other things beside."""
    folder = tmp_path_factory.mktemp("published")
    random = np.random.default_rng(1)
    for number in range(PICTURES):
        path = folder / "Dataset" / str(number % 2) / f"IMG_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 256, (8, 8, 3), np.uint8))
    (folder / "Examples").mkdir()
    (folder / "Examples" / "one.png").write_bytes(b"not wanted")
    (folder / "LICENSE").write_text("do what you like\n")
    return folder


@pytest.fixture(scope="module")
def mirror(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bare repository, and the commit that is pinned: not its newest."""
    work = tmp_path_factory.mktemp("work")
    shutil.copytree(pictures, work, dirs_exist_ok=True)
    git(work, "init", "--quiet")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message=pictures")
    commit = git(work, "rev-parse", "HEAD")
    (work / "Dataset" / "0" / "IMG_0.png").write_bytes(b"changed later")
    git(work, "commit", "--quiet", "--all", "--message=spoilt")
    bare = tmp_path_factory.mktemp("mirror") / "digits.git"
    git(work, "clone", "--quiet", "--bare", ".", str(bare))
    git(bare, "config", "uploadpack.allowFilter", "true")
    return bare, commit


@pytest.fixture
def table(mirror: tuple[Path, str], tmp_path: Path) -> Path:
    """A user's own table of sets."""
    bare, commit = mirror
    path = tmp_path / "sets.toml"
    common = 'licence = "CC0-1.0"\nlicence_url = "https://example.org/cc0"\nlayout = "folders"'
    path.write_text(
        f'[hand-digits]\nabout = "noise"\nkind = "git"\nurl = "{bare}"\nversion = "{commit}"\nfolder = "Dataset"\n'
        f'licence_file = "LICENSE"\npictures = {PICTURES}\n{common}\n'
        '[hand-letters]\nabout = "noise"\nkind = "kaggle"\nurl = "https://www.kaggle.com/datasets/nobody/hand-letters"\n'
        f'version = "3"\nfolder = "train/train"\npictures = 4\n{common}\n'
    )
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wanted(pictures: Path) -> dict[str, bytes]:
    return files(pictures / "Dataset") | {"LICENSE": (pictures / "LICENSE").read_bytes()}


def digits(table: Path, out: Path, **more: object) -> FetchRequest:
    return FetchRequest("hand-digits", out, sets=table, **more)


# From Git


def test_the_pinned_commit_comes_and_is_written_down(
    pictures: Path, mirror: tuple[Path, str], table: Path, tmp_path: Path
):
    told = Told()

    source = fetch(digits(table, tmp_path / "data" / "d"), told)

    found = files(tmp_path / "data" / "d")
    assert json.loads(found.pop(RECORD))["version"] == mirror[1] == source.version
    assert hashlib.sha256(found[SUMS]).hexdigest() == source.digest
    subprocess.run(["sha256sum", "--quiet", "--check", SUMS], cwd=tmp_path / "data" / "d", check=True)
    del found[SUMS]
    assert found == wanted(pictures)
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "d"], "nothing is left beside"
    assert (source.pictures, source.licence, source.archive_sha256) == (PICTURES, "CC0-1.0", None)
    licence = next(i for i, line in enumerate(told.lines) if "https://example.org/cc0" in line)
    assert licence == 0, "before anything is received"
    dataset = read_dataset(tmp_path / "data" / "d")
    assert (dataset.layout, len(dataset.pictures), dataset.labels) == ("folders", PICTURES, ("0", "1"))
    assert public_data_of([tmp_path / "data" / "d"]) == (source.public_data,)
    assert read_record(pictures) is None


def test_a_second_run_notices_what_changed(table: Path, tmp_path: Path):
    out = tmp_path / "d"
    first = fetch(digits(table, out), Quiet())
    (out / "signers.csv").write_text("file,label,signer\n")
    told = Told()

    assert fetch(digits(table, out), told) == first
    assert told.lines == [f"{out}: all there and unchanged since {first.fetched}"]

    (out / "0" / "IMG_0.png").write_bytes((out / "0" / "IMG_0.png").read_bytes()[:-1])
    (out / "1" / "IMG_1.png").unlink()
    with pytest.raises(
        DataError, match=r"not as it was fetched: 1/IMG_1.png \(missing\), 0/IMG_0.png \(changed\); move"
    ):
        fetch(digits(table, out), Quiet())
    (out / SUMS).write_text("")
    with pytest.raises(DataError, match=r"SHA256SUMS: not the list that PROVENANCE.json was written for"):
        fetch(digits(table, out), Quiet())


@pytest.fixture
def network(mirror: tuple[Path, str], tmp_path: Path) -> Callable[[int, str], dict[str, object]]:
    """Arguments for a fetch through a network that does ``fate`` from connection number ``good`` on."""

    def make(good: int, fate: str) -> dict[str, object]:
        script, calls = tmp_path / "network", tmp_path / "calls"
        calls.unlink(missing_ok=True)
        script.write_text(NETWORK.format(calls=calls, good=good, fate=fate))
        script.chmod(0o755)
        return {"GIT_SSH": str(script), "GIT_SSH_VARIANT": "ssh"}

    return make


def over_network(mirror: tuple[Path, str], table: Path, out: Path) -> list[object]:
    where = f"ssh://nowhere{mirror[0]}"
    return ["data", "fetch", "hand-digits", "--sets", table, "--out", out, "--from", where, "--timeout", 1]


def test_a_broken_connection_is_continued(
    pictures: Path, mirror: tuple[Path, str], table: Path, network: Callable, tmp_path: Path
):
    command = over_network(mirror, table, tmp_path / "d")

    broken = edge_asl(*command, environment=network(3, "exit 7"))
    assert broken.returncode == 1
    assert broken.stderr.splitlines()[-1].startswith(
        f"edge-asl: ssh://nowhere{mirror[0]}: git could not continue: fatal:"
    )
    assert not (tmp_path / "d").exists()

    again = edge_asl(*command, environment=network(3, "exit 7"))
    assert f"200 of {PICTURES + 1} files are here from an earlier run" in again.stderr
    # One connection for the commit and one for each batch: the second run needed two.
    assert again.returncode == 0, again.stderr
    assert {**files(tmp_path / "d"), RECORD: b"", SUMS: b""} == wanted(pictures) | {RECORD: b"", SUMS: b""}


def test_a_silent_connection_ends_in_one_line_and_a_kill_is_survived(
    pictures: Path, mirror: tuple[Path, str], table: Path, network: Callable, tmp_path: Path
):
    command = over_network(mirror, table, tmp_path / "d")
    silent = network(3, "sleep 30")

    started = time.monotonic()
    ended = edge_asl(*command, environment=silent)
    assert time.monotonic() - started < 15
    assert ended.stderr.splitlines()[-1].endswith(
        "nothing arrived for 1 s; check the network and run the same command to continue"
    )

    silent = network(2, "sleep 30")
    patient = [*map(str, command[:-1]), "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_asl", *patient], env=os.environ | QUIET | silent, stderr=subprocess.PIPE
    )
    wait_for(lambda: (tmp_path / "calls").exists() and (tmp_path / "calls").read_text().count("\n") == 2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    (tmp_path / ".d.part" / "repository" / "shallow.lock").touch()  # as a killed git leaves it

    again = edge_asl(*command, environment=network(9, "exit 7"))
    assert again.returncode == 0, again.stderr
    assert f"400 of {PICTURES + 1} files are here" in again.stderr
    assert files(tmp_path / "d" / "0") == files(pictures / "Dataset" / "0")


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_an_earlier_run_left_damaged_is_fetched_anew(
    pictures: Path, mirror: tuple[Path, str], table: Path, tmp_path: Path
):
    kept, told = tmp_path / "kept", Told()
    chosen = public_set("hand-digits", table)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        fetch_commit(chosen, str(mirror[0]), kept, tmp_path / name, 10, told)
        for pack in (kept / "objects" / "pack").glob("*.pack"):
            pack.chmod(0o644)
            content = bytearray(pack.read_bytes())
            content[len(content) // 2] ^= 255
            pack.write_bytes(content)

    assert [line for line in told.lines if "damaged" in line], told.lines
    assert files(tmp_path / "second") == files(tmp_path / "first") == wanted(pictures)


def test_two_processes_do_not_fetch_into_one_folder(
    mirror: tuple[Path, str], table: Path, network: Callable, tmp_path: Path
):
    command = [*map(str, over_network(mirror, table, tmp_path / "d")[:-1]), "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_asl", *command], env=os.environ | network(2, "sleep 30"), stderr=subprocess.PIPE
    )
    wait_for(lambda: (tmp_path / "calls").exists() and (tmp_path / "calls").read_text().count("\n") == 2)

    with pytest.raises(DataError, match="another process is at work on it; wait for it"):
        fetch(digits(table, tmp_path / "d"), Quiet())

    process.terminate()  # as Ctrl-C, which a shell's background jobs ignore
    _, said = process.communicate(timeout=10)
    assert b"Traceback" not in said
    assert process.returncode == 130


def test_what_cannot_be_fetched_says_so(pictures: Path, mirror: tuple[Path, str], table: Path, tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--bare", "other.git")
    cases = {
        r"not our ref.*it is no copy of that set$": digits(table, tmp_path / "d", mirror=str(tmp_path / "other.git")),
        r"no-such: no such public data set; there are sign-language-digits": FetchRequest("no-such", tmp_path / "d"),
        r"asl-alphabeth: .* did you mean asl-alphabet\?": FetchRequest("asl-alphabeth", tmp_path / "d"),
        r"nowhere.git: git could not fetch commit": digits(table, tmp_path / "d", mirror=str(tmp_path / "nowhere.git")),
        r"expected the address or path of a \.zip archive": FetchRequest(
            "asl-alphabet", tmp_path / "d", mirror="https://example.org/x.git"
        ),
        r"--sha256: expected 64": digits(table, tmp_path / "d", sha256="0" * 64),
        r"published.*: expected nothing or hand-digits, found other files": digits(table, pictures),
        r"no\.toml: cannot be read": FetchRequest("x", tmp_path / "d", sets=tmp_path / "no.toml"),
        r"no\.zip: no such file": digits(table, tmp_path / "d", mirror=str(tmp_path / "no.zip")),
    }
    for message, request in cases.items():
        with pytest.raises(DataError, match=message):
            fetch(request, Quiet())
    assert not (tmp_path / "d").exists()
    table.write_text(table.read_text().replace(mirror[1], "f" * 40))
    with pytest.raises(DataError, match=r"fetch commit ffffffffffff of hand-digits: .*not our ref"):
        fetch(digits(table, tmp_path / "d"), Quiet())
    table.write_text(table.read_text().replace('"noise"', "7"))
    with pytest.raises(DataError, match=r"sets\.toml: Expected `str`, got `int`"):
        fetch(digits(table, tmp_path / "d"), Quiet())


# Archives


class Server:
    """Serves ``content`` at every path, in parts if asked, and remembers what was asked for."""

    def __init__(self) -> None:
        self.content = b""
        self.mark = '"1"'
        self.breaks_after: int | None = None
        self.silent = False
        self.ranges: list[str | None] = []
        self.stop = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/missing"):
            request.send_error(404)
            return
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = 0
        if asked and request.headers.get("If-Range") == self.mark:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start > len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        request.send_header("Content-Length", str(len(self.content) - start))
        request.send_header("ETag", self.mark)
        request.end_headers()
        end = len(self.content) if self.breaks_after is None else self.breaks_after
        request.wfile.write(self.content[start:end])
        if self.silent:
            self.stop.wait(20)
        request.connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop.set()
    running.http.shutdown()
    running.http.server_close()


def zipped(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


def noise(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.fixture
def letters(tmp_path: Path) -> dict[str, bytes]:
    """As at Kaggle: the folder twice, and something else beside."""
    kept = {f"train/train/{label}/{label}{n}.png": noise(10 * n + ord(label)) for label in "AB" for n in range(2)}
    return kept | {"test/test/A_test.png": noise(0), "__MACOSX/train/train/A/._A0.png": b"x"}


def from_archive(table: Path, out: Path, mirror: str, sha256: str | None = None, limit_s: float = 5) -> FetchRequest:
    return FetchRequest("hand-letters", out, table, mirror, sha256, limit_s)


def test_a_broken_download_continues_where_it_stopped(
    server: Server, letters: dict[str, bytes], table: Path, tmp_path: Path
):
    server.content = zipped(tmp_path / "a.zip", letters)
    sha256 = hashlib.sha256(server.content).hexdigest()
    server.breaks_after = len(server.content) // 3
    request = from_archive(table, tmp_path / "d", f"{server.url}/mirror/letters.zip", sha256)
    with pytest.raises(DataError, match=r"letters\.zip: broke off after .* run the same command to continue"):
        fetch(request, Quiet())
    server.silent, server.breaks_after = True, 2 * len(server.content) // 3
    with pytest.raises(DataError, match=r"nothing arrived for 1 s; check the network and run the same command"):
        fetch(request._replace(limit_s=1), Quiet())
    assert not (tmp_path / "d").exists()
    server.silent, server.breaks_after = False, None

    source = fetch(request, Quiet())

    third = len(server.content) // 3
    assert server.ranges == [None, f"bytes={third}-", f"bytes={2 * len(server.content) // 3}-"]
    assert source.archive_sha256 == sha256
    found = files(tmp_path / "d")
    assert set(found) == {"A/A0.png", "A/A1.png", "B/B0.png", "B/B1.png", RECORD, SUMS}
    assert found["B/B1.png"] == letters["train/train/B/B1.png"]
    assert not (tmp_path / ".d.part").exists()


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_another_file_at_the_same_address_is_fetched_from_its_beginning(
    change: str, server: Server, letters: dict[str, bytes], table: Path, tmp_path: Path
):
    server.content = zipped(tmp_path / "a.zip", letters | ({"more": noise(7) * 9} if change == "shorter" else {}))
    server.breaks_after = len(server.content) - 10
    request = from_archive(table, tmp_path / "d", f"{server.url}/letters.zip")
    with pytest.raises(DataError, match="broke off"):
        fetch(request, Quiet())
    server.breaks_after = None
    server.content = zipped(tmp_path / "a.zip", letters | ({"more": noise(8) * 99} if change == "longer" else {}))
    if change == "longer":
        server.mark = '"2"'

    fetch(request, Quiet())

    assert (tmp_path / "d" / "A" / "A1.png").read_bytes() == letters["train/train/A/A1.png"]


def test_an_archive_of_something_else_is_refused(
    server: Server, letters: dict[str, bytes], table: Path, tmp_path: Path
):
    address, out = f"{server.url}/letters.zip", tmp_path / "d"
    server.content = zipped(tmp_path / "a.zip", letters)
    with pytest.raises(DataError, match=f"expected sha256 {'0' * 64}, found [0-9a-f]+; check both, or try again"):
        fetch(from_archive(table, out, address, "0" * 64), Quiet())
    server.content, server.mark = server.content[:-30], '"2"'
    with pytest.raises(DataError, match=r"letters\.zip: not a whole zip archive: "):
        fetch(from_archive(table, out, address), Quiet())
    server.content, server.mark = zipped(tmp_path / "a.zip", {"readme": b"x"}), '"3"'
    with pytest.raises(DataError, match="expected a folder train/train/, found none; this is not the set hand-letters"):
        fetch(from_archive(table, out, address), Quiet())
    with pytest.raises(DataError, match="the server says 404 Not Found; check the address"):
        fetch(from_archive(table, out, f"{server.url}/missing.zip"), Quiet())
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(DataError, match="Connection refused; check the network and run the same command to continue"):
        fetch(from_archive(table, out, address), Quiet())
    assert not out.exists()


def test_fewer_pictures_than_known_need_the_users_word(letters: dict[str, bytes], table: Path, tmp_path: Path):
    content = zipped(tmp_path / "a.zip", {k: v for k, v in letters.items() if not k.endswith("B1.png")})
    sha256 = hashlib.sha256(content).hexdigest()
    request = from_archive(table, tmp_path / "d", str(tmp_path / "a.zip"))
    with pytest.raises(DataError, match=f"expected 4 pictures of hand-letters, found 3; .* add --sha256 {sha256}"):
        fetch(request, Quiet())

    assert fetch(request._replace(sha256=sha256), Quiet()).pictures == 3
    assert (tmp_path / "a.zip").exists(), "the user's own"


@pytest.mark.parametrize(
    "name", ["train/train/../../../evil.png", "train/train//evil.png", "train/train/A\\..\\evil.png"]
)
def test_no_file_leaves_the_folder(name: str, letters: dict[str, bytes], table: Path, tmp_path: Path):
    zipped(tmp_path / "a.zip", letters | {name: b"x"})

    with pytest.raises(DataError, match=r"expected names inside the folder, found .*; do not use this source"):
        fetch(from_archive(table, tmp_path / "in" / "d", str(tmp_path / "a.zip")), Quiet())

    assert not list(tmp_path.rglob("*evil*"))


def test_what_would_fill_the_disk_is_not_unpacked(
    letters: dict[str, bytes], table: Path, tmp_path: Path, small_disk: Callable[[int], Path]
):
    zipped(tmp_path / "a.zip", letters | {"train/train/A/bomb.png": bytes(200_000_000)})
    assert (tmp_path / "a.zip").stat().st_size < 1_000_000
    disk = small_disk(100)

    with pytest.raises(DataError, match=r"expected 250 MB free for what a\.zip holds, found "):
        fetch(from_archive(table, disk / "d", str(tmp_path / "a.zip")), Quiet())

    assert not (disk / "d").exists()


def test_a_repository_packed_by_its_host_has_one_folder_around_it(pictures: Path, table: Path, tmp_path: Path):
    zipped(tmp_path / "a.zip", {f"digits-abc/{name}": content for name, content in files(pictures).items()})

    fetch(digits(table, tmp_path / "d", mirror=str(tmp_path / "a.zip")), Quiet())

    found = files(tmp_path / "d")
    assert {name: found[name] for name in wanted(pictures)} == wanted(pictures)


# The table, and Kaggle


def test_the_table_says_what_is_needed():
    sets = {one.name: one for one in public_sets()}

    assert {"sign-language-digits", "asl-alphabet", "sign-language-mnist"} <= set(sets)
    assert len(sets["sign-language-digits"].version) == 40
    assert sets["asl-alphabet"].handle == "grassknoted/asl-alphabet"
    assert sets["sign-language-mnist"].kept_as("sign_mnist_test.csv") == "sign_mnist_test.csv"
    assert sets["sign-language-mnist"].kept_as("sign_mnist_test/sign_mnist_test.csv") is None
    for one in sets.values():
        assert one.layout in LAYOUTS
        assert one.licence_url.startswith("https://")


def test_without_a_name_there_is_a_list():
    listed = edge_asl("data", "fetch")

    assert listed.returncode == 0
    assert "asl-alphabet: A-Z, del, nothing, space" in listed.stdout
    assert "CC0-1.0 (https://creativecommons.org/publicdomain/zero/1.0/)" in listed.stdout
    assert json.loads(edge_asl("data", "fetch", "--json").stdout)[0]["name"] == "sign-language-digits"


def test_kaggle_needs_its_package_and_a_token(tmp_path: Path):
    """Which of the two is missing depends on what is installed here."""
    nobody = {"HOME": str(tmp_path), "KAGGLE_API_TOKEN": "", "KAGGLE_USERNAME": "", "KAGGLE_CONFIG_DIR": str(tmp_path)}
    run = edge_asl("data", "fetch", "asl-alphabet", "--out", tmp_path / "d", environment=nobody)

    assert run.returncode == 1
    told = run.stderr.splitlines()[-1]
    if importlib.util.find_spec("kagglehub") is None:
        assert told.startswith(
            "edge-asl: kagglehub: not installed; install it with pip install 'edge-asl[kaggle]', or "
        )
    else:
        assert told.startswith(
            "edge-asl: asl-alphabet: no Kaggle token; create one at https://www.kaggle.com/settings/api"
        )
    assert "licence: GPL-2.0" in run.stderr
    assert not (tmp_path / "d").exists()
