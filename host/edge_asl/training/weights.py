"""Where a network's initial weights come from: ImageNet, a file, or nowhere. Needs no TensorFlow."""

from pathlib import Path

from edge_asl.errors import TrainingError
from edge_asl.imports.damage import hdf5_damage
from edge_asl.recipes.backbones import BACKBONES

IMAGENET = "imagenet"
NO_WEIGHTS = "none"


def check_weights(weights: str) -> None:
    """Refuse weights that are not there, or that are something else; whether they fit is seen when they are loaded.

    Raises:
        TrainingError: neither ``imagenet`` nor ``none`` nor an HDF5 file.
    """
    if weights in (IMAGENET, NO_WEIGHTS):
        return
    path = Path(weights)
    if not path.is_file():
        raise TrainingError(f"{weights}: no such file; --weights takes {IMAGENET}, {NO_WEIGHTS} or a weights file")
    try:
        damage = hdf5_damage(path)
    except OSError as error:
        raise TrainingError(f"{weights}: cannot be read: {error.strerror}; give --weights another file") from error
    if damage:
        raise TrainingError(f"{weights}: expected weights in an HDF5 file, found {damage}")


def default_weights(backbone: str) -> str:
    """``imagenet``, or ``none`` where Keras has none."""
    return IMAGENET if BACKBONES[backbone].imagenet else NO_WEIGHTS
