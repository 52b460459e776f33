"""Keys that sign bundles: any SSH key works, in a file, in the agent or on a token.

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
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE
from edge_asl_device.contract.untrusted import read_bounded
from edge_asl_device.errors import TrustError, one_line
from edge_asl_device.files import write_atomically
from edge_asl_device.other_programs.sayings import Saying, meaning_of, telling_line
from edge_asl_device.releases.trust import NAMESPACE, PUBLIC_KEY, add_signer, verify_signature

LIMIT_S = 20.0
"""For an ``ssh-keygen`` that needs nobody."""
PERSON_LIMIT_S = 120.0
"""For one that may ask for a passphrase or a touch of the token."""
MAX_KEY_BYTES = 100_000
PRIVATE_KEY = re.compile(rb"^-----BEGIN [A-Z ]*PRIVATE KEY-----", re.MULTILINE)
"""OpenSSH's own format and the older ones it reads."""


KEYGEN = (
    Saying(r"incorrect passphrase", "the key has a passphrase, and nobody could type it"),
    Saying(r"^Permissions \d+ for ['\"](?P<file>.+?)['\"] are too open", "others may read it; run chmod 600 {file}"),
    Saying(r"agent refused operation", "the SSH agent refused; unlock it, or touch the token"),
    Saying(r"No private key found for", "neither a file nor the SSH agent has the private half"),
    Saying(r"error in libcrypto|invalid format", "it is damaged, or in a format that ssh-keygen does not read"),
    Saying(r"device not found|No FIDO SecurityKeyProvider", "the security key is not plugged in"),
)
"""What ssh-keygen says → what it means."""
KEYGEN_NOISE = re.compile(r"^@|^It is required|^This private key will be ignored")


class Key(NamedTuple):
    """A key made by ``init_key``."""

    path: Path
    """The private half."""
    public_key: str
    """One line: type, base64, comment."""
    fingerprint: str
    """``SHA256:…``, as ``ssh-keygen -l`` shows it."""


