"""The pictures that set the ranges: whole frames for the palm model, cut-out hands for the landmark model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.hands.engines import FloatStage
from edge_asl.progress import Advance, unwatched

LEAST_HANDS = 8
"""With fewer, the ranges would be those of a single person's pictures."""


class Calibration(NamedTuple):
    """What the two networks are shown while their ranges are measured."""

    palms: NDArray[np.uint8]
    """RGB (N, 192, 192, 3): one for each picture."""
    landmarks: NDArray[np.uint8]
    """RGB (M, 224, 224, 3): the hands that were found."""


def choose_pictures(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """``count`` pictures in turn from every person and class, chosen by ``seed``; sorted by path."""
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.signer or "", picture.label].append(picture)
    queues = [[group[i] for i in rng.permutation(len(group))] for group in groups.values()]
    rng.shuffle(queues)
    rounds = (queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue))
    chosen = [picture for picture, _ in zip(rounds, range(count), strict=False)]
    return sorted(chosen, key=lambda picture: picture.path)


def collect(
    dataset: Dataset, pictures: Sequence[Picture], stage: FloatStage, advance: Advance = unwatched
) -> Calibration:
    """Look for a hand in each picture with the float networks, and keep what these were shown.

    Raises:
        DataError: too few pictures show a hand.
        PictureError: a picture cannot be read.
    """
    frames, hands = [], []
    for number, picture in enumerate(pictures):
        stage.palms.shown.clear()
        stage.landmarks.shown.clear()
        hand = stage.stage.find(dataset.load(picture))
        frames.append(stage.palms.shown[0])
        if hand is not None:
            hands.append(stage.landmarks.shown[-1])  # read from its own region, as a hand that is followed is
        advance(number + 1, f"{len(hands)} hands")
    if len(hands) < LEAST_HANDS:
        raise DataError(
            f"{dataset.name}: expected at least {LEAST_HANDS} pictures with a hand to calibrate the hand models, "
            f"found {len(hands)} in {len(pictures)}; add pictures of hands, in which they can be seen as a whole"
        )
    return Calibration(np.stack(frames), np.stack(hands))
