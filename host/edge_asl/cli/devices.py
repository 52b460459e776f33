"""The commands about devices: ``pack``, ``status``, ``rollback``, ``doctor``, ``logs``, ``bench``, ``wheelhouse``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.options import (
    TARGET,
    BundleArgument,
    JsonOption,
    KeyOption,
    ModeOption,
    RootOption,
    RuntimeName,
    RuntimeOption,
    SshConfigOption,
    TargetArgument,
    WheelhouseOption,
    finish,
    option,
    parsed_target,
    print_json,
)

FACTS_HELP = "JSON: for each device its facts and what was chosen; - is standard input."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: list[Callable[..., None]] = [pack, *map(_operation, OPERATIONS), doctor, logs, bench, wheelhouse]
    for command in commands:
        app.command()(command)


def pack(
    bundle: Annotated[Path | None, typer.Argument(help="Bundle folder.", show_default=False)] = None,
    facts: Annotated[Path | None, option(FACTS_HELP, allow_dash=True)] = None,
    out: Annotated[Path | None, option("Folder for the update packages. Default: a cache.")] = None,
    key: KeyOption = None,
    wheelhouse: WheelhouseOption = None,
    playbook: Annotated[bool, typer.Option("--playbook", help="Print the path of the Ansible playbook.")] = False,
) -> None:
    """Build per-device update packages for Ansible or another tool, and print as JSON what to run on each device.

    The Ansible playbook runs this. To use the playbook by itself: ansible-playbook -i kiosks.yml "$(edge-asl pack
    --playbook)" -e edge_asl_bundle=/path/to/bundle
    """
    if playbook:
        from edge_asl.deploy.fleet.rollout import PLAYBOOK

        typer.echo(PLAYBOOK)
        return
    if bundle is None or facts is None:
        raise typer.BadParameter("name a bundle and --facts, or use --playbook", param_hint="BUNDLE")
    from edge_asl.deploy.fleet.updates import read_devices, updates_for
    from edge_asl.progress import console

    print_json(updates_for(read_devices(facts), bundle, console(), key, wheelhouse, out))


OPERATIONS = {
    "status": "Show what a device runs, what it ran before, and how the last switch went.",
    "rollback": "Switch a device back to its previous release.",
}
"""Commands with nothing but a target: names of functions in ``deploy.operate``."""


def _operation(name: str) -> Callable[..., None]:
    def command(
        target: TargetArgument,
        mode: ModeOption = None,
        root: RootOption = None,
        ssh_config: SshConfigOption = None,
        json: JsonOption = False,
    ) -> None:
        from edge_asl.deploy import operate

        finish(getattr(operate, name)(parsed_target(target, mode, root, ssh_config), json=json))

    command.__name__, command.__doc__ = name, OPERATIONS[name]
    return command


def doctor(
    target: Annotated[str | None, TARGET] = None,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check a device: what it is, what is missing, and whether its bundle runs.

    Without a target, check this workstation: what TensorFlow trains with here, and why a GPU is not used.
    """
    if target is not None:
        from edge_asl.deploy.operate import doctor as run

        finish(run(parsed_target(target, mode, root, ssh_config), json=json))
        return
    from edge_asl.workstation.doctor import examine, lines

    found = examine(os.environ)
    if json:
        print_json(found)
    finish((0 if found["ok"] else 1, "" if json else "\n".join(lines(found))))


def logs(
    target: TargetArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines to show.", min=1)] = 100,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
) -> None:
    """Show the program's log on a device."""
    from edge_asl.deploy.operate import logs as run

    finish(run(parsed_target(target, mode, root, ssh_config), lines, follow=follow))


def bench(
    bundle: BundleArgument,
    on: Annotated[
        str | None, option("Measure on this device, beside the release it is running. Default: here.")
    ] = None,
    runs: Annotated[int, typer.Option(help="How many measurements of each.", min=1)] = 300,
    runtime: RuntimeOption = RuntimeName.auto,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the bare inference and the whole path, here or on a device."""
    from edge_asl.deploy.operate import bench_here, bench_there
    from edge_asl.progress import console

    if on is None:
        finish(bench_here(bundle, runs, runtime.value, json=json))
    else:
        target = parsed_target(on, mode, root, ssh_config)
        finish(bench_there(bundle, target, runs, runtime.value, console(), json=json))


def wheelhouse(
    folder: Annotated[Path, typer.Argument(help="Folder to fill with wheels.", show_default=False)],
    system: Annotated[str, typer.Option(help="The devices' Debian: bookworm or trixie.")] = "bookworm",
    machine: Annotated[str, typer.Option(help="Their CPU: aarch64 or x86_64.")] = "aarch64",
    runtime: RuntimeOption = RuntimeName.auto,
) -> None:
    """Download the packages that devices need, for a workstation without internet."""
    from edge_asl.deploy.environment.download import fill_wheelhouse
    from edge_asl.deploy.environment.platforms import choose, debian
    from edge_asl.progress import console

    fill_wheelhouse(choose(debian(system, machine), runtime.value), folder, console())
    typer.echo(f"{folder}: use it with edge-asl deploy --wheelhouse {folder}")
