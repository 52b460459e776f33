"""``edge-asl deploy``: to one device, or to many through Ansible's inventory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    WheelhouseOption,
    option,
    parsed_target,
    print_json,
)
from edge_asl.cli.waves import parse_max_fail, parse_serial

if TYPE_CHECKING:
    from edge_asl.deploy.deployment import DeployRequest
    from edge_asl.deploy.fleet.rollout import Rollout
    from edge_asl.deploy.remote import Session

OPTIONS_HELP = "Set the options of edge-asl-device run, such as '--language de --source v4l2'."
HEALTH_HELP = "Seconds the new release has to become healthy. Default: 60."
DOWNGRADE_HELP = "Allow a version older than one the device has already run."
INVENTORY_HELP = (
    "Deploy to the devices of this Ansible inventory instead of TARGET; it may set edge_asl_root, edge_asl_mode, … for "
    "each."
)
SERIAL_HELP = "With --inventory: sizes of the waves; the last one repeats. Default: 1,25%,100%."
MAX_FAIL_HELP = "With --inventory: start no further wave if more of the last one failed. Default: 0%."
LIMIT_HELP = "With --inventory: only devices that match this Ansible pattern."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(deploy)


def deploy(
    bundle: BundleArgument,
    target: Annotated[str | None, TARGET] = None,
    mode: ModeOption = None,
    root: RootOption = None,
    runtime: RuntimeOption = RuntimeName.auto,
    options: Annotated[str | None, option(OPTIONS_HELP)] = None,
    screen: Annotated[bool, option("Show the page on the device's own screen.", "--screen")] = False,
    key: KeyOption = None,
    allow_downgrade: Annotated[bool, option(DOWNGRADE_HELP, "--allow-downgrade")] = False,
    keep: Annotated[int | None, option("How many releases to keep on the device. Default: 3.", min=2)] = None,
    health_limit: Annotated[float | None, option(HEALTH_HELP, min=5, max=600)] = None,
    wheelhouse: WheelhouseOption = None,
    break_lock: Annotated[bool, option("Override another deployment's lock.", "--break-lock")] = False,
    dry_run: Annotated[bool, option("Print the plan and change nothing.", "--dry-run")] = False,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
    inventory: Annotated[Path | None, option(INVENTORY_HELP, exists=True)] = None,
    serial: Annotated[str | None, option(SERIAL_HELP)] = None,
    max_fail: Annotated[str | None, option(MAX_FAIL_HELP)] = None,
    limit: Annotated[str | None, option(LIMIT_HELP)] = None,
) -> None:
    """Deploy a bundle and the program that runs it to a device, or to many with --inventory.

    The device verifies and tests the release, switches to it, and rolls back if it does not become healthy. The first
    deployment sends everything, later ones only what changed. If one is interrupted, the device keeps running; run the
    same command again to continue.
    """
    chosen = _given(
        options=options, screen=screen, keep=keep, health_limit_s=health_limit, allow_downgrade=allow_downgrade
    )
    if inventory is not None:
        _refuse("cannot be combined with --inventory", {"TARGET": target, "--root": root, "--ssh-config": ssh_config})
        kind = runtime if runtime is not RuntimeName.auto else None
        wheels = wheelhouse and str(wheelhouse.absolute())
        chosen |= _given(mode=mode, runtime=kind, break_lock=break_lock, wheelhouse=wheels)
        chosen |= {"serial": parse_serial(serial or "1,25%,100%"), "max_fail": parse_max_fail(max_fail or "0%")}
        from edge_asl.deploy.fleet.rollout import Rollout

        rollout = Rollout(bundle=bundle, inventory=inventory, limit=limit, variables=chosen, key=key, dry_run=dry_run)
        _deploy_to_many(rollout, json=json)
        return
    _refuse("works only with --inventory", {"--serial": serial, "--max-fail": max_fail, "--limit": limit})
    if target is None:
        raise typer.BadParameter("name a device such as pi@kiosk-1, or use --inventory", param_hint="TARGET")
    device = parsed_target(target, mode, root, ssh_config)
    with device.session() as session:  # begins to connect; what the rest needs is loaded meanwhile
        from edge_asl.deploy.deployment import DeployRequest
        from edge_asl.deploy.requirements import Choices

        request = DeployRequest(
            bundle=bundle,
            target=device,
            choices=Choices(mode=device.mode, **chosen),
            runtime=runtime.value,
            wheelhouse=wheelhouse,
            key=key,
            break_lock=break_lock,
            dry_run=dry_run,
        )
        _deploy_to_one(request, session, json=json)


def _given(**options: Any) -> dict[str, Any]:
    """Those that were given; for the others the defaults of the library, or of the inventory, hold."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def _refuse(why: str, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(why, param_hint=name)


def _deploy_to_one(request: DeployRequest, session: Session, *, json: bool) -> None:
    from edge_asl.deploy.deployment import deploy as run
    from edge_asl.deploy.deployment import format_plan
    from edge_asl.progress import console

    report = run(request, session, console())
    if json:
        print_json(report)
        return
    if request.dry_run or not report.changed:
        for line in format_plan(report.plan, report.wanted, report.facts):
            typer.echo(line)
    if report.changed:
        typer.echo(f"{report.target}: now running {report.name} {report.version}, release {report.release[:12]}")
    typer.echo(
        f"{report.sent_bytes / 1e6:.2f} MB of files sent, {report.round_trips} round trips, {report.seconds:.1f} s"
    )


def _deploy_to_many(rollout: Rollout, *, json: bool) -> None:
    from edge_asl.deploy.fleet.results import format_report
    from edge_asl.deploy.fleet.rollout import roll_out
    from edge_asl.progress import console

    report = roll_out(rollout, console())
    if json:
        print_json(report)
    else:
        for line in format_report(report):
            typer.echo(line)
    if not report.ok:
        raise typer.Exit(1)
