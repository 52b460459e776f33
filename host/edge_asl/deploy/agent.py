"""What runs on a device before anything is installed there: only Python's own library, 3.9 or later.

It is sent over the connection and run from memory:

    python3 -c 'exec(stdin.read(N))' N COMMAND ARGUMENTS

ARGUMENTS is a JSON object; what follows the program on standard input is the command's. Every command prints lines of
JSON and ends with status 0, or with 1 after {"error": ...}.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import glob
import gzip
import hashlib
import io
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
import zlib
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 1 << 18
BATCH_BYTES = 32_000_000
LIMIT_S = 30
LOCK_STALE_S = 600
RENEW_S = 60
RENAME_EXCHANGE = 2
SCREEN_USER = "kiosk"
DEBIAN = ("python3-picamera2", "espeak-ng", "chromium", "cage", "seatd")


class Refusal(Exception):  # noqa: N818 - what happened
    """One line for whoever deploys."""


def say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main(command: str, arguments: str) -> int:
    os.umask(0o022)
    try:
        COMMANDS[command](**json.loads(arguments))
    except Refusal as refusal:
        say(error=str(refusal))
        return 1
    except OSError as error:
        say(error=f"{error.filename or 'device'}: {error.strerror}")
        return 1
    except (ValueError, KeyError, TypeError) as error:
        say(error=f"{command}: expected what edge-asl of this version says, found: {error!r}")
        return 1
    return 0


# facts: what this device is; changes nothing


def facts(root: str, settings: str) -> None:
    root, settings = expanded(root), expanded(settings)
    system = release()
    say(
        machine=platform.machine(),
        bits=64 if sys.maxsize > 2**32 else 32,
        python=".".join(map(str, sys.version_info[:2])),
        interpreter=interpreter(),
        glibc=platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
        distribution=system.get("ID", ""),
        codename=system.get("VERSION_CODENAME", ""),
        system=system.get("PRETTY_NAME", platform.platform()),
        platform=sysconfig.get_platform(),
        uid=os.getuid(),
        user=os.environ.get("SUDO_USER") or own_name(),
        host=platform.node(),
        processors=os.cpu_count() or 1,
        memory_mb=memory_mb(),
        memory_limits="memory" in read("/sys/fs/cgroup/cgroup.controllers").split(),
        free_mb=free_mb(root),
        writable=os.access(nearest(root), os.W_OK),
        clock=time.time(),
        systemd=systemd(),
        lingers=os.path.exists("/var/lib/systemd/linger/" + own_name()),
        debian=debian(),
        cameras=[read(path).strip() for path in sorted(glob.glob("/sys/class/video4linux/*/name"))],
        edgetpu=edgetpu(),
        libedgetpu=bool(glob.glob("/usr/lib/*/libedgetpu.so.1") + glob.glob("/usr/local/lib/libedgetpu.so.1")),
        ssh_keygen=shutil.which("ssh-keygen") is not None,
        options=options_of(settings),
        screen=os.path.exists(os.path.join(root, "screen")),
        doubted=os.path.exists(doubt_path(root)),
        root=root,
        settings=settings,
        lock=read_lock(root),
        signers=signers(root),
        minimums=json_of(os.path.join(root, "trust", "minimum.json")) or {},
        activation=json_of(os.path.join(root, "activation.json")),
        status=status(root),
    )


def own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def expanded(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def nearest(path: str) -> str:
    """The path, or the nearest folder above it that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def interpreter() -> str:
    """Debian's own where it is this version: it sees Debian's packages. Never a virtual environment's."""
    own = "/usr/bin/python3"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if os.path.realpath(own).endswith("python" + version):
        return own
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def release() -> dict[str, str]:
    lines = (line.partition("=") for line in read("/etc/os-release").splitlines())
    return {key: value.strip("\"'") for key, _, value in lines}


def memory_mb() -> int:
    words = read("/proc/meminfo").split()
    return int(words[1]) // 1000 if len(words) > 1 else 0


def free_mb(root: str) -> int:
    return shutil.disk_usage(nearest(root)).free // 1_000_000


def systemd() -> str | None:
    if not os.path.isdir("/run/systemd/system"):
        return None
    return (run(["systemctl", "--version"]).split() or ["", "unknown"])[1]


def debian() -> dict[str, str | None]:
    """Package → version, or None where it is not installed."""
    found = dict.fromkeys(DEBIAN)
    for line in run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev} ${Version}\n", *DEBIAN]).splitlines():
        name, state, version = [*line.split(), "", ""][:3]
        if state.startswith("ii"):
            found[name] = version
    return found


