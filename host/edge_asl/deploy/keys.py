"""Keys that sign bundles: any SSH key will do, in a file, in the agent or on a token.

``ssh-keygen -Y`` signs and verifies; the device's half is ``edge_asl_device.releases.trust``.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge_asl.errors import SigningError, ToolMissing
from edge_asl_device.contract.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE, read_bundle
from edge_asl_device.contract.untrusted import read_bounded
from edge_asl_device.errors import TrustError, one_line
from edge_asl_device.files import write_atomically
from edge_asl_device.releases.trust import NAMESPACE, PUBLIC_KEY, add_signer, verify_signature

LIMIT_S = 20.0
"""For one ``ssh-keygen`` that asks nobody."""
PERSON_LIMIT_S = 120.0
"""For one that may ask for a passphrase or for a touch of the token."""
MAX_KEY_BYTES = 100_000
PRIVATE_KEY = re.compile(rb"^-----BEGIN [A-Z ]*PRIVATE KEY-----", re.MULTILINE)
"""OpenSSH's own format and the older ones that it reads."""


class Key(NamedTuple):
    """A key made by ``init_key``."""

    path: Path
    """The private half."""
    public_key: str
    """One line: type, base64, comment."""
    fingerprint: str
    """``SHA256:…``, as ``ssh-keygen -l`` shows it."""


