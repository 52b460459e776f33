"""The files of one commit of a Git repository, through the system's ``git``; a broken fetch continues."""

from __future__ import annotations

import hashlib
import os
import re
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edge_asl.datasets.fetch.members import kept_members, write_member
from edge_asl.datasets.fetch.public_sets import PublicSet
from edge_asl.errors import DataError, ToolMissing
from edge_asl.progress import Progress
from edge_asl_device.errors import one_line

# Files at a time: what is lost when the connection breaks, against a request to the server for each.
BATCH = 200
_NO_PROMPT = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
# Set where a hook of another repository runs.
_ANOTHERS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"})
_PLAIN_FILES = ("100644", "100755")


class _Damaged(Exception):  # noqa: N818 - named after what happened
    """What an earlier run left cannot be read."""


class _Failed(Exception):  # noqa: N818 - named after what happened
    """git says why."""


class Repository(NamedTuple):
    """A bare repository that holds as much of one commit as has been received."""

    path: Path
    url: str
    limit_s: float
    """How long nothing may arrive."""

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output of ``git``; ``_Failed`` with its reason, ``DataError`` if nothing comes for too long."""
        return _run(["git", f"--git-dir={self.path}", *arguments], stdin, self.limit_s, self.url)

    def local(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The same for what needs no network: there only a damaged repository fails."""
        try:
            return self.git(*arguments, stdin=stdin)
        except _Failed as error:
            raise _Damaged(str(error)) from error

    def fetch(self, *arguments: str, stdin: bytes = b"") -> None:
        """``git fetch`` without tags, branches or the contents of files, unless their ids are asked for."""
        # Said here and not in the repository's settings: no other command may then go to the network for an object.
        partial = ("remote.origin.promisor=true", "remote.origin.partialclonefilter=blob:none")
        settings = (f"remote.origin.url={self.url}", *partial, "fetch.negotiationAlgorithm=noop")
        options = ("--progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--filter=blob:none")
        configured = [word for setting in settings for word in ("-c", setting)]
        self.git(*configured, "fetch", *options, *arguments, stdin=stdin)


def fetch_commit(chosen: PublicSet, url: str, kept: Path, tree: Path, limit_s: float, progress: Progress) -> None:
    """Write the set's files, as they are in its pinned commit, to ``tree``.

    The commit's id is the checksum: it stands for the names and contents of all its files, each of which is compared.

    Args:
        chosen: the set.
        url: its repository, or a mirror: whatever ``git fetch`` takes.
        kept: a folder that an interrupted fetch leaves, and the next one continues.
        tree: an empty folder.
        limit_s: how long nothing may arrive.
        progress: shows how many files have been received.

    Raises:
        DataError: it cannot be fetched, or holds other files.
        ToolMissing: no ``git`` here.
    """
    repository = Repository(kept, url, limit_s)
    began = kept.exists()
    try:
        _fetch(repository, chosen, tree, progress)
    except _Damaged as error:
        if not began:
            raise DataError(f"{url}: git received something else than was sent: {error}; try again") from error
        progress.say(f"  what an earlier run received is damaged ({error}); beginning anew")
        shutil.rmtree(kept)
        shutil.rmtree(tree)
        tree.mkdir()
        fetch_commit(chosen, url, kept, tree, limit_s, progress)


def _fetch(repository: Repository, chosen: PublicSet, tree: Path, progress: Progress) -> None:
    _prepare(repository)
    commit = chosen.version
    if not _has(repository, commit):
        try:
            repository.fetch("--depth=1", "origin", commit)
        except _Failed as error:
            lacks = "not our ref" in str(error)
            remedy = "it is no copy of that set" if lacks else "check the network, or name a mirror with --from"
            raise DataError(
                f"{repository.url}: git could not fetch commit {commit[:12]} of {chosen.name}: {error}; {remedy}"
            ) from error
    found = repository.local("rev-parse", f"{commit}^{{commit}}").decode().strip()
    if found != commit:
        raise _Damaged(f"expected commit {commit}, found {found}")
    blobs = _blobs(repository, commit)
    members = kept_members(blobs, chosen, repository.url)
    _receive(repository, commit, sorted({blobs[name] for name in members}), progress)
    for content, name in _contents(repository, blobs, members):
        write_member(tree, name).write_bytes(content)


