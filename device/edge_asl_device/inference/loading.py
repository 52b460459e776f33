"""Making a bundle ready to read: checked, tried, warmed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from edge_asl_device.contract.manifest import Bundle, Decoder, read_bundle
from edge_asl_device.errors import BundleError, EdgeAslError
from edge_asl_device.inference.classifier import Classifier
from edge_asl_device.inference.edgetpu import choose
from edge_asl_device.inference.engine import PROCESSOR
from edge_asl_device.inference.probe import probe
from edge_asl_device.kiosk.loop import Observe, Reader


class Opened(NamedTuple):
    """A bundle that reads."""

    bundle: Bundle
    decoder: Decoder
    reader: Reader
    instead: str | None
    """Why it runs on the processor although it has a model for the Edge TPU."""


def open_model(
    folder: Path, runtime: str, threads: int, decoder: dict[str, float], observe: Observe, *, trial: bool = False
) -> Opened:
    """Read, check and warm the bundle in ``folder``.

    Args:
        folder: the bundle; a link is followed now and not again.
        runtime: as for ``TfliteEngine``.
        threads: as there.
        decoder: overrides of the manifest's.
        observe: told the time of each stage of each frame.
        trial: run it in a child process first: a model that crashes the runtime must not take a kiosk down that reads.

    Raises:
        EdgeAslError: anything about it is not as it should be.
    """
    bundle = read_bundle(folder.resolve())
    choice = choose(bundle, runtime)
    if trial and choice.accelerator == PROCESSOR:  # the Edge TPU was tried to be chosen
        answer = probe(bundle.folder, runtime)
        if not answer["ok"]:
            raise BundleError(f"{bundle.folder}: expected a model that runs here, found: {answer['reason']}")
    changed = decoder_with(bundle.manifest.decoder, decoder)
    classifier = Classifier(bundle, runtime, threads, choice.accelerator)
    spec = bundle.manifest.input
    # The first inference lays out memory and packs weights: it takes several times as long as the others.
    classifier.probabilities(np.zeros((spec.height, spec.width, 3), np.uint8))
    return Opened(bundle, changed, Reader(classifier, changed, observe), choice.instead)


def decoder_with(decoder: Decoder, overrides: dict[str, float]) -> Decoder:
    """The manifest's decoder with some numbers replaced.

    Raises:
        EdgeAslError: no such number, or out of range.
    """
    values = msgspec.to_builtins(decoder)
    for name, value in overrides.items():
        if name not in values:
            raise EdgeAslError(f"--decoder {name}: expected one of {', '.join(values)}, found {name}")
        highest = 1.0 if name.endswith("probability") else 60.0
        if not 0 <= value <= highest:
            raise EdgeAslError(f"--decoder {name}: expected 0 to {highest:g}, found {value:g}")
        values[name] = value
    changed = msgspec.convert(values, Decoder)
    if changed.release_probability > changed.accept_probability:
        raise EdgeAslError(
            f"--decoder: expected release_probability up to accept_probability ({changed.accept_probability:g}), "
            f"found {changed.release_probability:g}"
        )
    return changed
