"""Many kiosks on this machine: one sshd with a port for each, a folder for each, an inventory that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from sshd import Sshd, free_ports

from edge_asl_device.releases.installation import Installation, Mode
from edge_asl_device.releases.plain import Plain

FILM = Path(__file__).parents[1] / "data" / "BALLY.mp4"


class Kiosks:
    """``count`` devices in plain mode; a context manager that ends their programs, too.

    Args:
        folder: an empty or new one for all of it.
        count: how many.
        source: the camera of all.
    """

    def __init__(self, folder: Path, count: int, source: Path = FILM) -> None:
        self.folder = folder
        self.names = [f"kiosk-{number}" for number in range(1, count + 1)]
        self.pages = dict(zip(self.names, free_ports(count), strict=True))
        self.server = Sshd(folder / "sshd", self.names)
        self.inventory = folder / "kiosks.yml"
        self.options = {
            name: f"--source {source} --loop --max-fps 1 --mute --port {port}" for name, port in self.pages.items()
        }
        self.write_inventory()

    def root(self, name: str) -> Path:
        """The device's folder."""
        return self.folder / name

    def write_inventory(self, **extra: str) -> None:
        """Anew from ``options``; ``extra`` are variables of all."""
        lines = ["all:", "  vars:", f"    ansible_ssh_common_args: -F {self.server.config}", "    edge_asl_mode: plain"]
        lines += [f"    {key}: {value}" for key, value in extra.items()]
        lines += ["  hosts:"]
        for name in self.names:
            lines += [f"    {name}:", f"      edge_asl_root: {self.root(name)}"]
            if options := self.options.get(name):
                lines += [f"      edge_asl_options: {options}"]
        self.inventory.write_text("\n".join(lines) + "\n")

    def current(self, name: str) -> str | None:
        """The release that a device runs."""
        link = self.root(name) / "current"
        return link.readlink().name if link.is_symlink() else None

    def end(self, name: str) -> None:
        """End a device's program, with its children."""
        Plain(Installation.at(self.root(name), Mode.PLAIN)).stop()

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in self.names:
            self.end(name)
        self.server.stop()
