"""Where everything lies on a device: the one table that its program, the agent, Ansible and the units go by."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import sync

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
    """Nobody: it runs until it is stopped or the machine is. For trying out, and where there is no systemd."""


ROOTS = {Mode.SYSTEM: "/var/lib/edge-asl", Mode.USER: "~/.local/share/edge-asl"}
SETTINGS = {Mode.SYSTEM: "/etc/edge-asl/kiosk.env", Mode.USER: "~/.config/edge-asl/kiosk.env"}


class Installation(NamedTuple):
    """The paths of one device. Another machine's are taken as they are: ``~`` is that machine's user's."""

    mode: Mode
    root: Path
    settings: Path
    """The options of ``edge-asl-device run``."""
    objects: Path
    """SHA256: files by content, hard-linked into what follows."""
    environments: Path
    """DIGEST/: the program and its packages, a virtual environment laid out by the workstation."""
    releases: Path
    """DIGEST/: release.json, bundle/, environment -> ../../environments/DIGEST."""
    current: Path
    """Link to the release that runs."""
    previous: Path
    """Link to the one before."""
    program: Path
    """``edge-asl-device`` of the release that runs."""
    mode_file: Path
    """The mode, for who knows only the root."""
    screen: Path
    """Exists where the machine shows the page on its own screen."""
    signers: Path
    """Whose signatures are accepted, in ssh-keygen's format."""
    minimums: Path
    """The lowest version of each bundle that is accepted."""
    lock: Path
    """Who is deploying, while somebody is."""
    recheck: Path
    """Exists where the program of a staged release did not start: the next deployment hashes every file."""
    activation: Path
    """How far the last activation came."""

    @classmethod
    def at(cls, root: str | Path, mode: Mode) -> Installation:
        """The table below a root."""
        root = Path(root)
        return cls(
            mode=mode,
            root=root,
            settings=Path(SETTINGS.get(mode, root / "kiosk.env")),
            objects=root / "objects",
            environments=root / "environments",
            releases=root / "releases",
            current=root / "current",
            previous=root / "previous",
            program=program_of(root / "current" / "environment"),
            mode_file=root / "mode",
            screen=root / "screen",
            signers=root / "trust" / "allowed_signers",
            minimums=root / "trust" / "minimum.json",
            lock=root / "lock",
            recheck=root / "recheck",
            activation=root / "activation.json",
        )

    @classmethod
    def here(cls, root: str | None, mode: str) -> Installation:
        """This machine's, as the command line names it; ``root`` may be left out where the mode has one.

        Raises:
            ReleaseError: plain mode without a root.
        """
        chosen = root or ROOTS.get(Mode(mode))
        if chosen is None:
            raise ReleaseError("--mode plain has no default folder; name one with --root")
        table = cls.at(Path(chosen).expanduser().absolute(), Mode(mode))
        return table._replace(settings=table.settings.expanduser())

    def paths(self) -> dict[str, str]:
        """Name → path, for ``agent.py``, which runs where this package is not."""
        return {name: str(value) for name, value in self._asdict().items() if name != "mode"}

    @property
    def arguments(self) -> list[str]:
        """For every command of ``edge-asl-device`` about releases."""
        return ["--root", str(self.root), "--mode", str(self.mode)]

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
            matches = "more than one release matches" if found else "no release matches"
            raise ReleaseError(f"{self.releases}: {matches} {wanted}; staged: {have}")
        return found[0]

    def staged(self) -> list[str]:
        """Digests of the releases, oldest first."""
        if not self.releases.is_dir():
            return []
        folders = [path for path in self.releases.iterdir() if DIGEST.fullmatch(path.name)]
        return [path.name for path in sorted(folders, key=lambda path: path.stat().st_mtime)]

    def point(self, link: Path, digest: str | None) -> None:
        """Make ``link`` name a release, or nothing: by one rename, so that it always names a whole one."""
        if digest is None:
            link.unlink(missing_ok=True)
        else:
            beside = self.root / f".{link.name}.new"
            beside.unlink(missing_ok=True)
            beside.symlink_to(Path("releases") / digest)
            beside.rename(link)
        sync(self.root)


def program_of(environment: Path) -> Path:
    """The launcher of an environment."""
    return environment / "bin" / "edge-asl-device"
