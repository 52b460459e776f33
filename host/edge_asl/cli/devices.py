"""The commands about devices: ``deploy``, ``pack``, ``status``, ``rollback``, ``doctor``, ``logs``, ``bench``, …"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edge_asl.deploy.target import Target


class ModeName(StrEnum):
    """Who keeps the program running on a device."""

    system = "system"
    user = "user"
    plain = "plain"


class RuntimeName(StrEnum):
    """Which TensorFlow Lite runtime a device gets."""

    auto = "auto"
    litert = "litert"
    tflite = "tflite"


BundleArgument = Annotated[Path, typer.Argument(help="A bundle folder.", show_default=False)]
TargetArgument = Annotated[
    str, typer.Argument(help="pi@kiosk-1, a host of ~/.ssh/config, or local:FOLDER.", show_default=False)
]
ModeOption = Annotated[
    ModeName | None,
    typer.Option(
        help="system: a service of the machine, as root or with sudo; user: of an ordinary user; plain: none. "
        "Default: system, for local:FOLDER plain.",
        show_default=False,
    ),
]
RootOption = Annotated[
    str | None,
    typer.Option(help="Folder on the device; default: /var/lib/edge-asl, ~/.local/share/edge-asl.", show_default=False),
]
SshConfigOption = Annotated[
    Path | None, typer.Option(help="Another file than ~/.ssh/config.", show_default=False, exists=True, dir_okay=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(help="An SSH key to sign with; default: that of edge-asl keys init.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: list[Callable[..., None]] = [deploy, pack, *map(_operation, OPERATIONS), logs, bench, wheelhouse]
    for command in commands:
        app.command()(command)


def deploy(
    bundle: BundleArgument,
    target: Annotated[
        str | None,
        typer.Argument(help="pi@kiosk-1, a host of ~/.ssh/config, or local:FOLDER.", show_default=False),
    ] = None,
    mode: ModeOption = None,
    root: RootOption = None,
    runtime: Annotated[RuntimeName, typer.Option(help="The device's TensorFlow Lite runtime.")] = RuntimeName.auto,
    options: Annotated[
        str | None,
        typer.Option(help="Set the options of edge-asl-device run: '--language de --source v4l2'.", show_default=False),
    ] = None,
    screen: Annotated[
        bool, typer.Option("--screen", help="Show the page on the device's own screen: cage with Chromium.")
    ] = False,
    key: KeyOption = None,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Take a lower version than served there before.")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(help="Releases that stay on the device; default: 3.", min=2, show_default=False)
    ] = None,
    health_limit: Annotated[
        float | None,
        typer.Option(
            help="Seconds until the new release must serve and read; default: 60.", min=5, max=600, show_default=False
        ),
    ] = None,
    wheelhouse: Annotated[
        Path | None, typer.Option(help="A folder of wheels instead of the internet.", show_default=False)
    ] = None,
    break_lock: Annotated[bool, typer.Option("--break-lock", help="Take away another deployment's lock.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
    inventory: Annotated[
        Path | None,
        typer.Option(
            help="Ansible's inventory of many devices, in place of one: their names, and edge_asl_root, … for each.",
            show_default=False,
            exists=True,
        ),
    ] = None,
    serial: Annotated[
        str | None,
        typer.Option(
            help="With --inventory: sizes of the waves; the last one repeats. Default: 1,25%,100%.", show_default=False
        ),
    ] = None,
    max_fail: Annotated[
        str | None,
        typer.Option(
            help="With --inventory: when more of a wave fail, the next one does not begin. Default: 0%.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="With --inventory: only these, Ansible's pattern.", show_default=False)
    ] = None,
) -> None:
    """Put a bundle and its runtime on a device, and switch to it there: verified, tried, watched, undone if it fails.

    The first time everything is sent, later what changed. Killed at any moment, the device serves the old release or
    the new one, and the same command goes on.
    """
    from edge_asl.deploy.deployment import DeployRequest, format_plan
    from edge_asl.deploy.deployment import deploy as run
    from edge_asl.deploy.requirements import Choices
    from edge_asl.progress import console

    asked = {
        "options": options,
        "screen": screen or None,
        "keep": keep,
        "health_limit_s": health_limit,
        "allow_downgrade": allow_downgrade or None,
    }
    chosen: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if inventory is not None:
        if target is not None or root is not None or ssh_config is not None:
            found = "TARGET" if target else "--root" if root else "--ssh-config"
            raise typer.BadParameter(f"expected devices of --inventory alone, found {found} too", param_hint=found)
        more = {
            "mode": mode and mode.value,
            "runtime": runtime.value if runtime is not RuntimeName.auto else None,
            "break_lock": break_lock or None,
            "wheelhouse": wheelhouse and str(wheelhouse.absolute()),
        }
        variables = {f"edge_asl_{name}": value for name, value in (chosen | more).items() if value is not None}
        waves, most = serial or "1,25%,100%", max_fail or "0%"
        _deploy_many(bundle, inventory, waves, most, limit, variables, key, dry_run=dry_run, json=json)
        return
    for name, value in (("--serial", serial), ("--max-fail", max_fail), ("--limit", limit)):
        if value is not None:
            raise typer.BadParameter("expected --inventory beside it, found none", param_hint=name)
    if target is None:
        raise typer.BadParameter("expected a device such as pi@kiosk-1, or --inventory", param_hint="TARGET")
    place = parsed_target(target, mode, root, ssh_config)
    choices = Choices(mode=place.mode, **chosen)
    report = run(
        DeployRequest(
            bundle=bundle,
            target=place,
            choices=choices,
            runtime=runtime.value,
            wheelhouse=wheelhouse,
            key=key,
            break_lock=break_lock,
            dry_run=dry_run,
        ),
        console(),
    )
    if json:
        _print_json(report)
        return
    if dry_run or not report.changed:
        for line in format_plan(report.plan, report.wanted, report.facts):
            typer.echo(line)
    if report.changed:
        typer.echo(f"{report.target}: {report.name} {report.version} serves, release {report.release[:12]}")
    typer.echo(
        f"{report.sent_bytes / 1e6:.2f} MB of files sent, {report.round_trips} round trips, {report.seconds:.1f} s"
    )


def _deploy_many(
    bundle: Path,
    inventory: Path,
    serial: str,
    max_fail: str,
    limit: str | None,
    variables: dict[str, Any],
    key: Path | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    from edge_asl.deploy.fleet.rollout import Request, format_report, parse_max_fail, parse_serial, roll_out
    from edge_asl.progress import console

    request = Request(
        bundle=bundle,
        inventory=inventory,
        serial=parse_serial(serial),
        max_fail=parse_max_fail(max_fail),
        limit=limit,
        variables=variables,
        key=key,
        dry_run=dry_run,
    )
    report = roll_out(request, console())
    if json:
        _print_json(report)
    else:
        for line in format_report(report):
            typer.echo(line)
    if not report.ok:
        raise typer.Exit(1)


def pack(
    bundle: Annotated[Path | None, typer.Argument(help="A bundle folder.", show_default=False)] = None,
    facts: Annotated[
        Path | None,
        typer.Option(help="JSON: device → what it is and what is chosen for it; - is standard input.", allow_dash=True),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the packs; default: a cache.", show_default=False)] = None,
    key: KeyOption = None,
    wheelhouse: Annotated[
        Path | None, typer.Option(help="A folder of wheels instead of the internet.", show_default=False)
    ] = None,
    record: Annotated[Path | None, typer.Option(help="A file that a line of JSON is added to.", hidden=True)] = None,
    playbook: Annotated[bool, typer.Option("--playbook", help="Print where Ansible's playbook lies.")] = False,
    json: JsonOption = False,
) -> None:
    """Say what each of many devices needs, and pack it into files that other tools can bring there.

    Ansible's playbook asks this; to use it by itself: ansible-playbook -i kiosks.yml "$(edge-asl pack --playbook)" -e
    edge_asl_bundle=/path/to/bundle
    """
    if playbook:
        from edge_asl.deploy.fleet.rollout import PLAYBOOK

        typer.echo(PLAYBOOK)
        return
    if bundle is None or facts is None:
        raise typer.BadParameter("expected a bundle and --facts, or --playbook", param_hint="BUNDLE")
    from edge_asl.deploy.fleet.packs import Order, format_task, pack_for
    from edge_asl.progress import console

    tasks = pack_for(Order(bundle, key, wheelhouse, out), facts, record, console())
    if json:
        _print_json(tasks)
        return
    for device, task in tasks.items():
        for line in format_task(device, task):
            typer.echo(line)


OPERATIONS = {
    "status": "Show what runs on a device, what ran before, and how the last switch went.",
    "rollback": "Switch a device back to the release before.",
    "doctor": "Say what a device is, what it lacks, and whether its bundle runs there.",
}
"""What is done with one device and needs no more words: names of functions in ``deploy.operate``."""


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


def logs(
    target: TargetArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last.", min=1)] = 100,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
) -> None:
    """Show what the program on a device says."""
    from edge_asl.deploy.operate import logs as run

    finish(run(parsed_target(target, mode, root, ssh_config), lines, follow=follow))


def bench(
    bundle: BundleArgument,
    on: Annotated[
        str | None,
        typer.Option(help="A device: the bundle is tried there beside what serves; default: here.", show_default=False),
    ] = None,
    runs: Annotated[int, typer.Option(help="How often each.", min=1)] = 300,
    runtime: Annotated[RuntimeName, typer.Option(help="TensorFlow Lite runtime.")] = RuntimeName.auto,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Time the bare inference and the whole path side by side, here or on a device."""
    from edge_asl.deploy.operate import bench_here, bench_there
    from edge_asl.progress import console

    if on is None:
        finish(bench_here(bundle, runs, runtime.value, json=json))
    else:
        place = parsed_target(on, mode, root, ssh_config)
        finish(bench_there(bundle, place, runs, runtime.value, console(), json=json))


