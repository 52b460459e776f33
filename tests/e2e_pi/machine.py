"""A kiosk without a kiosk: an emulated aarch64 machine with a disk, a network cable, a clock and a power switch.

    with Machine(Path(os.environ["EDGE_ASL_PI_DISK"])) as kiosk:
        kiosk.run("systemctl is-system-running", user="pi")
        kiosk.snapshot("booted")
        kiosk.cut_power()
        kiosk.boot()
        kiosk.resume("booted")

``disk.sh`` makes the disk, of which each Machine has a copy of its own that goes with it. Nothing but its sshd can be
reached from outside, and nothing outside from within.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from emulator import Emulator

BOOT_S = 300.0
"""From power to sshd: 12 to 15 seconds, two minutes where much else computes."""
RUN_S = 60.0
SSH_CONFIG = """\
Host kiosk
    HostName 127.0.0.1
    Port {port}
    User pi
    IdentityFile {folder}/id_test
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 10
    ServerAliveInterval 5
    ServerAliveCountMax 3
"""
KEEP = ("-oControlMaster=auto", "-oControlPersist=yes")
"""``run`` keeps its connection: a new one costs an emulated processor a second."""
IMPATIENT = "-oConnectTimeout=3"
"""While the machine starts, the emulator accepts a connection that leads nowhere; the next one may lead to sshd."""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
FILLER = "/var/filler"


class MachineError(Exception):
    """The machine did not come up, or a command in it failed."""


class Machine:
    """One emulated machine, off until ``boot``; as a context manager, on and quiet from the start.

    It ends with the thread that switched it on.

    Args:
        disk: the folder that disk.sh made.

    Attributes:
        ssh_config: for ``ssh -F``; the machine is called ``kiosk`` there, its user is ``pi`` unless said otherwise.
            Host keys are checked, against the one on the disk.
        known_hosts: that key, by address and port.
        id_file: the key that ``pi`` and ``root`` let in.
        port: of its sshd on 127.0.0.1, the same for the Machine's whole life.
    """

    def __init__(self, disk: Path) -> None:
        self.port = _free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="edge-asl-pi-"))
        self._emulator = Emulator(disk.resolve(), self._folder, self.port)
        self.ssh_config, self.known_hosts = self._folder / "ssh_config", self._folder / "known_hosts"
        self.id_file = Path(shutil.copy(disk / "id_test", self._folder))
        kind, key = (disk / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        self.ssh_config.write_text(SSH_CONFIG.format(port=self.port, folder=self._folder))

    def __enter__(self) -> Self:
        try:
            self.boot()
            self.settled()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch off and forget the disk's copy."""
        self.cut_power()
        shutil.rmtree(self._folder, ignore_errors=True)

    # Power.

    def boot(self, clock: str = "utc", limit_s: float = BOOT_S) -> None:
        """Switch on; returns when sshd answers.

        Args:
            clock: what the machine's clock says at power on, such as ``2001-01-01T00:00:00``; this computer's time
                unless given. systemd puts a clock that is before its own release forward: see ``set_clock``.
            limit_s: how long that may take.

        Raises:
            MachineError: it did not come up in time; with the end of its console.
        """
        self._emulator.on("-rtc", f"base={clock}")
        self.wait_for_ssh(limit_s)

    def settled(self, limit_s: float = BOOT_S) -> str:
        """Wait until all that starts at boot has started or failed; ``running``, or ``degraded`` if a unit failed."""
        return self.run("systemctl is-system-running --wait || true", timeout_s=limit_s).strip()

    def cut_power(self) -> None:
        """At once, in the midst of whatever it does; nothing happens to a machine that is off.

        What the machine made durable (fsync, sync) is on its disk at the next boot; what lay in its memory is gone.
        """
        self._emulator.off()
        self._hang_up()

    def reboot(self, limit_s: float = BOOT_S) -> None:
        """As an operator does it; returns when sshd of the new start answers.

        Raises:
            MachineError: it did not come back in time.
        """
        before = self.boot_id()
        self.run("systemctl reboot", check=False)
        self._hang_up()
        self.wait_for_ssh(limit_s, f"! grep -q {before} {BOOT_ID}")  # until it goes down, the old sshd answers

    def boot_id(self) -> str:
        """Another one after each start."""
        return self.run(f"cat {BOOT_ID}").strip()

    # One moment, to begin many trials from.

    def snapshot(self, name: str) -> None:
        """Keep memory and disk as they are now; close your own connections before."""
        self._hang_up()
        with self._emulator.monitor() as monitor:
            monitor.type(f"savevm {name}")

    def resume(self, name: str, clock: bool = True, limit_s: float = BOOT_S) -> None:
        """Memory and disk as they were at the snapshot, whether the machine is on or off now.

        Its clock has stood still meanwhile, as that of a Raspberry Pi does; it is set to now unless ``clock`` is False.

        Raises:
            MachineError: there is no such snapshot, or sshd does not answer in time.
        """
        self.cut_power()
        self._emulator.on("-loadvm", name)
        self.wait_for_ssh(limit_s, f"date --utc --set=@{time.time():.0f}" if clock else "true")

    # Cable, clock, disk.

    def unplug(self) -> None:
        """Pull the network cable: no connection is told, and ``run`` cannot be used until ``plug``."""
        self._hang_up()
        self._cable(up=False)

    def plug(self) -> None:
        """Put it back."""
        self._cable(up=True)

    def _cable(self, up: bool) -> None:
        with self._emulator.monitor() as monitor:
            monitor.ask("set_link", name="cable", up=up)

    def set_clock(self, seconds: float) -> None:
        """Seconds since 1970; a kernel refuses a time at which it would have started before 1970: take 3600 or more."""
        self.run(f"date --utc --set=@{seconds:.0f}")

    def fill_disk(self, leave_mb: int) -> None:
        """Leave that many MiB for anybody, root included, until ``empty_disk``.

        Raises:
            MachineError: there are fewer.
        """
        free_mb = self.free_mb()
        if free_mb <= leave_mb:
            raise MachineError(f"kiosk: expected more than {leave_mb} MB free, found {free_mb}")
        self.run(f"fallocate --length {free_mb - leave_mb}MiB {FILLER} && sync")

    def empty_disk(self) -> None:
        """Take back what ``fill_disk`` took."""
        self.run(f"rm -f {FILLER} && sync")

    def free_mb(self) -> int:
        """Room on its disk, in MiB."""
        blocks, size = map(int, self.run("stat --file-system --format='%a %S' /").split())
        return blocks * size // 2**20

    # Inside.

    def ssh(self, user: str = "pi", *options: str) -> list[str]:
        """The words before a command that is to run there, over a connection of its own."""
        return ["ssh", "-F", str(self.ssh_config), "-l", user, *options, "kiosk"]

    def run(
        self, command: str, *options: str, user: str = "root", check: bool = True, timeout_s: float = RUN_S,
        stdin: bytes = b"",
    ) -> str:  # fmt: skip
        """What a shell command printed there; further words are ssh's.

        Raises:
            MachineError: it failed (unless ``check`` is False) or did not end in time.
        """
        words = self.ssh(user, *KEEP, f"-oControlPath={self._folder}/own-%r", *options)
        try:
            done = subprocess.run(
                [*words, command], input=stdin, capture_output=True, timeout=timeout_s, check=False
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise MachineError(f"kiosk: expected an end of {command!r} within {timeout_s:.0f} s") from None
        if check and done.returncode:
            raise MachineError(f"kiosk: {command!r}: exit status {done.returncode}: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def _hang_up(self) -> None:
        """End the connections that ``run`` keeps; a machine that vanishes does not."""
        for line in self._folder.glob("own-*"):
            words = ["ssh", "-F", str(self.ssh_config), f"-oControlPath={line}", "-O", "exit", "kiosk"]
            subprocess.run(words, capture_output=True, timeout=20, check=False)
            line.unlink(missing_ok=True)

    def journal(self, unit: str) -> str:
        """A unit's lines since the last start."""
        return self.run(f"journalctl --unit {shlex.quote(unit)} --boot --output=cat --no-pager")

    def wait_for_ssh(self, limit_s: float = BOOT_S, command: str = "true") -> None:
        """Until root's ``command`` succeeds there.

        Raises:
            MachineError: not within the limit, or the emulator ended; with the end of the machine's console.
        """
        deadline = time.monotonic() + limit_s
        while self._emulator.alive and time.monotonic() < deadline:
            with contextlib.suppress(MachineError):
                self.run(command, IMPATIENT, timeout_s=20)
                return
            self._hang_up()
            time.sleep(0.2)
        raise MachineError(f"kiosk: expected sshd within {limit_s:.0f} s; its console ends:\n{self._emulator.said()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