def key_place() -> Path:
    """Where the key that signs bundles lies unless told otherwise: ``~/.config/edge-asl/signing_key``."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative path is to be ignored (XDG Base Directory Specification).
    base = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return base / "edge-asl" / "signing_key"


def default_key() -> Path | None:
    """The key in its default place; None where none was made."""
    place = key_place()
    return place if place.is_file() else None


def chosen_key(key: Path | None) -> Path:
    """The key that was named, else the one in the default place.

    Raises:
        SigningError: neither.
    """
    chosen = key or default_key()
    if chosen is None:
        raise SigningError("key: expected one, found none; edge-asl keys init, or --key FILE")
    return chosen


def sign_for_devices(
    bundle: Path, key: Path | None, say: Callable[[str], None], *, again: bool, only_say: bool = False
) -> str | None:
    """Sign a bundle before it is sent.

    Returns:
        The public key that devices without a signer are told to trust: the one that signed, where it is one's own.

    Args:
        bundle: its folder.
        key: the one that was named; None: the default one, where there is one.
        say: told that it was signed.
        again: also where it bears a signature already, somebody else's perhaps, if a key was named.
        only_say: say what would be done, and change nothing.

    Raises:
        EdgeAslError: as ``sign_bundle``.
    """
    chosen = key or default_key()
    if chosen is None:
        return None
    public_key = public_key_of(chosen)
    if (again and key is not None) or not (bundle / SIGNATURE).exists():
        if only_say:
            say(f"would be signed with {chosen}")
            return public_key
        sign_bundle(bundle, chosen)
        say(f"signed with {chosen}")
    return public_key if is_signed(bundle, public_key) else None


def init_key(path: Path | None = None, *, passphrase: bool = False) -> Key:
    """Make an ed25519 key.

    Args:
        path: of the private half, ``.pub`` is put beside it; ``key_place()`` if None. Never overwritten.
        passphrase: let ``ssh-keygen`` ask for one in the terminal. It goes through no argument and no pipe of ours.

    Raises:
        SigningError: there is a key already, no terminal to ask in, or the place cannot be written.
        ToolMissing: no ``ssh-keygen``.
    """
    place = path or key_place()
    for taken in (place, _public_path(place)):
        if os.path.lexists(taken):
            raise SigningError(f"{taken}: expected no key yet, found one; use it, or name another place")
    if passphrase and not _terminal():
        raise SigningError("passphrase: expected a terminal to ask in, found none; run it in one, or go without")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SigningError(f"{place.parent}: expected a folder, found: {error.strerror}; name another place") from error
    answer = _ssh_keygen(["-q", "-t", "ed25519", *([] if passphrase else ["-N", ""]), "-f", str(place.absolute())])
    if answer.status != 0 or not place.is_file():
        raise SigningError(f"{place}: expected to write a key, found: {answer.reason}; name another place")
    return Key(place, public_key_of(place), fingerprint_of(place))


def public_key_of(path: Path) -> str:
    """The public half as one line, from a ``.pub`` file or from a private key with or without one beside it.

    Raises:
        SigningError: no such key, or its public half cannot be read without its passphrase.
        ToolMissing: no ``ssh-keygen``.
    """
    public = _public_path(path)
    if not (path.is_file() or public.is_file()):
        raise SigningError(f"{path}: expected an SSH key, found none; make one with edge-asl keys init")
    if public.is_file():
        return _check_public(public, public.read_bytes()[:MAX_KEY_BYTES].decode(errors="replace").strip())
    if not PRIVATE_KEY.search(path.read_bytes()[:MAX_KEY_BYTES]):
        raise SigningError(
            f"{path}: expected an SSH key, private or ending in .pub, found something else; "
            "name another, or make one with edge-asl keys init"
        )
    answer = _ssh_keygen(["-y", "-P", "", "-f", str(path.absolute())])
    if answer.status != 0:
        raise SigningError(
            f"{path}: expected a key without passphrase or with {public.name} beside it, found: {answer.reason}; "
            f"write that with ssh-keygen -y -f {path} > {public}"
        )
    return _check_public(path, answer.out.strip())


def fingerprint_of(path: Path) -> str:
    """``SHA256:…`` of a key.

    Raises:
        SigningError: no such key.
        ToolMissing: no ``ssh-keygen``.
    """
    return _fingerprint(path, public_key_of(path))


def sign_bundle(bundle: Path, key: Path) -> None:
    """Check the bundle and write ``manifest.json.sig``, in place of an older one.

    Args:
        bundle: its folder.
        key: a private key, or a ``.pub`` file whose private half the SSH agent holds. An agent that holds the key is
            asked first, so that a passphrase need not be typed.

    Raises:
        BundleError: the bundle is not as its manifest says: nobody should put a name to it.
        SigningError: no such key, the agent does not hold it, a passphrase and no terminal to ask for it in.
        ToolMissing: no ``ssh-keygen``.
        OSError: no space, no permission.
    """
    checked = read_bundle(bundle)
    public_key_of(key)  # says what is wrong with a path better than ssh-keygen does
    manifest = read_bounded(bundle / MANIFEST, MAX_MANIFEST_BYTES)
    if hashlib.sha256(manifest).hexdigest() != checked.digest:
        raise SigningError(f"{bundle / MANIFEST}: expected nobody to write it now, found it changed; sign it again")
    write_atomically(bundle / SIGNATURE, _signature(manifest, key))


def is_signed(bundle: Path, public_key: str) -> bool:
    """Whether ``manifest.json.sig`` is this key's signature of ``manifest.json`` as it is.

    Args:
        bundle: its folder.
        public_key: one line: type, base64, comment.

    Raises:
        SigningError: ``public_key`` is none.
        ToolMissing: no ``ssh-keygen``.
    """
    if not os.path.lexists(bundle / SIGNATURE):
        return False
    _check_public(bundle, public_key)
    with tempfile.TemporaryDirectory(prefix="edge-asl-keys-") as folder:
        signers = Path(folder, "allowed_signers")
        try:
            add_signer(signers, public_key)
            return verify_signature(bundle, signers) is not None
        except TrustError:
            return False


class _Answer(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """Its last line, which is the one that says why."""
        return one_line((self.err or self.out).strip().rpartition("\n")[2])[:300] or f"status {self.status}"


def _signature(manifest: bytes, key: Path) -> bytes:
    # Of a copy in a file: on standard input it would be taken for the passphrase where there is no terminal.
    with tempfile.TemporaryDirectory(prefix="edge-asl-keys-") as folder:
        copy = Path(folder, MANIFEST)
        copy.write_bytes(manifest)
        answer = _ssh_keygen(["-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE, str(copy)])
        if answer.status != 0:
            raise SigningError(f"{key}: expected to sign with it, found: {answer.reason}; {_advice(key, answer)}")
        return Path(folder, SIGNATURE).read_bytes()


def _advice(key: Path, answer: _Answer) -> str:
    if key.suffix == ".pub":
        return f"put the private half into the agent with ssh-add {key.with_suffix('')}, or name its file"
    if "passphrase" in answer.err:
        return f"ssh-add {key} first, or sign in a terminal"
    return "name another key with --key"


def _check_public(where: Path, public_key: str) -> str:
    _fingerprint(where, public_key)
    return public_key


def _fingerprint(where: Path, public_key: str) -> str:
    with tempfile.TemporaryDirectory(prefix="edge-asl-keys-") as folder:
        copy = Path(folder, "key.pub")
        copy.write_text(f"{public_key}\n", encoding="utf-8")
        answer = _ssh_keygen(["-l", "-f", str(copy)])
    found = re.match(r"[0-9]+ (SHA256:\S+)", answer.out)
    if not PUBLIC_KEY.fullmatch(public_key) or answer.status != 0 or not found:
        raise SigningError(
            f"{where}: expected an ed25519, ECDSA or RSA key, found {one_line(public_key[:60])!r}; name another"
        )
    return found[1]


def _public_path(path: Path) -> Path:
    return path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ssh_keygen(arguments: list[str]) -> _Answer:
    """Run it: with a terminal it may ask its user there, without one it can ask nobody and fails at once."""
    person = _terminal()
    quiet = {} if person else {"SSH_ASKPASS_REQUIRE": "never"}
    limit_s = PERSON_LIMIT_S if person else LIMIT_S
    try:
        run = subprocess.run(
            ["ssh-keygen", *arguments],
            stdin=None if person else subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"LC_ALL": "C"} | quiet,
            # No terminal of its parents' either: /dev/tty cannot be opened in a new session.
            start_new_session=not person,
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolMissing(
            "ssh-keygen: expected it to sign bundles, found none; sudo apt install openssh-client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SigningError(
            f"ssh-keygen: expected an answer within {limit_s:g} s, found none; "
            "look whether the agent or the token waits for a confirmation"
        ) from error
    return _Answer(run.returncode, run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace"))
