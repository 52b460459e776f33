"""From a picture to a label: preprocess → invoke → decode, as the bundle's manifest says."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.decode import Prediction, probabilities, top
from edge_asl_device.contract.manifest import Bundle, read_bundle
from edge_asl_device.contract.preprocess import preprocess
from edge_asl_device.inference.engine import PROCESSOR, TfliteEngine


class Classifier:
    """A bundle ready to name signs; a context manager.

    It does not know where its pictures come from: a frame is cropped by the bundle's rule, a square crop passes
    unchanged.

    Raises:
        BundleError: the bundle or its model is not what its manifest says.
        RuntimeMissing: no TensorFlow Lite runtime, or it refuses the model.
    """

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        self.engine = TfliteEngine(bundle, runtime, threads, accelerator)

    @classmethod
    def open(cls, folder: Path, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> Self:
        """Read the bundle in ``folder`` and make it ready."""
        return cls(read_bundle(folder), runtime, threads, accelerator)

    def probabilities(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB uint8 (h, w, 3) to float32 (classes,), 0 to 255/256, in the order of ``labels``."""
        return probabilities(self.engine.invoke(preprocess(picture, self.bundle.manifest.input)))

    def classify(self, picture: NDArray[np.uint8], count: int = 1) -> list[Prediction]:
        """RGB uint8 (h, w, 3) to its ``count`` most probable labels, best first."""
        return top(self.probabilities(picture), self.labels, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.__exit__(kind, value, trace)