def edgetpu() -> list[str]:
    """Corals by their numbers on USB (before and after their firmware is loaded) and PCI Express."""
    usb = [read(path).strip() + ":" + read(path[: -len("idVendor")] + "idProduct").strip()
           for path in glob.glob("/sys/bus/usb/devices/*/idVendor")]  # fmt: skip
    pci = [read(path).strip() + ":" + read(path[: -len("vendor")] + "device").strip()
           for path in glob.glob("/sys/bus/pci/devices/*/vendor")]  # fmt: skip
    return ["USB"] * sum(one in ("1a6e:089a", "18d1:9302") for one in usb) + ["PCIe"] * pci.count("0x1ac1:0x089a")


def options_of(settings: str) -> str:
    for line in read(settings).splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "EDGE_ASL_OPTIONS":
            return value.strip()
    return ""


def signers(root: str) -> list[str]:
    """Names of those whose bundles are taken: read here, because no program may be there that could tell."""
    lines = [line.strip() for line in read(os.path.join(root, "trust", "allowed_signers")).splitlines()]
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def json_of(path: str) -> Any:
    try:
        return json.loads(read(path))
    except ValueError:
        return None


def status(root: str) -> Any:
    program = os.path.join(root, "current", "environment", "bin", "edge-asl-device")
    if not os.path.lexists(os.path.join(root, "current")):
        return None
    if not os.path.exists(program):
        return {"problem": program + ": expected the program that serves, found none; deploy again"}
    mode = read(os.path.join(root, "mode")).strip() or "system"
    try:
        return json.loads(run([program, "status", "--json", "--root", root, "--mode", mode]))
    except ValueError:
        return {"problem": "edge-asl-device status gave no answer"}


