"""The commands about keys: ``sign`` and ``keys``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.options import (
    BundleArgument,
    KeyOption,
    ModeOption,
    RootOption,
    SshConfigOption,
    TargetArgument,
    finish,
    parsed_target,
)

keys_app = typer.Typer(help="Manage the keys that sign bundles.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sign)
    app.add_typer(keys_app, name="keys")


def sign(bundle: BundleArgument, key: KeyOption = None) -> None:
    """Sign a bundle with an SSH key."""
    from edge_asl.deploy.keys import chosen_key, sign_bundle

    chosen = chosen_key(key)
    sign_bundle(bundle, chosen)
    typer.echo(f"{bundle / 'manifest.json.sig'}: signed with {chosen}")


@keys_app.command("init")
def keys_init(
    path: Annotated[
        Path | None,
        typer.Argument(help="File for the private key. Default: ~/.config/edge-asl/signing_key.", show_default=False),
    ] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Ask for a passphrase to protect it with.")] = False,
) -> None:
    """Make a signing key. An existing SSH key works as well: name it with --key."""
    from edge_asl.deploy.keys import init_key

    key = init_key(path, passphrase=passphrase)
    typer.echo(f"private key: {key.path}  (keep a copy: devices that trust it accept nothing else)")
    typer.echo(f"public key:  {key.public_key}\nfingerprint: {key.fingerprint}")


@keys_app.command("show")
def keys_show(key: KeyOption = None) -> None:
    """Print the public key that devices are told to trust."""
    from edge_asl.deploy.keys import chosen_key, public_key_of

    typer.echo(public_key_of(chosen_key(key)))


@keys_app.command("trust")
def keys_trust(
    target: TargetArgument,
    key: KeyOption = None,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
) -> None:
    """Make a device trust a key; once it trusts one, it accepts only bundles signed by those it trusts."""
    from edge_asl.deploy.keys import chosen_key, public_key_of
    from edge_asl.deploy.operate import trust

    chosen = chosen_key(key)
    finish(trust(parsed_target(target, mode, root, ssh_config), public_key_of(chosen)))
