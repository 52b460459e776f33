"""The known answer in a bundle, by which a device checks that it computes what the workstation computed."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic.pictures import SIGNS, draw_sign
from edge_asl.errors import QuantizationError
from edge_asl_device.contract.known_answer import KnownAnswer
from edge_asl_device.contract.manifest import SquareManifest
from edge_asl_device.inference.recogniser import Recogniser

CANDIDATES = 48
FRAME = 320
"""Side of the drawn pictures, in pixels, for a model that finds the hand by itself."""
TOLERANCE = 0.15
"""XNNPACK and the plain kernels differ by an output step of 1/256 in a quarter of pictures; a library that computes
wrongly differs by more than this, or in the label."""


STEP = 8
"""Between the colours of the stored picture: noise is most of what a PNG holds, and says nothing."""


def make_known_answer(bundle: Path) -> bytes:
    """``check.json`` for a bundle: of some drawn hands, the one that its model recognises with most confidence.

    Drawn, because no picture of a person belongs on a kiosk; the most confident, because there runtimes agree. The
    model's answer need not be the sign that was drawn: it only has to be the same on the device. The bundle holds its
    final model; metrics may still be missing.

    Raises:
        QuantizationError: the bundle's hand stage finds none of them.
    """
    rng = np.random.default_rng(0)
    with Recogniser.open(bundle) as recogniser:
        manifest = recogniser.bundle.manifest
        known = [label for label in recogniser.labels if label in SIGNS] or ["A"]
        side = max(manifest.input.height, manifest.input.width) if isinstance(manifest, SquareManifest) else FRAME
        pictures = [_plain(draw_sign(known[number % len(known)], rng, side)) for number in range(CANDIDATES)]
        answers = [(best, picture) for picture in pictures for best in recogniser.classify(picture)]
    if not answers:
        raise QuantizationError(f"{bundle}: no hand is found in {CANDIDATES} drawn ones; make the hand models again")
    answer, picture = max(answers, key=lambda pair: pair[0].probability)
    written, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert written  # noqa: S101 - PNG takes any uint8 picture
    known_answer = KnownAnswer(answer.label, round(float(answer.probability), 4), TOLERANCE, png.tobytes())
    return msgspec.json.format(msgspec.json.encode(known_answer)) + b"\n"


def _plain(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, RGB uint8 (H, W, 3), with little noise and few colours: a third of the bytes."""
    smooth = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    return (smooth // STEP * STEP + STEP // 2).astype(np.uint8)
