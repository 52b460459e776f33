"""Where releases lie on a device.

ROOT/objects/SHA256             files by content, hard-linked into what follows
ROOT/environments/DIGEST/           the program and its packages, a virtual environment laid out by the workstation
ROOT/releases/DIGEST/           release.json, bundle/, environment -> ../../environments/DIGEST
ROOT/current, ROOT/previous     links to releases/DIGEST
ROOT/trust/                     whose bundles are taken, and from which version on
ROOT/lock                       whose deployment is at work
ROOT/activation.json            how far the last activation came
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import sync_folder

DIGEST = re.compile("[0-9a-f]{64}")
SHORTEST = 6
"""Of a digest that a person types."""


class Mode(StrEnum):
    """Who keeps the program running."""

    SYSTEM = "system"
    """systemd, as a service of the machine; needs root."""
    USER = "user"
    """systemd, as a service of an ordinary user."""
    PLAIN = "plain"
    """Nobody: it runs until it is ended or the machine is. For trying out, and where there is no systemd."""


ROOTS = {Mode.SYSTEM: "/var/lib/edge-asl", Mode.USER: "~/.local/share/edge-asl"}
SETTINGS = {Mode.SYSTEM: "/etc/edge-asl/kiosk.env", Mode.USER: "~/.config/edge-asl/kiosk.env"}


class Installation(NamedTuple):
    """A root folder and who runs what lies there."""

    root: Path
    mode: Mode

    @classmethod
    def of(cls, root: str | None, mode: str) -> Installation:
        """The place that the command line names; ``root`` may be left out where the mode has one.

        Raises:
            ReleaseError: plain mode without a root.
        """
        chosen = root or ROOTS.get(Mode(mode))
        if chosen is None:
            raise ReleaseError("--root: expected a folder in plain mode, found none; name it")
        return cls(Path(chosen).expanduser().absolute(), Mode(mode))

    @property
    def releases(self) -> Path:
        """Folder of the releases."""
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        """Folder of the environments."""
        return self.root / "environments"

    @property
    def lock(self) -> Path:
        """Whose deployment is at work, while one is."""
        return self.root / "lock"

    @property
    def objects(self) -> Path:
        """Folder of the files by content."""
        return self.root / "objects"

    @property
    def current(self) -> Path:
        """Link to the release that runs."""
        return self.root / "current"

    @property
    def previous(self) -> Path:
        """Link to the one before."""
        return self.root / "previous"

    @property
    def signers(self) -> Path:
        """Whose signatures are taken, in ssh-keygen's format."""
        return self.root / "trust" / "allowed_signers"

    @property
    def minimums(self) -> Path:
        """The lowest version of each bundle that is taken."""
        return self.root / "trust" / "minimum.json"

    @property
    def screen(self) -> Path:
        """A file that says that this machine shows the page on its own screen."""
        return self.root / "screen"

    @property
    def settings(self) -> Path:
        """The file with the program's options."""
        named = SETTINGS.get(self.mode)
        return Path(named).expanduser() if named else self.root / "kiosk.env"

    def linked(self, link: Path) -> str | None:
        """The digest of the release that ``current`` or ``previous`` names, if there is one."""
        try:
            name = link.readlink().name
        except OSError:
            return None
        return name if DIGEST.fullmatch(name) else None

    def find(self, wanted: str) -> str:
        """The whole digest of a staged release from its first characters.

        Raises:
            ReleaseError: none begins so, or several do.
        """
        if not re.fullmatch(f"[0-9a-f]{{{SHORTEST},64}}", wanted):
            raise ReleaseError(f"release: expected {SHORTEST} to 64 characters of 0-9a-f, found {wanted!r}")
        staged = self.staged()
        found = [digest for digest in staged if digest.startswith(wanted)]
        if len(found) != 1:
            have = ", ".join(digest[:12] for digest in staged) or "none"
            raise ReleaseError(f"release {wanted}: expected one that is staged in {self.releases}, found: {have}")
        return found[0]

    def staged(self) -> list[str]:
        """Digests of the releases, oldest first."""
        if not self.releases.is_dir():
            return []
        folders = [path for path in self.releases.iterdir() if DIGEST.fullmatch(path.name)]
        return [path.name for path in sorted(folders, key=lambda path: path.stat().st_mtime)]

    def point(self, link: Path, digest: str | None) -> None:
        """Make ``link`` name a release, or nothing: by one rename, so that it always names something whole."""
        if digest is None:
            link.unlink(missing_ok=True)
        else:
            beside = self.root / f".{link.name}.new"
            beside.unlink(missing_ok=True)
            beside.symlink_to(Path("releases") / digest)
            beside.rename(link)
        sync_folder(self.root)
