"""The answer that a bundle carries, so that a device can find out whether it computes as the workstation did."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_asl.datasets.synthetic.pictures import SIGNS, draw_sign
from edge_asl_device.contract.known_answer import KnownAnswer
from edge_asl_device.inference.recogniser import Recogniser

CANDIDATES = 48
TOLERANCE = 0.15
"""XNNPACK and the plain kernels differ by an output step of 1/256 in a quarter of pictures; a library that computes
wrongly differs by more than this, or in the label."""


def make_known_answer(bundle: Path, seed: int = 0) -> bytes:
    """``check.json`` for a bundle: the drawn hand, of some, that its model is surest of.

    Drawn, because no picture of a person belongs on a kiosk; the surest, because there runtimes agree. What the model
    says need not be what was drawn: it is to say the same on the device.

    Args:
        bundle: a folder whose manifest and model are the final ones' (its metrics may still be missing).
        seed: another one, other hands.
    """
    rng = np.random.default_rng(seed)
    best = None
    with Recogniser.open(bundle) as recogniser:
        spec = recogniser.bundle.manifest.input
        known = [label for label in recogniser.labels if label in SIGNS] or ["A"]
        for number in range(CANDIDATES):
            picture = draw_sign(known[number % len(known)], rng, max(spec.height, spec.width))
            found = recogniser.classify(picture)[0]
            if best is None or found.probability > best[0].probability:
                best = found, picture
    assert best is not None  # noqa: S101 - for the type checker
    found, picture = best
    written, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert written  # noqa: S101 - PNG takes any uint8 picture
    check = KnownAnswer(found.label, round(float(found.probability), 4), TOLERANCE, png.tobytes())
    return msgspec.json.format(msgspec.json.encode(check)) + b"\n"
