"""Runs on a device before anything is installed there: Python 3.9 or later and its standard library, nothing else.

The workstation sends this file over the connection, and the device runs it from memory:

    python3 -c 'exec(stdin.read(N))' N COMMAND ARGUMENTS

or runs an update package that has it as its main program (edge_asl/deploy/fleet/updates.py):

    python3 PACKAGE.pyz unpack ARGUMENTS

ARGUMENTS is a JSON object. Its "paths" is the table in edge_asl_device/releases/installation.py: no path on the device
is spelled here. Whatever follows this text on standard input belongs to the command. Every command prints lines of JSON
and exits with 0, or with 1 after {"error": ...}. With "frame" in ARGUMENTS these lines come in frames, by which the
workstation knows them among what a login shell prints (edge_asl/deploy/framing.py).

A deployment is begin (lock the device, ask which files it lacks), receive (store them, lay out the release), where
needed configure and screen, and end (unlock). The switch itself is the release's own: edge-asl-device activate. A
measurement is begin, receive, perhaps discard, and end.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import time
from types import SimpleNamespace

TYPE_CHECKING = False  # as in typing, which few commands would need, and a small Pi takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Any

CHUNK = 1 << 18
PIECE = 3500  # characters of an answer in one frame: with its mark less than pipe(7) passes on whole
BATCH_BYTES = 32_000_000
LIMIT_S = 30
SAID_BYTES = 20_000
LOCK_STALE_S = 600
RENEW_S = 60
RENAME_EXCHANGE = 2
SCREEN_USER = "kiosk"
DEBIAN = ("python3-picamera2", "espeak-ng", "chromium", "cage", "seatd")


class AgentError(Exception):
    """One line for whoever deploys."""


class LockedError(AgentError):
    """Somebody else's deployment is at work."""


framing = SimpleNamespace(nonce=None, answered=False)


def answer(**values: Any) -> None:
    text, framing.answered = json.dumps(values), True
    if framing.nonce is None:
        say(text + "\n")
        return
    last = (len(text) - 1) // PIECE
    for number in range(last + 1):
        piece = text[number * PIECE : (number + 1) * PIECE]
        say(f"\nedge-asl:{framing.nonce} {last - number} {piece}\n")


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(command: str, arguments: str) -> int:
    try:
        given = json.loads(arguments)
        framing.nonce = given.pop("frame", None)
        execute(command, given)
        if framing.nonce is not None and not framing.answered:
            answer()  # that it came to its end
    except AgentError as error:
        answer(error=str(error), **({"locked": True} if isinstance(error, LockedError) else {}))
        return 1
    except OSError as error:
        answer(error=f"{error.filename or 'device'}: {error.strerror}")
        return 1
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        answer(error=f"{command}: the agent does not understand the request: {error!r}")
        return 1
    return 0


def execute(command: str, arguments: dict[str, Any]) -> None:
    os.umask(0o022)
    paths = {name: expanded(path) for name, path in arguments.pop("paths").items()}
    COMMANDS[command](SimpleNamespace(**paths), **arguments)


# facts: what this device is and what it runs; changes nothing


def facts(paths: SimpleNamespace) -> None:
    asked = ask_status(paths)  # the slowest answer: everything else is read meanwhile
    packages = begin_run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev} ${Version}\n", *DEBIAN])
    system = os_release()
    answer(
        machine=platform.machine(),
        bits=64 if sys.maxsize > 2**32 else 32,
        python=".".join(map(str, sys.version_info[:2])),
        interpreter=interpreter(),
        glibc=platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
        distribution=system.get("ID", ""),
        codename=system.get("VERSION_CODENAME", ""),
        system=system.get("PRETTY_NAME") or platform.platform(),
        platform=sysconfig.get_platform(),
        uid=os.getuid(),
        user=os.environ.get("SUDO_USER") or user_name(),
        host=platform.node(),
        processors=os.cpu_count() or 1,
        clock=time.time(),
        systemd=systemd(),
        lingers=os.path.exists("/var/lib/systemd/linger/" + user_name()),
        debian=debian_packages(end_run(packages)),
        ssh_keygen=shutil.which("ssh-keygen") is not None,
        **memory(),
        **hardware(),
        **installed(paths),
        status=status(paths, asked),
    )