def wheelhouse(
    folder: Annotated[Path, typer.Argument(help="Folder to fill with wheels.", show_default=False)],
    system: Annotated[str, typer.Option(help="bookworm or trixie.")] = "bookworm",
    machine: Annotated[str, typer.Option(help="aarch64 or x86_64.")] = "aarch64",
    runtime: Annotated[RuntimeName, typer.Option(help="TensorFlow Lite runtime.")] = RuntimeName.auto,
) -> None:
    """Fetch what devices need into a folder, for a workstation without internet."""
    from edge_asl.deploy.environment.download import fill_wheelhouse
    from edge_asl.deploy.environment.platforms import choose, debian
    from edge_asl.progress import console

    fill_wheelhouse(choose(debian(system, machine), runtime.value), folder, console())
    typer.echo(f"{folder}: edge-asl deploy --wheelhouse {folder}")


def parsed_target(name: str, mode: ModeName | None, root: str | None, ssh_config: Path | None) -> Target:
    """The device that the command line names."""
    from edge_asl.deploy.target import parse_target

    return parse_target(name, mode.value if mode else None, root, ssh_config)


def finish(result: tuple[int, str]) -> None:
    """Print, and leave with the status."""
    status, text = result
    if text:
        typer.echo(text)
    if status:
        raise typer.Exit(1)


def _print_json(value: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())
