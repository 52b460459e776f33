"""The machine below the kiosk: qemu with a processor, a disk's copy, and a network card that leads to 127.0.0.1."""

from __future__ import annotations

import subprocess
from pathlib import Path

from monitor import Monitor, MonitorError

MEMORY_MB = 1024
"""As a Raspberry Pi has at least that docs/operations.md speaks of."""
KERNEL_OPTIONS = "console=ttyAMA0 loglevel=4 net.ifnames=0 mitigations=off"


class Emulator:
    """Off until ``on``.

    Args:
        disk: the folder that disk.sh made; it is only read.
        folder: for the disk's copy, the console's text and the monitor's socket. Its path is short: a socket's has at
            most 107 bytes.
        port: of 127.0.0.1, that leads to the machine's sshd.
    """

    def __init__(self, disk: Path, folder: Path, port: int) -> None:
        self._disk, self._folder, self._port = disk, folder, port
        self._copy = folder / "disk.qcow2"
        self._process: subprocess.Popen[bytes] | None = None
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk / "disk"), str(self._copy)]
        subprocess.run(create, check=True, timeout=60)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def on(self, *options: str) -> None:
        """Start it, with further words of qemu's.

        Raises:
            MonitorError: it is on.
        """
        if self._process is not None:
            raise MonitorError("kiosk: expected a machine that is off; cut_power() first")
        (self._folder / "monitor").unlink(missing_ok=True)
        with (self._folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [*self._command(), *options], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )

    def off(self) -> None:
        """Kill it; nothing happens to one that is off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def monitor(self) -> Monitor:
        """A new connection to its monitor; a context manager.

        Raises:
            MonitorError: it is off, or does not answer.
        """
        if not self.alive:
            raise MonitorError(f"kiosk: expected a machine that is on; its console ends with:\n{self.said()}")
        return Monitor(self._folder / "monitor", timeout_s=30)

    def said(self) -> str:
        """The end of its console, from all its starts, and what qemu complained of."""
        console = self._folder / "console"
        return console.read_bytes()[-3000:].decode(errors="replace") if console.exists() else ""

    def _command(self) -> list[str]:
        return [
            # It must not outlive the tests: it ends with the thread that started it.
            "setpriv", "--pdeathsig", "KILL",
            # A Raspberry Pi 4's processor.
            "qemu-system-aarch64", "-machine", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "2",
            "-accel", "tcg,thread=multi,tb-size=512", "-m", str(MEMORY_MB),
            "-nodefaults", "-display", "none", "-serial", "stdio",
            "-qmp", f"unix:{self._folder / 'monitor'},server=on,wait=off",
            "-kernel", str(self._disk / "vmlinuz"), "-initrd", str(self._disk / "initrd"), "-append", KERNEL_OPTIONS,
            # What the machine flushes reaches this computer's kernel, which outlives the emulator. What it only wrote
            # may lie in tables of the emulator's and go with it, as in a card's own cache.
            "-drive", f"file={self._copy},format=qcow2,if=none,id=card,cache=writeback,discard=unmap",
            "-device", "virtio-blk-pci,drive=card",
            "-netdev", f"user,id=cable,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22",
            "-device", "virtio-net-pci,netdev=cable,romfile=",
            "-device", "virtio-rng-pci",
        ]  # fmt: skip
