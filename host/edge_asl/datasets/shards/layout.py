"""Reading a folder of shards like any other folder of pictures."""

from __future__ import annotations

from pathlib import Path

from edge_asl.datasets.listing import Listing
from edge_asl.datasets.shards.index import encoded_of, read_index


def list_shards(root: Path) -> Listing:
    """List the pictures of ``shards.json``; no shard is opened.

    Raises:
        DataError: the index is missing or damaged, or a shard is not as long as it says.
    """
    index = read_index(root)
    rows = [(shard, row) for shard in index.shards for row in shard.rows]
    return Listing(
        "tfrecord",
        [row.picture for _, row in rows],
        [],
        encoded={row.path: encoded_of(root, shard, row) for shard, row in rows},
    )
