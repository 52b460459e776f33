"""``scaling.npy``, good and made to hurt; what a hand becomes on its way into the network."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from edge_asl_device.contract.hand_points import FEATURES
from edge_asl_device.contract.manifest import SCALING
from edge_asl_device.errors import BundleError
from edge_asl_device.inference.sign_network import read_scaling


def npy(array: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def scaling(row: int, value: float) -> bytes:
    array = np.ones((2, FEATURES), np.float32)
    array[row, 7] = value
    return npy(array)


class Surprise:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("unpickled",))


GOOD = npy(np.ones((2, FEATURES), np.float32))
HURTING = {
    "empty": b"",
    "text": b"not an array" * 1000,
    "cut": GOOD[:-4],
    "longer": GOOD + b"\0\0\0\0",
    "header alone": GOOD[:128],
    "header without an end": GOOD[:8] + b"\xff\xff" + GOOD[10:],
    "another shape": npy(np.ones((FEATURES, 2), np.float32)),
    "too few": npy(np.ones((2, FEATURES - 1), np.float32)),
    "doubles": npy(np.ones((2, FEATURES))),
    "other byte order": npy(np.ones((2, FEATURES), ">f4")),
    "columns first": npy(np.asfortranarray(np.ones((2, FEATURES), np.float32))),
    "a terabyte": GOOD.replace(f"(2, {FEATURES}), }}".encode(), f"(2, {FEATURES}{'0' * 9}), }}".encode()),
    "objects": npy(np.array([[Surprise()]], object), allow_pickle=True),
    "a pickle": pickle.dumps(Surprise()),
    "an archive": b"PK\x03\x04" + bytes(1000),
    "not a number": scaling(0, float("nan")),
    "infinite": scaling(1, float("inf")),
    "zero divisor": scaling(1, 0.0),
    "negative divisor": scaling(1, -1.0),
}


@pytest.mark.parametrize("content", HURTING.values(), ids=HURTING.keys())
def test_bad_scaling_is_one_line(content: bytes):
    with pytest.raises(BundleError, match=r"^a/scaling\.npy: expected .*; build the bundle again$") as raised:
        read_scaling(content, "a/scaling.npy")
    assert len(str(raised.value)) < 400


def test_good_scaling_is_what_was_saved(hand_bundle: Path):
    array = np.random.default_rng(1).uniform(0.5, 2, (2, FEATURES)).astype(np.float32)

    np.testing.assert_array_equal(read_scaling(npy(array), "x"), array)
    assert read_scaling((hand_bundle / SCALING).read_bytes(), "x").shape == (2, FEATURES)
