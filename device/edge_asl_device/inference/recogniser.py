"""From a whole frame to the sign in it, the one way of the device and the evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.decode import Prediction, top
from edge_asl_device.contract.manifest import (
    EDGETPU_MODEL,
    LANDMARKS,
    PALMS,
    SCALING,
    SIGN,
    HandManifest,
    SquareManifest,
)
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.engine import EDGETPU, PROCESSOR, TfliteEngine
from edge_asl_device.inference.hand_stages import HandStages
from edge_asl_device.inference.hands.stage import HandStage
from edge_asl_device.inference.recognition import Recognition, Stages
from edge_asl_device.inference.sign_network import SignNetwork, read_scaling
from edge_asl_device.inference.square_stages import SquareStages


class Recogniser:
    """A bundle ready to name signs in whole frames; a context manager.

    Args:
        bundle: a bundle that ``read_bundle`` has checked.
        runtime: as for ``TfliteEngine``.
        threads: as there.
        accelerator: as there; ``edgetpu`` runs the bundle's model for it.

    Raises:
        BundleError: a model is not what the manifest says.
        RuntimeMissing: no TensorFlow Lite runtime, or it refuses a model.
    """

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        self.engines: dict[str, TfliteEngine] = {}
        for name, model in bundle.models.items():
            file = EDGETPU_MODEL if accelerator == EDGETPU and name == SIGN else model.file
            self.engines[name] = TfliteEngine(
                bundle.spec(name, file), bundle.content(file), runtime, threads, accelerator
            )
        self.stages = _stages(bundle, self.engines)

    @classmethod
    def open(cls, folder: Path, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> Self:
        """Read the bundle in ``folder`` and make it ready.

        Raises:
            BundleError, RuntimeMissing: as for the class, and for ``read_bundle``.
        """
        return cls(read_bundle(folder), runtime, threads, accelerator)

    @property
    def engine(self) -> TfliteEngine:
        """What runs the model that names signs."""
        return self.engines[SIGN]

    def recognise(
        self, frame: NDArray[np.uint8], known: Square | None = None, time_s: float | None = None
    ) -> Recognition:
        """Find the hand in RGB uint8 ``frame`` (H, W, 3) and name its sign.

        Args:
            frame: the whole picture, upright.
            known: where the hand is, if something else says so (a labelled box, say); a hand stage looks for itself.
            time_s: monotonic seconds when the frame was taken: a hand stage follows the hand from one frame to the
                next. None: a picture by itself.
        """
        return self.stages.recognise(frame, known, time_s)

    def classify(self, frame: NDArray[np.uint8], count: int = 1) -> list[Prediction]:
        """RGB uint8 (H, W, 3) to its ``count`` most probable labels, best first; none where no hand is found."""
        found = self.recognise(frame)
        return [] if found.square is None else top(found.probabilities, self.labels, count)

    def warm_up(self) -> None:
        """Run every model once, on black: the first inference lays out memory and packs weights, which takes several
        times as long as the others.
        """
        for name, engine in self.engines.items():
            engine.invoke(*(np.full(tensor.shape, -128, np.int8) for tensor in self.bundle.spec(name).inputs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for engine in self.engines.values():
            engine.__exit__(*exception)


def _stages(bundle: Bundle, engines: dict[str, TfliteEngine]) -> Stages:
    if isinstance(bundle.manifest, HandManifest):
        scaling = read_scaling(bundle.content(SCALING), str(bundle.folder / SCALING))
        stage = HandStage(engines[PALMS], engines[LANDMARKS])
        sign = SignNetwork(engines[SIGN], scaling, bundle.models[SIGN].inputs)
        return HandStages(stage, sign, bundle.labels)
    assert isinstance(bundle.manifest, SquareManifest)  # noqa: S101 - there is no third
    return SquareStages(bundle.manifest, engines[SIGN])
