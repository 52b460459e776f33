"""The commands ``data fetch`` and ``data shard``: data sets from elsewhere, and large ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.options import (
    DataArgument,
    JsonOption,
    LabelsOption,
    LayoutOption,
    SignerPatternOption,
    option,
    print_json,
)


def fetch(
    name: Annotated[
        str | None, typer.Argument(help="A public data set. Without one: a list of them.", show_default=False)
    ] = None,
    out: Annotated[Path | None, option("Folder to write. Default: data/NAME.", metavar="DIR")] = None,
    mirror: Annotated[
        str | None,
        option(
            "A mirror instead of the set's own address: a Git repository, or the address or path of a .zip archive.",
            "--from",
            metavar="ADDRESS",
        ),
    ] = None,
    sha256: Annotated[str | None, option("What the archive must hash to.", metavar="HEX")] = None,
    sets: Annotated[
        Path | None, option("A table of your own data sets, like the one that comes with edge-asl.", metavar="FILE")
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Give up when nothing has arrived for so many seconds.", min=1, metavar="SECONDS")
    ] = 60,
    json: JsonOption = False,
) -> None:
    """Fetch a public data set with its licence.

    Kaggle's need the package kagglehub (pip install 'edge-asl[kaggle]') and your own token. If it is interrupted, the
    same command continues. Where the set is there already, the command checks that no file has changed.
    """
    from edge_asl.datasets.fetch.public_sets import format_sets, public_sets

    if name is None:
        known = public_sets(sets)
        if json:
            print_json(known)
        else:
            typer.echo(format_sets(known))
        return
    from edge_asl.datasets.fetch.fetching import FetchRequest
    from edge_asl.datasets.fetch.fetching import fetch as run
    from edge_asl.progress import console

    folder = out or Path("data") / name
    source = run(FetchRequest(name, folder, sets, mirror, sha256, timeout), console())
    if json:
        print_json(source)
    else:
        typer.echo(f"{folder}: {source.pictures:,} pictures, {source.licence}, digest {source.digest[:12]}…")


def shard(
    data: DataArgument,
    out: Annotated[Path, option("New folder for the shards.", metavar="SHARDS")],
    per_shard: Annotated[int | None, option("Pictures in each shard, instead of a size.", min=1)] = None,
    shard_mb: Annotated[int, typer.Option(help="Megabytes in each shard, about.", min=1)] = 128,
    layout: LayoutOption = "auto",
    labels: LabelsOption = None,
    signer_pattern: SignerPatternOption = None,
    json: JsonOption = False,
) -> None:
    """Pack pictures into few large files (TFRecord), for sets larger than memory or disk cache.

    build, evaluate and data check read the new folder like any other. If it is interrupted, the same command continues.
    """
    from edge_asl.datasets.labels import choose_labels
    from edge_asl.datasets.shards.sharding import ShardRequest
    from edge_asl.datasets.shards.sharding import shard as run
    from edge_asl.progress import console

    chosen = None if labels is None else choose_labels(labels.split(","))
    index = run(ShardRequest(data, out, layout, signer_pattern, chosen, per_shard, shard_mb * 1_000_000), console())
    size = sum(one.size for one in index.shards)
    if json:
        print_json({"out": str(out), "pictures": index.pictures, "shards": len(index.shards), "bytes": size})
    else:
        typer.echo(f"{out}: {index.pictures:,} pictures in {len(index.shards)} shards, {size / 1e6:,.0f} MB")
