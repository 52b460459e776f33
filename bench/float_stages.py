"""What int8 costs: palms, landmarks and sign network in float and in int8, on the same pictures.

Of a person whom the letters of two sources, built for this, never saw.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import figure, folder
from numpy.typing import NDArray
from people import LABELS, build

from edge_asl.datasets.labels import Choice
from edge_asl.datasets.readers import read_dataset
from edge_asl.hands.engines import float_stage
from edge_asl.hands.models import float_networks
from edge_asl.pipeline.bundle import work_folder
from edge_asl.pipeline.hand_models import trained_network
from edge_asl.progress import Quiet
from edge_asl.training.sign_network import SignNet
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.hand_features import parts_of, standardised
from edge_asl_device.inference.hand_stages import HandStages
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.recogniser import Recogniser
from edge_asl_device.inference.recognition import Stages
from edge_asl_device.inference.sign_network import features_of


class FloatSign:
    """The float network that a build quantized, where a device has the int8 one."""

    def __init__(self, net: SignNet) -> None:
        self._network, self._scaling = net.network(), net.scaling

    def answer(self, hand: Hand) -> tuple[NDArray[np.float32], dict[str, float]]:
        """See ``SignNetwork``."""
        features = standardised(features_of(hand), self._scaling)
        return np.asarray(self._network(parts_of(features), training=False))[0], {}


def main() -> None:
    """Whole pictures through all stages, twice."""
    data = folder("EDGE_ASL_DATA")
    sources = [data / "letters", data / "letters-boxes"]
    bundle, _ = build("letters-of-two", "letters", sources, "--labels", LABELS, "--set", "sign.folds=2")
    labels = read_bundle(bundle).labels
    networks = float_stage(float_networks("full", Quiet())).stage
    sign = FloatSign(trained_network(work_folder(bundle), len(labels)))
    by_float = HandStages(networks, sign, labels)  # type: ignore[arg-type]
    with Recogniser.open(bundle) as recogniser:
        both = [accuracy(stages, data / "stranger", labels) for stages in (by_float, recogniser.stages)]
    result = f"{100 * (both[1] - both[0]):+.2f} points ({both[0]:.1%} → {both[1]:.1%} of `stranger`)"
    figure("float → int8, all stages together", result, "at most 1 lost", "0.3")


def accuracy(stages: Stages, source: Path, labels: tuple[str, ...]) -> float:
    """How many of the pictures are read right."""
    dataset = read_dataset([source], "auto", labels=Choice(frozenset(), frozenset(labels)))
    right = [
        labels[int(stages.recognise(dataset.load(picture)).probabilities.argmax())] == picture.label
        for picture in dataset.pictures
    ]
    return float(np.mean(right))


if __name__ == "__main__":
    main()