def memory() -> dict[str, Any]:
    words = read("/proc/meminfo").split()
    return {
        "memory_mb": int(words[1]) // 1000 if len(words) > 1 else 0,
        "memory_limits": "memory" in read("/sys/fs/cgroup/cgroup.controllers").split(),
    }


def hardware() -> dict[str, Any]:
    return {
        "cameras": [read(path).strip() for path in sorted(glob.glob("/sys/class/video4linux/*/name"))],
        "edgetpu": edgetpu(),
        "libedgetpu": bool(glob.glob("/usr/lib/*/libedgetpu.so.1") + glob.glob("/usr/local/lib/libedgetpu.so.1")),
    }


def installed(paths: SimpleNamespace) -> dict[str, Any]:
    """What earlier deployments left. Read from files: the program there may be too broken to ask."""
    folder = nearest_folder(paths.root)
    return {
        "root": paths.root,
        "settings": paths.settings,
        "free_mb": shutil.disk_usage(folder).free // 1_000_000,
        "writable": os.access(folder, os.W_OK),
        "options": options_in(paths.settings),
        "screen": os.path.exists(paths.screen),
        "recheck": os.path.exists(paths.recheck),
        "lock": read_lock(paths),
        "signers": signer_names(paths.signers),
        "minimums": read_json(paths.minimums) or {},
        "activation": read_json(paths.activation),
    }