def run(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LIMIT_S,
            check=False, encoding="utf-8", errors="replace",
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""


# begin: the lock, and which files are missing


def begin(root: str, mode: str, owner: str, break_lock: bool, repair: bool) -> None:
    """Standard input: JSON [[sha256, size], ...]. Answers {"missing": {sha256: bytes that are there already}}.

    With ``repair`` what is there is hashed: after a card has lost something.
    """
    wanted = json.load(sys.stdin.buffer)
    open_root(root, mode, owner, break_lock)
    missing = {}
    for sha, size in wanted:
        path = object_path(root, sha)
        if size_of(path) != size or (repair and hash_of(path) != sha):
            missing[sha] = min(size_of(partial_path(root, sha)) or 0, size)
    say(missing=missing)


def open_root(root: str, mode: str, owner: str, break_lock: bool) -> None:
    for name in ("", "objects", "environments", "releases"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    take_lock(root, owner, break_lock)
    write(os.path.join(root, "mode"), mode + "\n")


def object_path(root: str, sha: str) -> str:
    return os.path.join(root, "objects", checked(sha))


def partial_path(root: str, sha: str) -> str:
    return os.path.join(root, "objects", ".partial-" + checked(sha))


def checked(sha: str) -> str:
    """A hash and no path: what comes with a pack is nobody's word yet."""
    if not re.fullmatch("[0-9a-f]{64}", sha):
        raise Refusal(f"transfer: expected SHA-256 as 64 characters of 0-9a-f, found {sha!r}; nothing of it is taken")
    return sha


def size_of(path: str) -> int | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def lock_path(root: str) -> str:
    return os.path.join(root, "lock")


def read_lock(root: str) -> Any:
    try:
        found = json.loads(read(lock_path(root)))
        return {"owner": str(found["owner"]), "age_s": max(0.0, time.time() - os.stat(lock_path(root)).st_mtime)}
    except (ValueError, KeyError, TypeError, OSError):
        return None


@contextlib.contextmanager
def alone(root: str) -> Iterator[None]:
    """Between looking at the lock and changing it nobody else does; a process that dies in between lets go."""
    folder, deadline = os.open(root, os.O_RDONLY), time.monotonic() + LIMIT_S
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refusal(
                        f"lock: expected to look at it within {LIMIT_S} s, found another deployment doing so; try again"
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(folder)


def take_lock(root: str, owner: str, break_lock: bool) -> None:
    """One deployment at a time. Its owner takes it again; one without a sign of life for ten minutes is nobody's."""
    with alone(root):
        held = read_lock(root)
        if held and held["owner"] != owner and held["age_s"] < LOCK_STALE_S and not break_lock:
            raise Refusal(
                f"lock: expected none, found that of {held['owner']}, {held['age_s']:.0f} s old; wait for it, or "
                "take it away with --break-lock if that deployment is dead"
            )
        write(lock_path(root), json.dumps({"owner": owner}))


def hold_lock(root: str, owner: str) -> None:
    with alone(root):
        held = read_lock(root)
        if held is None or held["owner"] != owner:
            found = f"that of {held['owner']}" if held else "none"
            raise Refusal(f"lock: expected that of {owner}, found {found}; somebody broke it, so nothing is switched")
        os.utime(lock_path(root))


def end(root: str, owner: str) -> None:
    with alone(root):
        held = read_lock(root)
        if held and held["owner"] == owner:
            os.unlink(lock_path(root))


# receive: files by content, then the release laid out from them


def unpack(root: str, mode: str, owner: str, break_lock: bool = False, name: str | None = None) -> None:
    """What ``receive`` takes, compressed: a file of ROOT/incoming, gone afterwards, or base64 on standard input."""
    open_root(root, mode, owner, break_lock)
    incoming = os.path.join(root, "incoming")
    try:
        pack = inside(incoming, name) if name else io.BytesIO(base64.b64decode(sys.stdin.buffer.read()))
        with gzip.open(pack, "rb") as source:
            receive(root, owner, source)
    except (EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise Refusal(f"pack: expected a whole one, found: {error}; deploy again") from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
        end(root, owner)


def receive(root: str, owner: str, source: IO[bytes] | gzip.GzipFile = sys.stdin.buffer) -> None:
    """Standard input: a line of JSON, then the bytes of its "objects" [[sha256, size, offset], ...] one by one.

    An object gets its name only when its bytes are on the disk: what has its name is whole, a power cut included. What
    was cut off stays as .partial-SHA256, and the next transfer goes on behind it.
    """
    hold_lock(root, owner)
    header = json.loads(source.readline())
    whole, waiting, received = [], 0, 0
    slow = Held(root, owner, source)
    try:
        for sha, size, offset in header["objects"]:
            if size_of(object_path(root, sha)) == size and not header["repair"]:
                passed_over(size - offset, slow)  # a pack is the same for all devices
                continue
            take(root, sha, size, offset, slow)
            whole.append(sha)
            waiting, received = waiting + size, received + size - offset
            if waiting > BATCH_BYTES:
                keep(root, whole)
                whole, waiting = [], 0
                say(received=received)
    finally:
        keep(root, whole)
    if header["environment"]:
        lay_out_environment(root, header["environment"], header["repair"])
    lay_out_release(root, header["release"], header["environment_digest"], header["bundle"])
    if header["repair"] and os.path.exists(doubt_path(root)):
        os.unlink(doubt_path(root))
    say(received=received, staged=digest(header["release"]))


class Held:
    """A transfer whose lock shows signs of life, however slow the line is."""

    def __init__(self, root: str, owner: str, source: IO[bytes] | gzip.GzipFile) -> None:
        self.root, self.owner, self.source, self.renewed_s = root, owner, source, time.monotonic()

    def read(self, size: int) -> bytes:
        if time.monotonic() - self.renewed_s > RENEW_S:
            hold_lock(self.root, self.owner)
            self.renewed_s = time.monotonic()
        return self.source.read(size)


def take(root: str, sha: str, size: int, offset: int, source: Held) -> None:
    path = partial_path(root, sha)
    with open(path, "r+b" if offset else "wb") as file:
        file.truncate(offset)
        file.seek(offset)
        for chunk in chunks(size - offset, source):
            file.write(chunk)
    if hash_of(path) != sha:
        os.unlink(path)
        raise Refusal(f"transfer: expected {sha[:12]}…, found other bytes; deploy again")


def passed_over(size: int, source: Held) -> None:
    for _ in chunks(size, source):
        pass


def chunks(left: int, source: Held) -> Iterator[bytes]:
    while left:
        chunk = source.read(min(left, CHUNK))
        if not chunk:
            raise Refusal("transfer: expected more bytes, found the connection closed; deploy again to go on")
        yield chunk
        left -= len(chunk)


def hash_of(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()


def keep(root: str, whole: list[str]) -> None:
    if whole:
        os.sync()
        for sha in whole:
            try:
                os.replace(partial_path(root, sha), object_path(root, sha))
            except FileNotFoundError:
                raise Refusal(
                    "transfer: expected what came to stay, found it pruned by another deployment; deploy again"
                ) from None


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def lay_out_environment(root: str, text: str, repair: bool) -> None:
    """Links to objects beside, then one rename. ``activate`` checks everything again before it runs any of it."""
    target = os.path.join(root, "environments", digest(text))
    if os.path.exists(target) and not repair:
        return
    manifest = json.loads(text)
    beside = target + ".new"
    shutil.rmtree(beside, ignore_errors=True)
    for name, file in manifest["files"].items():
        place(root, file["sha256"], inside(beside, name), file["mode"])
    for name, goal in manifest["links"].items():
        os.makedirs(os.path.dirname(inside(beside, name)), exist_ok=True)
        os.symlink(goal, inside(beside, name))
    write(os.path.join(beside, "environment.json"), text)
    swap(beside, target)


def lay_out_release(root: str, text: str, environment: str, bundle: dict[str, str]) -> None:
    target = os.path.join(root, "releases", digest(text))
    beside = target + ".new"
    shutil.rmtree(beside, ignore_errors=True)
    for name, sha in bundle.items():
        place(root, sha, inside(os.path.join(beside, "bundle"), name), 0o644)
    os.symlink("../../environments/" + checked(environment), os.path.join(beside, "environment"))
    write(os.path.join(beside, "release.json"), text)
    if os.path.realpath(os.path.join(root, "current")) == os.path.realpath(target):
        mend(beside, target)
    else:
        swap(beside, target)


def swap(beside: str, target: str) -> None:
    """Rename into place what is on the disk; where something is there, in one step, for it may be what serves."""
    os.sync()
    if not os.path.exists(target):
        os.rename(beside, target)
        return
    if exchanged(beside, target):
        shutil.rmtree(beside)
        return
    aside = target + ".old"
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(target, aside)
    os.rename(beside, target)
    shutil.rmtree(aside, ignore_errors=True)


def exchanged(one: str, other: str) -> bool:
    """Whether this file system could; ext4, btrfs, xfs and tmpfs can."""
    here = -100  # AT_FDCWD
    try:
        rename = ctypes.CDLL(None).renameat2
    except AttributeError:  # before glibc 2.28
        return False
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), RENAME_EXCHANGE) == 0)


def mend(beside: str, target: str) -> None:
    """A release that runs is not taken away: its signature, say, is put beside what is there."""
    for name in os.listdir(os.path.join(beside, "bundle")):
        os.replace(os.path.join(beside, "bundle", name), os.path.join(target, "bundle", name))
    shutil.rmtree(beside)


def inside(folder: str, name: str) -> str:
    path = os.path.normpath(os.path.join(folder, name))
    if not path.startswith(folder + os.sep):
        raise Refusal(f"release: expected paths below its folder, found {name!r}")
    return path


def place(root: str, sha: str, path: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = object_path(root, sha)
    # A hard link has one mode for all its names; the same bytes with another one elsewhere are a copy.
    if os.stat(source).st_nlink > 1 and stat.S_IMODE(os.stat(source).st_mode) != mode:
        shutil.copyfile(source, path)
    else:
        os.link(source, path)
    os.chmod(path, mode)


def write(path: str, text: str) -> None:
    beside = path + ".tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


# configure: a site's options


def configure(root: str, settings: str, options: str, owner: str | None = None) -> None:
    """EDGE_ASL_OPTIONS anew, everything else as it is; beside, until the switch takes it: see releases/settings.py."""
    settings = expanded(settings)
    if owner is not None:
        hold_lock(root, owner)
    if not options.isprintable():
        raise Refusal(f"options: expected one line, found {options!r}; a line more would be another setting")
    lines = [line for line in read(settings).splitlines() if line.partition("=")[0].strip() != "EDGE_ASL_OPTIONS"]
    mode = stat.S_IMODE(os.stat(settings).st_mode) if os.path.exists(settings) else 0o644
    os.makedirs(os.path.dirname(settings), exist_ok=True)
    os.umask(0o077)  # a token may stand in there
    write(settings + ".next", "\n".join([*lines, "EDGE_ASL_OPTIONS=" + options]) + "\n")
    os.chmod(settings + ".next", mode)


# screen: the browser before the machine's own screen


def screen(root: str, owner: str | None = None) -> None:
    """The user that the browser's unit names, and the mark by which the release installs that unit."""
    if owner is not None:
        hold_lock(root, owner)
    try:
        pwd.getpwnam(SCREEN_USER)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--create-home", SCREEN_USER], stderr=subprocess.PIPE, timeout=LIMIT_S, check=False
        )
        if made.returncode:
            raise Refusal(f"user {SCREEN_USER}: {made.stderr.decode(errors='replace').strip()}") from None
    write(os.path.join(root, "screen"), "")


# doubt: a release's own program checks its files, and is one of them


def doubt(root: str) -> None:
    """Remember that the program of a staged release could not begin: the next transfer checks everything."""
    write(doubt_path(root), "")


def doubt_path(root: str) -> str:
    return os.path.join(root, "doubt")


COMMANDS: dict[str, Callable[..., None]] = {
    "facts": facts,
    "begin": begin,
    "receive": receive,
    "unpack": unpack,
    "configure": configure,
    "screen": screen,
    "doubt": doubt,
    "end": end,
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[2:4]))
