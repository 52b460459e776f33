"""Making a bundle ready to read: checked, tried, warmed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.errors import BundleError
from edge_asl_device.inference.edgetpu import choose
from edge_asl_device.inference.engine import PROCESSOR
from edge_asl_device.inference.probe import probe
from edge_asl_device.inference.recogniser import Recogniser


class Loaded(NamedTuple):
    """A bundle that reads."""

    recogniser: Recogniser
    instead: str | None
    """Why it runs on the processor although it has a model for the Edge TPU."""


def load(folder: Path, runtime: str = "auto", threads: int = 1, *, trial: bool = False) -> Loaded:
    """Read, check and warm the bundle in ``folder``.

    Args:
        folder: the bundle; a link is followed now and not again.
        runtime: as for ``TfliteEngine``.
        threads: as there.
        trial: run it in a child process first: a model that crashes the runtime must not take a kiosk down that reads.

    Raises:
        BundleError, RuntimeMissing: anything about it is not as it should be.
    """
    bundle = read_bundle(folder.resolve())
    choice = choose(bundle, runtime)
    if trial and choice.accelerator == PROCESSOR:  # the Edge TPU was tried to be chosen
        answer = probe(bundle.folder, runtime)
        if not answer["ok"]:
            raise BundleError(f"{bundle.folder}: this bundle does not run here: {answer['reason']}")
    recogniser = Recogniser(bundle, runtime, threads, choice.accelerator)
    recogniser.warm_up()
    return Loaded(recogniser, choice.instead)
