"""Coral's Edge TPU: used when the bundle has a model for it and its library survives a trial."""

from __future__ import annotations

from typing import NamedTuple

from edge_asl_device.contract.bundle import Bundle
from edge_asl_device.contract.manifest import EDGETPU_MODEL
from edge_asl_device.inference.engine import EDGETPU, PROCESSOR
from edge_asl_device.inference.probe import probe

TRIAL_LIMIT_S = 30.0
"""The first inference sends the weights over USB; a child that hangs in the driver is given up."""


class Choice(NamedTuple):
    """On what a bundle runs, and why not on the Edge TPU although it could."""

    accelerator: str
    instead: str | None


def choose(bundle: Bundle, runtime: str = "auto") -> Choice:
    """``edgetpu`` if the bundle's compiled model runs here, found out in a child process; else ``processor``.

    Bundles of several models run on the processor: the one that a Coral could take over is the quickest of them.
    A libedgetpu that was built for another TensorFlow Lite ends its process with a segmentation fault.
    """
    if EDGETPU_MODEL not in bundle.manifest.files or len(bundle.models) > 1:
        return Choice(PROCESSOR, None)
    answer = probe(bundle.folder, runtime, TRIAL_LIMIT_S, EDGETPU)
    return Choice(EDGETPU, None) if answer["ok"] else Choice(PROCESSOR, str(answer["reason"]))
