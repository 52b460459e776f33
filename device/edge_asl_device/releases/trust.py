"""Whose bundles a device accepts, and from which version on.

A bundle is signed by ``ssh-keygen -Y sign``: ``manifest.json.sig`` over the bytes of ``manifest.json``, which lists
the hash of everything else. The device holds the allowed signers in OpenSSH's own format (ssh-keygen(1), ALLOWED
SIGNERS), and accepts only the unsurprising part of it: a plain name, no pattern, no certificate authority, no dates.
A kiosk without a battery-backed clock wakes up in 1970, and its trust must not depend on that.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from edge_asl_device.contract.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    NAME,
    SIGNATURE,
    VERSION,
)
from edge_asl_device.contract.untrusted import brief, decode_json, file_errors_as, read_bounded
from edge_asl_device.errors import BundleError, TrustError
from edge_asl_device.files import write_atomically

NAMESPACE = "edge-asl-bundle"
"""A signature is valid for one namespace: one that the same key made for git, say, is not valid here."""

MAX_TRUST_BYTES = 1_000_000
LIMIT_S = 20.0
"""For one ``ssh-keygen``, which takes milliseconds, or seconds on a Raspberry Pi that is booting."""

_KEY = (
    r"(?P<key>(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)"
    r"|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]{16,8000}={0,2})"
)
_PRINCIPAL = "[A-Za-z0-9_][A-Za-z0-9._@+-]{0,99}"
_SIGNER = re.compile(rf'(?P<principal>{_PRINCIPAL})(?: +namespaces="{NAMESPACE}")? +{_KEY}(?: .*)?')
PUBLIC_KEY = re.compile(rf"{_KEY}(?: +(?P<comment>.*))?")
"""A line of a ``.pub`` file, of a kind that OpenSSH still signs with."""

_VERSION = re.compile(VERSION)
_Minimums = dict[Annotated[str, Meta(pattern=NAME)], Annotated[str, Meta(pattern=VERSION)]]


class Signer(NamedTuple):
    """One line of ``allowed_signers``."""

    principal: str
    """The name it is shown by."""
    key: str
    """Type and base64, as in a ``.pub`` file."""

    @property
    def line(self) -> str:
        """As ``ssh-keygen`` reads it."""
        return f'{self.principal} namespaces="{NAMESPACE}" {self.key}'


def verify_signature(bundle: Path, signers: Path, *, limit_s: float = LIMIT_S) -> str | None:
    """Who signed the bundle; None if the device requires no signature.

    Args:
        bundle: its folder. Only the manifest's own bytes are checked: ``read_bundle`` does the rest.
        signers: ``allowed_signers``. If it is missing or names no signer, no signature is required.
        limit_s: seconds for each call of ``ssh-keygen``.

    Raises:
        TrustError: a signature is required, and it is missing, broken, by a key that is not trusted, or of another
            manifest; or ``allowed_signers`` cannot be read, or ``ssh-keygen`` cannot be run.
    """
    allowed = read_signers(signers)
    if not allowed:
        return None
    if not _exists(bundle / SIGNATURE):
        raise TrustError(
            f"{bundle}: not signed; this device requires a signature of {_names(allowed)}: edge-asl sign {bundle.name}"
        )
    manifest = _read(bundle / MANIFEST, MAX_MANIFEST_BYTES)
    signature = _read(bundle / SIGNATURE, MAX_SIGNATURE_BYTES)
    try:
        with tempfile.TemporaryDirectory(prefix="edge-asl-trust-") as folder:
            # Copies: ssh-keygen sees the same bytes as this program, whatever happens to the files meanwhile.
            copy, lines = Path(folder, SIGNATURE), Path(folder, "allowed_signers")
            copy.write_bytes(signature)
            lines.write_text("".join(f"{signer.line}\n" for signer in allowed))
            return _verify(bundle, manifest, copy, lines, allowed, limit_s)
    except OSError as error:
        raise TrustError(f"{bundle / SIGNATURE}: cannot be verified: {error}; free some space") from error


def _verify(
    bundle: Path, manifest: bytes, signature: Path, lines: Path, allowed: Sequence[Signer], limit_s: float
) -> str:
    found = _ssh_keygen(["-Y", "find-principals", "-f", str(lines), "-s", str(signature)], b"", limit_s)
    principal = found.stdout.decode(errors="replace").partition("\n")[0]
    if found.returncode != 0 or principal not in {signer.principal for signer in allowed}:
        raise TrustError(
            f"{bundle / SIGNATURE}: not a signature of {_names(allowed)} ({_reason(found)}); "
            "sign the bundle with a trusted key"
        )
    verify = ["-Y", "verify", "-f", str(lines), "-I", principal, "-n", NAMESPACE, "-s", str(signature)]
    found = _ssh_keygen(verify, manifest, limit_s)
    if found.returncode != 0:
        raise TrustError(
            f"{bundle / SIGNATURE}: {principal} signed a different {MANIFEST} ({_reason(found)}); sign the bundle again"
        )
    return principal


def read_signers(signers: Path) -> tuple[Signer, ...]:
    """Whom the device trusts, in the file's order; none without the file.

    Raises:
        TrustError: the file cannot be read, or a line is not plainly ``NAME [namespaces="edge-asl-bundle"] KEY``.
            One such line invalidates the whole file: trusting the rest would hide the mistake.
    """
    # Split as ssh-keygen does, at line feeds alone.
    numbered = ((number, line.strip()) for number, line in enumerate(_text(signers).split("\n"), 1))
    return tuple(
        _parse(line, f"{signers}, line {number}") for number, line in numbered if line and not line.startswith("#")
    )


def add_signer(signers: Path, line: str) -> Signer:
    """Trust one more key; nothing changes if it is trusted already.

    Args:
        signers: ``allowed_signers``; written atomically, created if it is missing.
        line: a public key as in a ``.pub`` file, whose comment becomes the name, or a line of ``allowed_signers``.

    Raises:
        TrustError: not a public key, or the existing file cannot be understood.
        OSError: no space, no permission.
    """
    signer = _from_public_key(line.strip()) or _from_signers_line(line.strip())
    if signer is None or _ssh_keygen(["-l", "-f", "-"], f"{signer.key}\n".encode()).returncode != 0:
        raise TrustError(f"{brief(line)!r}: not a public key; use the line of a .pub file")
    for known in read_signers(signers):
        if known.key == signer.key:
            return known
    text = _text(signers)
    signers.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(signers, f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{signer.line}\n")
    return signer


def check_version(minimums: Path, name: str, version: str, *, allow_downgrade: bool) -> None:
    """Refuse a bundle older than ``minimum.json`` has it; without that file every version is accepted.

    Raises:
        TrustError: too old, or ``minimum.json`` is not what ``raise_minimum`` writes.
    """
    least = _read_minimums(minimums).get(name)
    if least is not None and not allow_downgrade and version_key(version) < version_key(least):
        raise TrustError(
            f"{name}: expected version {least} or later, found {version}; "
            "deploy a newer one, or allow the older one with --allow-downgrade"
        )


def raise_minimum(minimums: Path, name: str, version: str) -> None:
    """From now on accept no bundle of this name older than ``version``; never lowers the minimum.

    Raises:
        TrustError: ``minimum.json`` is not what this function writes.
        OSError: no space, no permission.
    """
    known = _read_minimums(minimums)
    if name in known and version_key(known[name]) >= version_key(version):
        return
    minimums.parent.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.encode(known | {name: version}, order="sorted")
    write_atomically(minimums, msgspec.json.format(encoded, indent=2) + b"\n")


def version_key(version: str) -> tuple[int, ...]:
    """What versions are compared by, number by number: 2026.11.9 < 2026.11.20, and 1.2 is 1.2.0.

    Raises:
        TrustError: not dotted numbers.
    """
    if not _VERSION.fullmatch(version):
        raise TrustError(
            f"version: expected dotted numbers such as 1.2, found {brief(version)!r}; build with such a version"
        )
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _read_minimums(minimums: Path) -> dict[str, str]:
    if not _exists(minimums):
        return {}
    try:
        return msgspec.convert(decode_json(_read(minimums, MAX_TRUST_BYTES), str(minimums), MAX_TRUST_BYTES), _Minimums)
    except (BundleError, msgspec.ValidationError) as error:
        raise TrustError(f"{minimums}: not a list of names and versions ({error}); fix the file by hand") from error


def _from_public_key(line: str) -> Signer | None:
    found = PUBLIC_KEY.fullmatch(line)
    if found is None:
        return None
    # Two keys without a comment must not look like one person.
    unnamed = f"key-{hashlib.sha256(found['key'].encode()).hexdigest()[:12]}"
    principal = re.sub("[^A-Za-z0-9._@+-]+", "_", found["comment"] or "")[:100]
    return Signer(principal if re.fullmatch(_PRINCIPAL, principal) else unnamed, found["key"])


def _from_signers_line(line: str) -> Signer | None:
    found = _SIGNER.fullmatch(line)
    return Signer(found["principal"], found["key"]) if found else None


def _parse(line: str, where: str) -> Signer:
    signer = _from_signers_line(line)
    if signer is None:
        raise TrustError(
            f'{where}: expected NAME namespaces="{NAMESPACE}" KEY without patterns, dates or other options, '
            f"found {brief(line)!r}; fix or remove the line"
        )
    return signer


def _text(signers: Path) -> str:
    if not _exists(signers):
        return ""
    try:
        return _read(signers, MAX_TRUST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise TrustError(f"{signers}: not UTF-8 ({error}); fix the file by hand") from error


def _exists(path: Path) -> bool:
    # A missing file requires nothing; one that cannot be read must not be taken for missing.
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TrustError(f"{path}: cannot be read: {error.strerror}; fix its owner and mode") from error
    return True


def _read(path: Path, most: int) -> bytes:
    with file_errors_as(TrustError, "fix the file by hand"):
        return read_bounded(path, most)


def _ssh_keygen(arguments: list[str], given: bytes, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[bytes]:
    # Nothing to ask a passphrase with: no terminal, no agent, no helper program from the environment.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=given, capture_output=True, env=environment, timeout=limit_s, start_new_session=True, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise TrustError(
            "ssh-keygen, which verifies signatures, is not installed: sudo apt install openssh-client"
        ) from error
    except OSError as error:
        raise TrustError(f"ssh-keygen: cannot be run: {error.strerror}; try again") from error
    except subprocess.TimeoutExpired as error:
        raise TrustError(f"ssh-keygen: no answer within {limit_s:g} s; try again") from error


def _reason(run: subprocess.CompletedProcess[bytes]) -> str:
    last_line = (run.stdout + run.stderr).decode(errors="replace").strip().rpartition("\n")[2]
    return brief(last_line) or "no output of ssh-keygen"


def _names(allowed: Sequence[Signer]) -> str:
    return brief(" or ".join(sorted({signer.principal for signer in allowed})))