def user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def expanded(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def nearest_folder(path: str) -> str:
    """The path, or the closest folder above it that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def read_json(path: str) -> Any:
    try:
        return json.loads(read(path))
    except ValueError:
        return None


def interpreter() -> str:
    """Debian's own if it is this version, because it sees Debian's packages. Never a virtual environment's."""
    own = "/usr/bin/python3"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if os.path.realpath(own).endswith("python" + version):
        return own
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def os_release() -> dict[str, str]:
    lines = (line.partition("=") for line in read("/etc/os-release").splitlines())
    return {key: value.strip("\"'") for key, _, value in lines}


def systemd() -> str | None:
    if not os.path.isdir("/run/systemd/system"):
        return None
    return (run(["systemctl", "--version"]).split() or ["", "unknown"])[1]


def debian_packages(listed: str) -> dict[str, str | None]:
    """Package → version, or None where it is not installed."""
    found = dict.fromkeys(DEBIAN)
    for line in listed.splitlines():
        name, state, version = [*line.split(), "", ""][:3]
        if state.startswith("ii"):
            found[name] = version
    return found


def edgetpu() -> list[str]:
    """Corals, by their IDs on USB (before and after their firmware is loaded) and on PCI Express."""
    usb = [read(path).strip() + ":" + read(path[: -len("idVendor")] + "idProduct").strip()
           for path in glob.glob("/sys/bus/usb/devices/*/idVendor")]  # fmt: skip
    pci = [read(path).strip() + ":" + read(path[: -len("vendor")] + "device").strip()
           for path in glob.glob("/sys/bus/pci/devices/*/vendor")]  # fmt: skip
    return ["USB"] * sum(one in ("1a6e:089a", "18d1:9302") for one in usb) + ["PCIe"] * pci.count("0x1ac1:0x089a")


def options_in(settings: str) -> str:
    for line in read(settings).splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "EDGE_ASL_OPTIONS":
            return value.strip()
    return ""


def signer_names(path: str) -> list[str]:
    lines = [line.strip() for line in read(path).splitlines()]
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def ask_status(paths: SimpleNamespace) -> subprocess.Popen[str] | None:
    """Start asking the program that runs; None if there is none."""
    if not os.path.exists(paths.program):
        return None
    mode = read(paths.mode_file).strip() or "system"
    return begin_run([paths.program, "status", "--json", "--root", paths.root, "--mode", mode])


def status(paths: SimpleNamespace, asked: subprocess.Popen[str] | None) -> Any:
    if not os.path.lexists(paths.current):
        return None
    if not os.path.exists(paths.program):
        return {"problem": paths.program + ": the installed program is missing; deploy again"}
    try:
        return json.loads(end_run(asked))
    except ValueError:
        return {"problem": "edge-asl-device status gave no answer"}


def run(command: list[str]) -> str:
    return end_run(begin_run(command))


def begin_run(command: list[str]) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError:
        return None


def end_run(process: subprocess.Popen[str] | None) -> str:
    """What it printed; nothing if it did not start or end in time."""
    if process is None:
        return ""
    with process:
        try:
            return process.communicate(timeout=LIMIT_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return ""


# the lock: one deployment at a time


def read_lock(paths: SimpleNamespace) -> Any:
    try:
        found = json.loads(read(paths.lock))
        return {"owner": str(found["owner"]), "age_s": max(0.0, time.time() - os.stat(paths.lock).st_mtime)}
    except (ValueError, KeyError, TypeError, OSError):
        return None


@contextlib.contextmanager
def lock_guarded(paths: SimpleNamespace) -> Iterator[None]:
    """Nobody else reads or changes the lock meanwhile. The kernel lets go of it if this process dies."""
    folder, deadline = os.open(paths.root, os.O_RDONLY), time.monotonic() + LIMIT_S
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AgentError(
                        f"{paths.lock}: another deployment kept it busy for {LIMIT_S} s; try again"
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(folder)


def acquire_lock(paths: SimpleNamespace, owner: str, break_lock: bool) -> None:
    """Its owner may acquire it again; a lock not renewed for ten minutes is nobody's."""
    with lock_guarded(paths):
        lock = read_lock(paths)
        if lock and lock["owner"] != owner and lock["age_s"] < LOCK_STALE_S and not break_lock:
            raise LockedError(
                f"locked by {lock['owner']} ({lock['age_s']:.0f} s ago); wait for that deployment, or override its "
                "lock with --break-lock if it is dead"
            )
        write(paths.lock, json.dumps({"owner": owner}))


def renew_lock(paths: SimpleNamespace, owner: str) -> None:
    with lock_guarded(paths):
        lock = read_lock(paths)
        if lock is None or lock["owner"] != owner:
            found = f"now held by {lock['owner']}" if lock else "gone"
            raise AgentError(f"lock: {owner}'s was overridden and is {found}; nothing was switched, deploy again")
        os.utime(paths.lock)


def end(paths: SimpleNamespace, owner: str) -> None:
    with lock_guarded(paths):
        lock = read_lock(paths)
        if lock and lock["owner"] == owner:
            os.unlink(paths.lock)


def discard(paths: SimpleNamespace, owner: str, release: str, objects: list[str]) -> None:
    """Delete a release that was only measured, and those of its files that no other has."""
    renew_lock(paths, owner)
    target = os.path.join(paths.releases, checked_sha(release))
    if any(os.path.realpath(link) == os.path.realpath(target) for link in (paths.current, paths.previous)):
        raise AgentError(f"{target}: is in use, and stays")
    shutil.rmtree(target, ignore_errors=True)
    for path in (object_path(paths, sha) for sha in objects):
        if os.path.exists(path) and os.stat(path).st_nlink == 1:
            os.unlink(path)


# begin and receive: files by content ("objects"), then the release laid out from them


def begin(paths: SimpleNamespace, mode: str, owner: str, break_lock: bool, repair: bool) -> None:
    """Standard input: JSON [[sha256, size], ...]. Answers {"missing": {sha256: bytes already received}}.

    With ``repair``, stored files are hashed too: the card has lost something before.
    """
    wanted = json.load(sys.stdin.buffer)
    prepare_root(paths, mode, owner, break_lock)
    missing = {}
    for sha, size in wanted:
        path = object_path(paths, sha)
        if size_of(path) != size or (repair and hash_of(path) != sha):
            missing[sha] = min(size_of(partial_path(paths, sha)) or 0, size)
    answer(missing=missing)


def prepare_root(paths: SimpleNamespace, mode: str, owner: str, break_lock: bool) -> None:
    for folder in (paths.root, paths.objects, paths.environments, paths.releases):
        os.makedirs(folder, exist_ok=True)
    acquire_lock(paths, owner, break_lock)
    write(paths.mode_file, mode + "\n")


def object_path(paths: SimpleNamespace, sha: str) -> str:
    return os.path.join(paths.objects, checked_sha(sha))


def partial_path(paths: SimpleNamespace, sha: str) -> str:
    return os.path.join(paths.objects, ".partial-" + checked_sha(sha))


def checked_sha(sha: str) -> str:
    """A hash, not a path: a transfer's header is not trusted."""
    if not re.fullmatch("[0-9a-f]{64}", sha):
        raise AgentError(f"transfer: expected SHA-256 as 64 characters of 0-9a-f, found {sha!r}; nothing was stored")
    return sha


def size_of(path: str) -> int | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def hash_of(path: str) -> str:
    import hashlib

    found = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()


def unpack(
    paths: SimpleNamespace, mode: str, owner: str, commands: list[tuple[str, dict[str, Any]]], break_lock: bool = False
) -> None:
    """All commands of a deployment up to the switch at once, for tools that deliver an update package."""
    import zipfile
    import zlib

    prepare_root(paths, mode, owner, break_lock)
    try:
        for command, arguments in commands:
            execute(command, arguments)
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise AgentError(f"{sys.argv[0]}: the update package arrived damaged: {error}; deploy again") from error
    finally:
        end(paths, owner)


def receive(paths: SimpleNamespace, owner: str) -> None:
    """Store what the device lacks, then lay out the release.

    An object gets its name only once its bytes are on the disk: whatever has its name is whole, even after a power cut.
    What was cut off stays as .partial-SHA256, and the next transfer continues from there.
    """
    renew_lock(paths, owner)
    header, bytes_of = open_transfer(paths)
    received = receive_objects(paths, header["objects"], Source(paths, owner, bytes_of))
    if header["environment"]:
        lay_out_environment(paths, header["environment"], header["repair"])
    lay_out_release(paths, header["release"], header["environment_digest"], header["bundle"])
    if header["repair"] and os.path.exists(paths.recheck):
        os.unlink(paths.recheck)
    answer(received=received, staged=digest(header["release"]))


def open_transfer(paths: SimpleNamespace) -> tuple[dict[str, Any], Callable[[str], IO[bytes]]]:
    """The header, and where to read the bytes of each of its "objects" [[sha256, size, offset], ...].

    From an update package, or from standard input: a line of JSON, then the objects' bytes one after the other.
    """
    import zipfile

    if not zipfile.is_zipfile(sys.argv[0]):
        return json.loads(sys.stdin.buffer.readline()), lambda _sha: sys.stdin.buffer
    package = zipfile.ZipFile(sys.argv[0])
    header = json.loads(package.read("header.json"))
    if not header["repair"]:  # devices share an update package: some have more of it than others
        header["objects"] = [one for one in header["objects"] if size_of(object_path(paths, one[0])) != one[1]]
    return header, lambda sha: package.open("objects/" + sha)


def receive_objects(paths: SimpleNamespace, objects: list[tuple[str, int, int]], source: Source) -> int:
    """Bytes received. Named in batches, because each batch syncs the whole machine."""
    batch, batch_bytes, received = [], 0, 0
    try:
        for sha, size, offset in objects:
            receive_object(paths, sha, size, offset, source)
            batch.append(sha)
            batch_bytes, received = batch_bytes + size, received + size - offset
            if batch_bytes > BATCH_BYTES:
                name_objects(paths, batch)
                batch, batch_bytes = [], 0
                answer(received=received)
    finally:
        name_objects(paths, batch)
    return received


class Source:
    """A transfer's bytes. Reading them renews the lock, however slow the connection is."""

    def __init__(self, paths: SimpleNamespace, owner: str, bytes_of: Callable[[str], IO[bytes]]) -> None:
        self.paths, self.owner, self.bytes_of, self.renewed_s = paths, owner, bytes_of, time.monotonic()

    def chunks(self, sha: str, left: int) -> Iterator[bytes]:
        file = self.bytes_of(sha)
        while left:
            if time.monotonic() - self.renewed_s > RENEW_S:
                renew_lock(self.paths, self.owner)
                self.renewed_s = time.monotonic()
            chunk = file.read(min(left, CHUNK))
            if not chunk:
                raise AgentError("transfer: the connection closed early; deploy again to resume")
            yield chunk
            left -= len(chunk)


def receive_object(paths: SimpleNamespace, sha: str, size: int, offset: int, source: Source) -> None:
    path = partial_path(paths, sha)
    with open(path, "r+b" if offset else "wb") as file:
        file.truncate(offset)
        file.seek(offset)
        for chunk in source.chunks(sha, size - offset):
            file.write(chunk)
    if hash_of(path) != sha:
        os.unlink(path)
        raise AgentError(f"transfer: {sha[:12]}… arrived damaged; deploy again")


def name_objects(paths: SimpleNamespace, hashes: list[str]) -> None:
    if hashes:
        os.sync()
        for sha in hashes:
            try:
                os.replace(partial_path(paths, sha), object_path(paths, sha))
            except FileNotFoundError:
                raise AgentError("transfer: another deployment deleted what was received; deploy again") from None


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def lay_out_environment(paths: SimpleNamespace, text: str, repair: bool) -> None:
    """Links to objects in a new folder, then one rename. ``activate`` verifies it again before it runs any of it."""
    target = os.path.join(paths.environments, digest(text))
    if os.path.exists(target) and not repair:
        return
    manifest = json.loads(text)
    beside = target + ".new"
    shutil.rmtree(beside, ignore_errors=True)
    for name, file in manifest["files"].items():
        link_object(paths, file["sha256"], path_inside(beside, name), file["mode"])
    for name, goal in manifest["links"].items():
        os.makedirs(os.path.dirname(path_inside(beside, name)), exist_ok=True)
        os.symlink(goal, path_inside(beside, name))
    write(os.path.join(beside, "environment.json"), text)
    # What was compiled goes with the folder that it lies in (releases/compiled.py).
    if os.path.exists(compiled := os.path.join(paths.environments, ".compiled-" + digest(text))):
        os.unlink(compiled)
    replace_folder(beside, target)


def lay_out_release(paths: SimpleNamespace, text: str, environment: str, bundle: dict[str, str]) -> None:
    target = os.path.join(paths.releases, digest(text))
    beside = target + ".new"
    shutil.rmtree(beside, ignore_errors=True)
    for name, sha in bundle.items():
        link_object(paths, sha, path_inside(os.path.join(beside, "bundle"), name), 0o644)
    os.symlink("../../environments/" + checked_sha(environment), os.path.join(beside, "environment"))
    write(os.path.join(beside, "release.json"), text)
    if os.path.realpath(paths.current) != os.path.realpath(target):
        replace_folder(beside, target)
        return
    # The release that runs is never taken away: files (a new signature, say) are replaced one by one.
    for name in os.listdir(os.path.join(beside, "bundle")):
        os.replace(os.path.join(beside, "bundle", name), os.path.join(target, "bundle", name))
    shutil.rmtree(beside)


def link_object(paths: SimpleNamespace, sha: str, path: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = object_path(paths, sha)
    # All names of a hard link share one mode: the same bytes with another mode elsewhere need a copy.
    if os.stat(source).st_nlink > 1 and stat.S_IMODE(os.stat(source).st_mode) != mode:
        shutil.copyfile(source, path)
    else:
        os.link(source, path)
    os.chmod(path, mode)


def path_inside(folder: str, name: str) -> str:
    path = os.path.normpath(os.path.join(folder, name))
    if not path.startswith(folder + os.sep):
        raise AgentError(f"release: {name!r} is not a path inside its folder; nothing was laid out")
    return path


def replace_folder(beside: str, target: str) -> None:
    """Sync, then rename ``beside`` to ``target``; where the file system can, in one step: it may be what serves."""
    os.sync()
    if not os.path.exists(target):
        os.rename(beside, target)
        return
    if exchange(beside, target):
        shutil.rmtree(beside)
        return
    aside = target + ".old"
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(target, aside)
    os.rename(beside, target)
    shutil.rmtree(aside, ignore_errors=True)


def exchange(one: str, other: str) -> bool:
    """Swap two folders. False where the file system cannot; ext4, btrfs, xfs and tmpfs can."""
    import ctypes

    here = -100  # AT_FDCWD
    try:
        rename = ctypes.CDLL(None).renameat2
    except AttributeError:  # before glibc 2.28
        return False
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), RENAME_EXCHANGE) == 0)


def write(path: str, text: str) -> None:
    """Replace a file by one rename, synced."""
    beside = path + ".tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


# configure, screen, recheck: before the switch


def configure(paths: SimpleNamespace, owner: str, options: str) -> None:
    """Write the settings with new EDGE_ASL_OPTIONS beside the old; the switch takes them (releases/settings.py)."""
    renew_lock(paths, owner)
    if not options.isprintable():
        raise AgentError(f"options must be one line, found {options!r}; a second line would be another setting")
    lines = [line for line in read(paths.settings).splitlines() if line.partition("=")[0].strip() != "EDGE_ASL_OPTIONS"]
    mode = stat.S_IMODE(os.stat(paths.settings).st_mode) if os.path.exists(paths.settings) else 0o644
    os.makedirs(os.path.dirname(paths.settings), exist_ok=True)
    os.umask(0o077)  # the file may hold a token
    write(paths.settings + ".next", "\n".join([*lines, "EDGE_ASL_OPTIONS=" + options]) + "\n")
    os.chmod(paths.settings + ".next", mode)


def screen(paths: SimpleNamespace, owner: str) -> None:
    """Create the user that the browser's unit runs as, and the file that makes a release install that unit."""
    renew_lock(paths, owner)
    try:
        pwd.getpwnam(SCREEN_USER)
    except KeyError:
        program(paths, owner, ["useradd", "--create-home", SCREEN_USER])
    write(paths.screen, "")


def program(paths: SimpleNamespace, owner: str, argv: list[str]) -> None:
    """Run a program that must succeed: the system's, or the new release's."""
    renew_lock(paths, owner)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise AgentError(f"{argv[0]}: did not end within {LIMIT_S} s; deploy again") from None
    if done.returncode:
        raise AgentError(done.stderr.decode(errors="replace").strip())


def relay(_paths: SimpleNamespace, argv: list[str]) -> None:
    """Run a program of a release and pass on each line that it prints, then its exit status and standard error."""
    # In memory: a disk may be full or read-only when it matters.
    with os.fdopen(os.memfd_create("edge-asl-said"), "w+b") as said:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        except OSError as error:
            answer(status=127, err=f"{argv[0]}: {error.strerror}")
            return
        with child:
            for line in child.stdout or ():
                answer(line=line.decode(errors="replace").rstrip("\n"))
        said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES))
        answer(status=child.returncode, err=said.read().decode(errors="replace"))


def recheck(paths: SimpleNamespace) -> None:
    """Have the next deployment hash every file: a release's program did not start, so it could not verify itself."""
    write(paths.recheck, "")


COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (facts, begin, receive, unpack, discard, end, configure, screen, program, relay, recheck)
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[-2:]))
