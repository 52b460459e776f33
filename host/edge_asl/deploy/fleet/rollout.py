"""``edge-asl deploy --inventory``: many devices, in waves, by Ansible.

ansible-runner, Ansible's interface for other programs, starts ``ansible-playbook`` and reports what happens as events.
The playbook is in ``ansible/`` beside this file and works without this module too: it asks ``edge-asl pack`` what to do
on each device.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_asl.deploy.fleet.results import DeviceResult, Outcome, Results
from edge_asl.deploy.keys import default_key, sign_for_devices
from edge_asl.errors import DeviceError, ToolMissing
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import read_bundle
from edge_asl_device.errors import one_line

PLAYBOOK = Path(__file__).parent / "ansible" / "deploy.yml"
STALL_S = 3600
"""Without an event: twice the device's own limit for an activation."""
FORKS = 25
SSH_ARGS = "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=5 -o ServerAliveCountMax=4"
"""Ansible's own would compress, and packages are compressed."""
GOOD = (Outcome.UNCHANGED, Outcome.ACTIVATED, Outcome.WOULD_CHANGE)


class Rollout(Struct, frozen=True, kw_only=True):
    """What to roll out, and to whom."""

    bundle: Path
    inventory: Path
    serial: list[str]
    """Sizes of the waves, numbers or percentages; the last one repeats."""
    max_fail: float
    """Percentage of a wave; if more fail, the next wave does not start."""
    limit: str | None = None
    """Ansible's pattern for the devices to include."""
    variables: dict[str, Any] = {}
    """``edge_asl_…`` for all devices; they take precedence over the inventory's."""
    key: Path | None = None
    dry_run: bool = False


class RolloutReport(Struct, frozen=True, kw_only=True):
    """What became of all devices."""

    bundle: str
    version: str
    ok: bool
    interrupted: bool
    seconds: float
    devices: list[DeviceResult]


def roll_out(rollout: Rollout, progress: Progress) -> RolloutReport:
    """Run the playbook to its end; Ctrl-C stops it.

    Raises:
        ToolMissing: Ansible is not installed.
        EdgeAslError: the bundle is damaged, signing failed, or Ansible finds no devices.
    """
    started = time.monotonic()
    if find_spec("ansible_runner") is None or shutil.which("ansible-playbook", path=_path()) is None:
        raise ToolMissing("Ansible is not installed; pip install 'edge-asl[fleet]'")
    manifest = read_bundle(rollout.bundle).manifest
    sign_for_devices(rollout.bundle, rollout.key, progress.say, again=True)
    results = Results()
    said: list[str] = []

    def take(event: dict[str, Any]) -> bool:
        results.take(event)
        said.extend(event.get("stdout", "").splitlines())
        while results.devices and said:  # until there are any, it may be about the inventory
            progress.say(said.pop(0))
        return False  # keep no file of it

    status = _run(rollout, take)
    if status == "timeout":
        raise DeviceError(f"ansible-playbook: nothing happened for {STALL_S} s; see edge-asl status of each device")
    if not results.devices and status != "canceled":
        raise DeviceError(_no_devices(rollout.inventory, said))
    devices = results.final(interrupted=status == "canceled")
    return RolloutReport(
        bundle=manifest.name,
        version=manifest.version,
        ok=status == "successful" and all(device.result in GOOD for device in devices),
        interrupted=status == "canceled",
        seconds=round(time.monotonic() - started, 1),
        devices=devices,
    )


def format_report(report: RolloutReport) -> Iterator[str]:
    """A table for people."""
    wide = max([len("device"), *(len(row.device) for row in report.devices)])
    yield f"{'device':<{wide}}  {'result':<12}  {'release':<12}  {'seconds':>7}  message"
    for row in report.devices:
        message = f"  {row.message}" if row.message else ""
        yield f"{row.device:<{wide}}  {row.result:<12}  {row.release[:12]:<12}  {row.seconds:>7.1f}{message}"
    counts = {result: sum(row.result is result for row in report.devices) for result in Outcome}
    told = ", ".join(f"{count} {result}" for result, count in counts.items() if count)
    yield f"{report.bundle} {report.version}: {told}; {report.seconds:.0f} s"


def _run(rollout: Rollout, take: Callable[[dict[str, Any]], bool]) -> str:
    """``successful``, ``failed``, ``timeout`` or ``canceled``."""
    import ansible_runner

    stop = threading.Event()
    key = rollout.key or default_key()
    variables = {
        "edge_asl_bundle": str(rollout.bundle.absolute()),
        "edge_asl_serial": rollout.serial,
        "edge_asl_max_fail": rollout.max_fail,
        "edge_asl_command": [sys.executable, "-m", "edge_asl"],
        **({"edge_asl_key": str(key.absolute())} if key else {}),
        **rollout.variables,
    }
    before = signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    try:
        with tempfile.TemporaryDirectory(prefix="edge-asl-fleet-") as folder:
            run = ansible_runner.run(
                private_data_dir=folder,
                project_dir=str(Path.cwd()),  # where Ansible looks for an ansible.cfg
                playbook=str(PLAYBOOK),
                inventory=str(rollout.inventory.absolute()),
                limit=rollout.limit,
                cmdline="--check" if rollout.dry_run else None,
                extravars=variables,
                envvars=_environment(),
                settings={"idle_timeout": STALL_S, "pexpect_timeout": 1},
                event_handler=take,
                cancel_callback=stop.is_set,
                quiet=True,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    return str(run.status)


def _path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"


def _environment() -> dict[str, str]:
    """What the user has set wins, in the environment or in a configuration where ansible-playbook looks for one."""
    defaults = {"ANSIBLE_HOST_KEY_CHECKING": "True"}  # ansible-runner would not check
    files = (Path("ansible.cfg"), Path("~/.ansible.cfg").expanduser(), Path("/etc/ansible/ansible.cfg"))
    if "ANSIBLE_CONFIG" not in os.environ and not any(file.is_file() for file in files):
        defaults |= {"ANSIBLE_FORKS": str(FORKS), "ANSIBLE_SSH_ARGS": SSH_ARGS}
    return defaults | dict(os.environ) | {"PATH": _path(), "ANSIBLE_NOCOLOR": "1"}


def _no_devices(inventory: Path, said: list[str]) -> str:
    errors = [line.removeprefix("[ERROR]: ").rstrip(".") for line in said if line.startswith("[ERROR]: ")]
    why = "; ".join(errors) or "Ansible finds no devices in it"
    return one_line(f"{inventory}: {why}; ansible-inventory -i {inventory} --graph shows what Ansible reads")
