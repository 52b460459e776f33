"""The commands about keys: ``sign`` and ``keys``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.devices import (
    BundleArgument,
    KeyOption,
    ModeOption,
    RootOption,
    SshConfigOption,
    TargetArgument,
    finish,
    parsed_target,
)

keys_app = typer.Typer(help="Keys that bundles are signed with.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sign)
    app.add_typer(keys_app, name="keys")


def sign(bundle: BundleArgument, key: KeyOption = None) -> None:
    """Sign a bundle: devices that know a signer take no other."""
    from edge_asl.deploy.keys import chosen_key, sign_bundle

    chosen = chosen_key(key)
    sign_bundle(bundle, chosen)
    typer.echo(f"{bundle / 'manifest.json.sig'}: signed with {chosen}")


@keys_app.command("init")
def keys_init(
    path: Annotated[
        Path | None,
        typer.Argument(help="The private key's file; default: ~/.config/edge-asl/signing_key.", show_default=False),
    ] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Ask for one; ssh-agent then keeps it.")] = False,
) -> None:
    """Make a key of your own. An SSH key that exists does as well: --key FILE."""
    from edge_asl.deploy.keys import init_key

    key = init_key(path, passphrase=passphrase)
    typer.echo(f"private key: {key.path}  (keep a copy: devices that trust it take nothing else)")
    typer.echo(f"public key:  {key.public_key}\nfingerprint: {key.fingerprint}")


@keys_app.command("show")
def keys_show(key: KeyOption = None) -> None:
    """Print the public key, as devices are told to trust it."""
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
    """Have a device take bundles signed with a key; from the first on, it takes no others."""
    from edge_asl.deploy.keys import chosen_key, public_key_of
    from edge_asl.deploy.operate import trust

    chosen = chosen_key(key)
    finish(trust(parsed_target(target, mode, root, ssh_config), public_key_of(chosen)))
