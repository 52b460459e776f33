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
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_asl.deploy.fleet.results import RolloutReport
from edge_asl.deploy.keys import sign_for_devices
from edge_asl.errors import DeviceError, ToolMissing
from edge_asl.progress import Progress
from edge_asl_device.contract.bundle import read_bundle

PLAYBOOK = Path(__file__).parent / "ansible" / "deploy.yml"
STALL_S = 3600
"""Without an event: twice the device's own limit for an activation."""
END_S = 20
"""For Ansible to end once it is interrupted."""


class Rollout(Struct, frozen=True, kw_only=True):
    """What to roll out, and to whom."""

    bundle: Path
    inventory: Path
    limit: str | None = None
    """Ansible's pattern for the devices to include."""
    variables: dict[str, Any] = {}
    """The playbook's, without ``edge_asl_``; they take precedence over the inventory's."""
    key: Path | None = None
    dry_run: bool = False


def roll_out(rollout: Rollout, progress: Progress) -> RolloutReport:
    """Run the playbook to its end; Ctrl-C stops it.

    Raises:
        ToolMissing: Ansible is not installed.
        EdgeAslError: the bundle is damaged, signing failed, or Ansible finds no devices.
    """
    started = time.monotonic()
    if find_spec("ansible_runner") is None or shutil.which("ansible-playbook", path=_environment()["PATH"]) is None:
        raise ToolMissing("Ansible is not installed; pip install 'edge-asl[fleet]'")
    manifest = read_bundle(rollout.bundle).manifest
    sign_for_devices(rollout.bundle, rollout.key, progress.say, again=True)
    report = RolloutReport(bundle=manifest.name, version=manifest.version)
    status, unsaid = _run(rollout, report, progress)
    if status == "timeout":
        raise DeviceError(f"ansible-playbook: nothing happened for {STALL_S} s; see edge-asl status of each device")
    if not report.devices and status != "canceled":
        errors = [line.removeprefix("[ERROR]: ").rstrip(".") for line in unsaid if line.startswith("[ERROR]: ")]
        why = "; ".join(errors) or "Ansible finds no devices in it"
        advice = f"ansible-inventory -i {rollout.inventory} --graph shows what Ansible reads"
        raise DeviceError(f"{rollout.inventory}: {why}; {advice}")
    report.end(status, time.monotonic() - started)
    return report


def _run(rollout: Rollout, report: RolloutReport, progress: Progress) -> tuple[str, list[str]]:
    """``successful``, ``failed``, ``timeout`` or ``canceled``, and what Ansible said before it found any device."""
    import ansible_runner

    interrupted = ansible_runner.utils.signal_handler()
    said: list[str] = []
    pids: list[int] = []
    asked_s: list[float] = []

    def take(event: dict[str, Any]) -> bool:
        if "pid" in event and not pids:  # the first is ansible-playbook's own
            pids.append(event["pid"])
        report.take(event)
        said.extend(event.get("stdout", "").splitlines())
        while report.devices and said:  # until there are any, it may be about the inventory
            progress.say(said.pop(0))
        return False  # keep no file of it

    def kill() -> bool:
        """Interrupted, Ansible ends its workers; killed, it would leave them behind."""
        if interrupted() and pids and not asked_s:
            asked_s.append(time.monotonic())
            os.kill(pids[0], signal.SIGINT)
        return interrupted() and (not pids or time.monotonic() - asked_s[0] > END_S)

    variables = {"bundle": str(rollout.bundle.absolute()), "command": [sys.executable, "-m", "edge_asl"]}
    variables |= rollout.variables | ({"key": str(rollout.key.absolute())} if rollout.key else {})
    with tempfile.TemporaryDirectory(prefix="edge-asl-fleet-") as folder:
        run = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(Path.cwd()),  # where Ansible looks for an ansible.cfg
            playbook=str(PLAYBOOK),
            inventory=str(rollout.inventory.absolute()),
            limit=rollout.limit,
            cmdline="--check" if rollout.dry_run else None,
            extravars={f"edge_asl_{name}": value for name, value in variables.items()},
            envvars=_environment(),
            settings={"idle_timeout": STALL_S, "pexpect_timeout": 1},
            event_handler=take,
            cancel_callback=kill,
            quiet=True,
        )
    return "canceled" if interrupted() else str(run.status), said


def _environment() -> dict[str, str]:
    """Of ansible-playbook; what the user has set wins, here or in a configuration where Ansible looks for one."""
    ours = {"ANSIBLE_HOST_KEY_CHECKING": "True"}  # ansible-runner would not check
    files = (Path("ansible.cfg"), Path("~/.ansible.cfg").expanduser(), Path("/etc/ansible/ansible.cfg"))
    if not any(file.is_file() for file in files):
        ours["ANSIBLE_CONFIG"] = str(PLAYBOOK.with_name("ansible.cfg"))
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return ours | dict(os.environ) | {"PATH": path, "ANSIBLE_NOCOLOR": "1"}
