"""A folder that holds exactly what its list says: whatever else lies there, or is put there meanwhile, is refused."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_asl_device.contract.tree import Entry, Tree, read_verified
from edge_asl_device.errors import FileError

FILES = {"bin/run": b"#!/bin/sh\n", "lib/site/module.py": b"NAME = 1\n" * 1000, "lib/empty": b""}
MODES = {"bin/run": 0o755}
LINK = "/usr/bin/python3"


def write_tree(folder: Path) -> Path:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(MODES.get(name, 0o644))
    (folder / "bin" / "python").symlink_to(LINK)
    (folder / "list.json").write_text("{}")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


TREE = Tree(
    {name: Entry(hashlib.sha256(data).hexdigest(), len(data), MODES.get(name, 0o644)) for name, data in FILES.items()},
    {"bin/python": LINK},
    unlisted=frozenset({"list.json", "sub"}),
    compiled=True,
)


def put(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        if os.path.lexists(path):
            path.rename(folder.parent / "aside")
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)

    return spoil


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 42)


def same_size(path: Path) -> None:
    path.write_bytes(b"NAME = 2\n" + FILES["lib/site/module.py"][9:])


LIBRARY = "lib/site/module.py"
SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda f: (f / "lib/empty").unlink(), "lib/empty: missing"),
    "missing folder": (lambda f: (f / "lib").rename(f.parent / "aside"), "lib/site/module.py: missing"),
    "missing link": (lambda f: (f / "bin/python").unlink(), "bin/python: missing"),
    "other bytes of the same size": (put(LIBRARY, same_size), "module.py: expected sha256"),
    "shorter": (put(LIBRARY, lambda p: p.write_bytes(b"")), "module.py: expected 9000 bytes, found 0"),
    "four terabytes": (put(LIBRARY, sparse), f"module.py: expected 9000 bytes, found {1 << 42}"),
    "writable by all": (lambda f: (f / LIBRARY).chmod(0o666), "module.py: expected mode 644, found 666"),
    "runs as its owner": (lambda f: (f / "bin/run").chmod(0o4755), "bin/run: expected mode 755, found 4755"),
    "file is a link": (put(LIBRARY, lambda p: p.symlink_to("../../../aside")), "found a link"),
    "file is a folder": (put(LIBRARY, lambda p: p.mkdir()), "module.py: expected a regular file, found a folder"),
    "file is a pipe": (put(LIBRARY, os.mkfifo), "module.py: expected a regular file, found a folder, pipe"),
    "folder is a link": (put("lib", lambda p: p.symlink_to("../aside")), "lib: expected a folder, found a link"),
    "folder below is a link": (put("lib/site", lambda p: p.symlink_to("../../aside")), "lib/site: expected a folder"),
    "folder is a link in a circle": (put("lib", lambda p: p.symlink_to("lib")), "lib: expected a folder, found a link"),
    "folder is a file": (put("lib", lambda p: p.touch()), "lib: expected a folder, found a link or a file"),
    "folder is a pipe": (put("lib", os.mkfifo), "lib: expected a folder, found a link or a file"),
    "link to elsewhere": (put("bin/python", lambda p: p.symlink_to("/bin/sh")), f"a link to {LINK}, found /bin/sh"),
    "link is a file": (put("bin/python", lambda p: p.touch()), f"bin/python: expected a link to {LINK}, found no link"),
    "extra file": (put("lib/extra.py", lambda p: p.touch()), "lib/extra.py: not a listed file"),
    "extra hidden file": (put(".bashrc", lambda p: p.touch()), ".bashrc: not a listed file"),
    "extra empty folder": (put("lib/extra", lambda p: p.mkdir()), "lib/extra: not a listed file"),
    "extra link": (put("lib/extra", lambda p: p.symlink_to("empty")), "lib/extra: not a listed file"),
    "extra pipe": (put("lib/extra", os.mkfifo), "lib/extra: not a listed file"),
    "name with a line end": (put("lib/a\nall is well", lambda p: p.touch()), r"lib/a\nall is well: not a listed"),
    "name not in UTF-8": (lambda f: Path(os.fsdecode(bytes(f) + b"/\xff")).touch(), r"\udcff: not a listed file"),
    "name written backwards": (put("lib/\u202eyp.so", lambda p: p.touch()), r"\u202eyp.so: not a listed file"),
    "the list is a link": (put("list.json", lambda p: p.symlink_to("bin/run")), "list.json: is a link"),
    "what others check is a link": (put("sub", lambda p: p.symlink_to("lib")), "sub: is a link"),
    "source among compiled modules": (put("lib/__pycache__/a.py", lambda p: p.touch()), "a.py: not a listed file"),
    "compiled module is a link": (
        put("lib/__pycache__/a.pyc", lambda p: p.symlink_to("/tmp/a.pyc")),
        "a.pyc: not a listed file",
    ),
    "compiled module without a source": (put("lib/a.pyc", lambda p: p.touch()), "lib/a.pyc: not a listed file"),
    "compiled modules are a link": (put("lib/__pycache__", lambda p: p.symlink_to("site")), "__pycache__: expected a"),
    "compiled modules below compiled ones": (
        put("lib/__pycache__/__pycache__/a.pyc", lambda p: p.touch()),
        "__pycache__/__pycache__: not a listed file",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), SPOILS.values(), ids=SPOILS.keys())
def test_anything_else_is_refused_at_once_and_in_a_line(
    folder: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(folder)
    started = time.monotonic()
    with pytest.raises(FileError) as raised:
        TREE.verify(folder)
    assert time.monotonic() - started < 10, "it waits for nothing"
    assert message in str(raised.value)
    assert str(raised.value).isprintable()


def test_what_is_listed_is_accepted_and_what_python_compiled(folder: Path) -> None:
    TREE.verify(folder)
    (folder / "lib/site/__pycache__").mkdir()
    (folder / "lib/site/__pycache__/module.cpython-311.pyc").write_bytes(b"x")
    (folder / "sub").mkdir()
    (folder / "sub" / "anything").touch()
    TREE.verify(folder)
    (folder.parent / "link").symlink_to("tree")
    TREE.verify(folder.parent / "link")
    with pytest.raises(FileError, match="__pycache__: not a listed file"):
        TREE._replace(compiled=False).verify(folder)


def test_without_hashes_only_the_bytes_themselves_may_differ(folder: Path) -> None:
    same_size(folder / LIBRARY)
    TREE.verify(folder, hashes=False)
    (folder / LIBRARY).chmod(0o600)
    with pytest.raises(FileError, match="expected mode 644, found 600"):
        TREE.verify(folder, hashes=False)


def test_without_a_mode_in_the_list_every_mode_is_accepted(folder: Path) -> None:
    (folder / LIBRARY).chmod(0o600)
    files = {name: entry._replace(mode=None) for name, entry in TREE.files.items()}
    TREE._replace(files=files).verify(folder)


def test_a_parent_that_flips_to_a_link_meanwhile_never_leads_outside(folder: Path) -> None:
    """What is outside has the listed names and other bytes; a walk by names would hash either."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "module.py").write_bytes(b"evil")
    (folder.parent / "link").symlink_to(outside)
    done = threading.Event()

    def flip() -> None:
        while not done.is_set():
            (folder / "lib/site").rename(folder.parent / "aside")
            (folder.parent / "link").rename(folder / "lib/site")
            (folder / "lib/site").rename(folder.parent / "link")
            (folder.parent / "aside").rename(folder / "lib/site")

    flipping = threading.Thread(target=flip)
    flipping.start()
    try:
        messages = set()
        for _ in range(1000):
            try:
                TREE.verify(folder)
            except FileError as error:
                messages.add(str(error))
    finally:
        done.set()
        flipping.join()
    assert messages
    assert not [message for message in messages if "lib/site/module.py: expected" in message], messages


def test_a_missing_or_linked_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none: expected a folder, found No such file or directory"):
        TREE.verify(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file: expected a folder, found a link or a file"):
        TREE.verify(tmp_path / "file")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may read everything: as root, read as somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_folder_that_may_not_be_read_is_named(nobody: None) -> None:
    with tempfile.TemporaryDirectory() as parent:  # pytest's own folders are closed to others
        folder = write_tree(Path(parent) / "tree")
        (folder / "lib").chmod(0)
        with pytest.raises(FileError, match="lib: expected a folder, found Permission denied"):
            TREE.verify(folder)
        (folder / "lib").chmod(0o755)


def test_bytes_are_those_of_the_hash_or_none(folder: Path) -> None:
    digest = TREE.files[LIBRARY].sha256
    assert read_verified(folder / LIBRARY, digest, 9000) == FILES[LIBRARY]
    with pytest.raises(FileError, match="larger than 8999 bytes"):
        read_verified(folder / LIBRARY, digest, 8999)
    same_size(folder / LIBRARY)
    with pytest.raises(FileError, match="expected sha256"):
        read_verified(folder / LIBRARY, digest, 9000)