def default_key_path() -> Path:
    """``~/.config/edge-asl/signing_key``."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative path is to be ignored (XDG Base Directory Specification).
    base = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return base / "edge-asl" / "signing_key"


def default_key() -> Path | None:
    path = default_key_path()
    return path if path.is_file() else None


def chosen_key(key: Path | None) -> Path:
    """The key that was named, or the default one; ``SigningError`` if there is neither."""
    chosen = key or default_key()
    if chosen is None:
        raise SigningError("there is no key to sign with; make one with edge-asl keys init, or name one with --key")
    return chosen


def sign_for_devices(
    bundle: Path, key: Path | None, say: Callable[[str], None], *, again: bool, only_say: bool = False
) -> str | None:
    """Sign a bundle before it is sent, if there is a key and no signature yet.

    Returns:
        The public key that devices without a signer are told to trust: the caller's own, if it signed the bundle.

    Args:
        key: to sign with; None for the default one, if there is one.
        again: replace a signature that is there, perhaps somebody else's, if a key was named.
        only_say: say what would be done, and change nothing.
    """
    chosen = key or default_key()
    if chosen is None:
        return None
    public_key = public_key_of(chosen)
    if (again and key is not None) or not (bundle / SIGNATURE).exists():
        if only_say:
            say(f"would sign with {chosen}")
            return public_key
        sign_bundle(bundle, chosen)
        say(f"signed with {chosen}")
    return public_key if is_signed(bundle, public_key) else None


def init_key(path: Path | None = None, *, passphrase: bool = False) -> Key:
    """Make an ed25519 key.

    Args:
        path: of the private half; ``.pub`` is put beside it. None for the default path. Never overwritten.
        passphrase: let ``ssh-keygen`` ask for one in the terminal. It passes through no argument and no pipe of ours.

    Raises:
        SigningError: there is a key already, no terminal to ask in, or the path cannot be written.
        ToolMissing: no ``ssh-keygen``.
    """
    path = path or default_key_path()
    for taken in (path, _public_path(path)):
        if os.path.lexists(taken):
            raise SigningError(f"{taken}: there is a key already; use it, or choose another path")
    if passphrase and not _terminal():
        raise SigningError("--passphrase: there is no terminal to ask in; run this in a terminal, or leave it out")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SigningError(f"{path.parent}: cannot make this folder: {error.strerror}; choose another path") from error
    run = _ssh_keygen(["-q", "-t", "ed25519", *([] if passphrase else ["-N", ""]), "-f", str(path.absolute())])
    if run.returncode != 0 or not path.is_file():
        raise SigningError(f"{path}: cannot write a key: {_reason(run)}; choose another path")
    public_key = public_key_of(path)
    return Key(path, public_key, _fingerprint(path, public_key))


def public_key_of(path: Path) -> str:
    """The public half as one line, from a ``.pub`` file or a private key.

    Raises:
        SigningError: no such key, or its public half cannot be read without its passphrase.
        ToolMissing: no ``ssh-keygen``.
    """
    public = _public_path(path)
    if not (path.is_file() or public.is_file()):
        raise SigningError(f"{path}: there is no SSH key; make one with edge-asl keys init")
    if public.is_file():
        public_key = public.read_bytes()[:MAX_KEY_BYTES].decode(errors="replace").strip()
    else:
        public, public_key = path, _derived_public_key(path)
    _fingerprint(public, public_key)
    return public_key


def _derived_public_key(path: Path) -> str:
    if not PRIVATE_KEY.search(path.read_bytes()[:MAX_KEY_BYTES]):
        raise SigningError(
            f"{path}: not an SSH key (private, or a .pub file); name another, or make one with edge-asl keys init"
        )
    run = _ssh_keygen(["-y", "-P", "", "-f", str(path.absolute())])
    if run.returncode != 0:
        raise SigningError(
            f"{path}: cannot read its public half, and there is no {path.name}.pub beside it: {_reason(run)}; "
            f"write that with ssh-keygen -y -f {path} > {path}.pub"
        )
    return run.stdout.strip()


def sign_bundle(bundle: Path, key: Path) -> None:
    """Check the bundle and write ``manifest.json.sig``, in place of an older one.

    Args:
        bundle: its folder.
        key: a private key, or a ``.pub`` file whose private half the SSH agent holds. An agent that holds the key is
            asked first, so that nobody has to type a passphrase.

    Raises:
        BundleError: the bundle is not what its manifest says.
        SigningError: no such key, the agent does not hold it, or a passphrase is needed and there is no terminal.
        ToolMissing: no ``ssh-keygen``.
        OSError: no space, no permission.
    """
    checked = read_bundle(bundle)
    public_key_of(key)  # says what is wrong with a path better than ssh-keygen does
    manifest = read_bounded(bundle / MANIFEST, MAX_MANIFEST_BYTES)
    if hashlib.sha256(manifest).hexdigest() != checked.digest:
        raise SigningError(f"{bundle / MANIFEST}: it changed while it was being signed; sign it again")
    write_atomically(bundle / SIGNATURE, _signature(manifest, key))


def is_signed(bundle: Path, public_key: str) -> bool:
    """Whether ``manifest.json.sig`` is this key's signature of the present ``manifest.json``.

    Raises:
        ToolMissing: no ``ssh-keygen``.
    """
    if not os.path.lexists(bundle / SIGNATURE):
        return False
    _fingerprint(bundle, public_key)
    with tempfile.TemporaryDirectory(prefix="edge-asl-keys-") as folder:
        signers = Path(folder, "allowed_signers")
        try:
            add_signer(signers, public_key)
            return verify_signature(bundle, signers) is not None
        except TrustError:
            return False


def _signature(manifest: bytes, key: Path) -> bytes:
    # A copy in a file: without a terminal, standard input would be taken for the passphrase.
    with tempfile.TemporaryDirectory(prefix="edge-asl-keys-") as folder:
        copy = Path(folder, MANIFEST)
        copy.write_bytes(manifest)
        run = _ssh_keygen(["-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE, str(copy)])
        if run.returncode != 0:
            raise SigningError(f"{key}: cannot sign with it: {_reason(run)}; {_advice(key, run.stderr)}")
        return Path(folder, SIGNATURE).read_bytes()


def _reason(run: subprocess.CompletedProcess[str]) -> str:
    return keygen_reason(run.stderr or run.stdout) or f"status {run.returncode}"


def keygen_reason(said: str) -> str:
    """Why ssh-keygen failed; empty if it said nothing."""
    return meaning_of(KEYGEN, said) or telling_line(said, KEYGEN_NOISE)


def _advice(key: Path, said: str) -> str:
    if key.suffix == ".pub":
        return f"add the private half to the agent with ssh-add {key.with_suffix('')}, or name its file"
    if "passphrase" in said:
        return f"ssh-add {key} first, or sign in a terminal"
    return "name another key with --key"


def _fingerprint(where: Path, public_key: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as copy:
        copy.write(f"{public_key}\n")
        copy.flush()
        run = _ssh_keygen(["-l", "-f", copy.name])
    found = re.match(r"[0-9]+ (SHA256:\S+)", run.stdout)
    if not PUBLIC_KEY.fullmatch(public_key) or run.returncode != 0 or not found:
        raise SigningError(
            f"{where}: expected an ed25519, ECDSA or RSA key, found {one_line(public_key[:60])!r}; name another"
        )
    return found[1]


def _public_path(path: Path) -> Path:
    return path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ssh_keygen(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run it: in a terminal it may ask its user, without one it can ask nobody and fails at once."""
    person = _terminal()
    quiet = {} if person else {"SSH_ASKPASS_REQUIRE": "never"}
    limit_s = PERSON_LIMIT_S if person else LIMIT_S
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            stdin=None if person else subprocess.DEVNULL,
            capture_output=True, encoding="utf-8", errors="replace",
            env=os.environ | {"LC_ALL": "C"} | quiet,
            # Nor in its parents' terminal: a new session cannot open /dev/tty.
            start_new_session=not person,
            timeout=limit_s, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ToolMissing(
            "ssh-keygen, which signs bundles, is not installed; sudo apt install openssh-client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SigningError(
            f"ssh-keygen: no answer within {limit_s:g} s; is the agent or the token waiting for a confirmation?"
        ) from error
