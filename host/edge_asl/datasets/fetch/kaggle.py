"""A data set of Kaggle's, through ``kagglehub`` and the user's own token."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from edge_asl.datasets.fetch.members import kept_members, write_member
from edge_asl.datasets.fetch.public_sets import PublicSet
from edge_asl.datasets.fetch.record import files_below
from edge_asl.errors import DataError, ToolMissing
from edge_asl_device.errors import one_line


def fetch_from_kaggle(chosen: PublicSet, tree: Path) -> None:
    """Write the set's files to ``tree``, an empty folder. ``kagglehub`` downloads into a cache of its own, where it
    continues what was interrupted.

    Raises:
        ToolMissing: ``kagglehub`` is not installed.
        DataError: no token, or the download failed.
    """
    hub = _kagglehub()
    handle = f"{chosen.handle}/versions/{chosen.version}"
    try:
        # It greets, and may advertise its next version, on standard output.
        with contextlib.redirect_stdout(sys.stderr):
            _require_token(hub, chosen)
            folder = Path(hub.dataset_download(handle))
    except DataError:
        raise
    except Exception as error:  # its own, requests' and the SDK's
        raise DataError(
            f"{chosen.url}: kagglehub could not fetch version {chosen.version}: {_in_one_line(error)}; "
            "check the token and the network and run the same command to continue"
        ) from error
    members = kept_members(files_below(folder), chosen, str(folder))
    for name, kept in members.items():
        _link(folder / name, write_member(tree, kept))


def _in_one_line(error: Exception) -> str:
    return one_line(" ".join(str(error).split()))


def _kagglehub() -> Any:
    try:
        import kagglehub
    except ImportError as error:
        raise ToolMissing(
            "kagglehub: not installed; install it with pip install 'edge-asl[kaggle]', or name an archive that you "
            "have downloaded yourself with --from FILE.zip"
        ) from error
    logging.getLogger("kagglehub").setLevel(logging.WARNING)
    return kagglehub


def _require_token(hub: Any, chosen: PublicSet) -> None:
    if hub.config.get_kaggle_credentials() is None:
        raise DataError(
            f"{chosen.name}: no Kaggle token; create one at https://www.kaggle.com/settings/api and put it into "
            "~/.kaggle/access_token or KAGGLE_API_TOKEN (an older one: ~/.kaggle/kaggle.json)"
        )


def _link(source: Path, target: Path) -> None:
    """The cache's own file where the disk allows it: another gigabyte would say nothing new."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
