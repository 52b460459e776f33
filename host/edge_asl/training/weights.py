"""Where a network's initial weights come from: ImageNet, a file, or nowhere. Needs no TensorFlow."""

from pathlib import Path

from edge_asl.errors import TrainingError
from edge_asl.recipes.backbones import BACKBONES

IMAGENET = "imagenet"
NO_WEIGHTS = "none"


def check_weights(weights: str) -> None:
    """Refuse weights that are not there.

    Raises:
        TrainingError: neither ``imagenet`` nor ``none`` nor a file.
    """
    if weights not in (IMAGENET, NO_WEIGHTS) and not Path(weights).is_file():
        raise TrainingError(f"{weights}: no such file; --weights takes {IMAGENET}, {NO_WEIGHTS} or a weights file")


def default_weights(backbone: str) -> str:
    """``imagenet``, or ``none`` where Keras has none."""
    return IMAGENET if BACKBONES[backbone].imagenet else NO_WEIGHTS