def _prepare(repository: Repository) -> None:
    """An empty repository, or the one that is kept, without what a kill left."""
    for left in (*repository.path.glob("*.lock"), *repository.path.glob("objects/pack/tmp_*")):
        left.unlink()
    # Its own settings only: no hook, alternative or template of the user's has a part in what is written here.
    repository.local("init", "--quiet", "--bare", "--template=")


def _has(repository: Repository, commit: str) -> bool:
    """Whether an earlier run received the commit; its folders came in the same pack."""
    try:
        repository.git("cat-file", "-e", commit)
    except _Failed:
        return False
    return True


def _blobs(repository: Repository, commit: str) -> dict[str, str]:
    """Path → object id of every plain file of the commit."""
    found = {}
    for line in repository.local("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        facts, _, path = line.partition(b"\t")
        if facts and facts.split()[0].decode() in _PLAIN_FILES:
            found[path.decode("utf-8", "surrogateescape")] = facts.split()[2].decode()
    return found


def _receive(repository: Repository, commit: str, wanted: Sequence[str], progress: Progress) -> None:
    listed = repository.local("rev-list", "--objects", "--missing=print", "--no-object-names", commit)
    missing = {line[1:] for line in listed.decode().split() if line.startswith("?")}
    left = [blob for blob in wanted if blob in missing]
    if len(left) < len(wanted) and left:
        progress.say(f"  {len(wanted) - len(left)} of {len(wanted)} files are here from an earlier run")
    with progress.task("files received", len(wanted)) as advance:
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            try:
                repository.fetch("--stdin", "origin", stdin="".join(f"{blob}\n" for blob in batch).encode())
            except _Failed as error:
                raise DataError(f"{repository.url}: git could not continue: {error}; run the same command") from error
            advance(len(wanted) - len(left) + start + len(batch))


def _contents(
    repository: Repository, blobs: Mapping[str, str], members: Mapping[str, str]
) -> Iterator[tuple[bytes, str]]:
    """The content of each member and its name; what does not hash to its id is damaged."""
    names = sorted(members)
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        text = repository.local("cat-file", "--batch", stdin="".join(f"{blobs[name]}\n" for name in batch).encode())
        for name in batch:
            head, _, text = text.partition(b"\n")
            blob, kind, size = [*head.decode().split(), "", "0"][:3]
            content, text = text[: int(size)], text[int(size) + 1 :]
            if (blob, kind) != (blobs[name], "blob") or blob_id(content) != blob:
                raise _Damaged(f"{name}: expected object {blobs[name][:12]}, found another")
            yield content, members[name]


def blob_id(content: bytes) -> str:
    """The id that Git gives to a file's content."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _run(command: list[str], stdin: bytes, limit_s: float, where: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if name not in _ANOTHERS} | _NO_PROMPT
    try:
        # A session of its own: git's helpers end with it.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ToolMissing("git: not installed; install it, for example with apt install git") from error
    with process:
        try:
            output, said = _communicate(process, stdin, limit_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, TimeoutError):
                why = f"nothing arrived for {limit_s:g} s"
                raise DataError(f"{where}: {why}; check the network and run the same command to continue") from None
            raise
    if process.returncode:
        raise _Failed(_reason(said))
    return output


def _communicate(process: subprocess.Popen[bytes], stdin: bytes, limit_s: float) -> tuple[bytes, str]:
    """Standard output and error of a process that says something at least every ``limit_s``."""
    assert process.stdin is not None  # noqa: S101 - all three are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    output, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, output)
        pipes.register(process.stderr, selectors.EVENT_READ, said)
        try:
            process.stdin.write(stdin)  # a batch's ids: less than a pipe holds
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended at once, and says why
        while pipes.get_map():
            ready = pipes.select(limit_s)
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                part = os.read(key.fd, 1 << 16)
                key.data.extend(part)
                if not part:
                    pipes.unregister(key.fileobj)
    return bytes(output), said.decode("utf-8", "replace")


def _reason(said: str) -> str:
    """git's own words for why, in one line, without passwords."""
    text = re.sub(r"://[^/\s@]+@", "://…@", said)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote: error:"))]
    return one_line((told or lines or ["it gave no reason"])[0])
