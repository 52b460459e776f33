"""The answer that a bundle carries: one picture, and what the model said of it where it was made.

A device that runs another runtime, or has a damaged library, finds out before visitors do.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge_asl_device.contract.bundle import Bundle
from edge_asl_device.errors import BundleError

KNOWN_ANSWER = "check.json"
MAX_SIDE = 1024


class KnownAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """``check.json``; a file of the bundle like others, so that it is hashed and signed with it."""

    label: str
    probability: Annotated[float, Meta(ge=0.0, le=1.0)]
    """Of the label, as the device package's classifier gave it where the bundle was made."""
    tolerance: Annotated[float, Meta(ge=0.0, le=1.0)]
    """How far another runtime may be off: XNNPACK and the plain kernels differ by an output step or some."""
    picture: Annotated[bytes, Meta(max_length=500_000)]
    """PNG."""


def read_known_answer(bundle: Bundle) -> KnownAnswer | None:
    """The stored answer; None in bundles that were made before there was one.

    Raises:
        BundleError: it cannot be understood.
    """
    if KNOWN_ANSWER not in bundle.manifest.files:
        return None
    path = bundle.folder / KNOWN_ANSWER
    try:
        check = msgspec.json.decode(bundle.content(KNOWN_ANSWER), type=KnownAnswer)
    except msgspec.DecodeError as error:
        raise BundleError(f"{path}: {error}; build the bundle again") from error
    if check.label not in bundle.labels:
        raise BundleError(f"{path}: expected one of the bundle's labels, found {check.label!r}; build the bundle again")
    return check


def picture_of(check: KnownAnswer) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3).

    Raises:
        BundleError: no picture.
    """
    decoded = cv2.imdecode(np.frombuffer(check.picture, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None or max(decoded.shape[:2]) > MAX_SIDE:
        raise BundleError(f"{KNOWN_ANSWER}: not a PNG of at most {MAX_SIDE} pixels; build the bundle again")
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
