"""How much memory decoding and one pass over 100,000 pictures of 224 px take; all are one JPEG under many names."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import figure

COUNTS = (2_000, 100_000)


def one_pass(count: int) -> float:
    """Peak resident MB of reading, packing and one epoch through tf.data, without the network."""
    import resource

    import numpy as np

    from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
    from edge_asl.datasets.types import Dataset, Picture
    from edge_asl.progress import unwatched
    from edge_asl.recipes.recipe import Augmentation
    from edge_asl.training.batches import PictureInputs, training_batches
    from edge_asl_device.contract.manifest import Crop, Input, Resize
    from edge_asl_device.contract.pictures import decode_picture

    spec = Input(224, 224, Crop.CENTRE_SQUARE, Resize.LINEAR)
    data = Path(sys.argv[2]).read_bytes()
    pictures = tuple(Picture(f"{i:06}.jpg", "AB"[i % 2]) for i in range(count))
    dataset = Dataset("", "folders", ("A", "B"), pictures, "", lambda picture: decode_picture(data, picture.path))
    with tempfile.TemporaryDirectory(dir=Path(sys.argv[2]).parent) as scratch:
        write_pixel_store(dataset, spec, Path(scratch) / "pictures.u8", unwatched)
        with PixelStore(Path(scratch) / "pictures.u8", dataset, spec) as pixels:
            for _ in training_batches(PictureInputs(pixels, Augmentation(), 1), np.arange(count), 32, 1, 1):
                pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Each count in a process of its own, so that its peak is its own."""
    if len(sys.argv) > 2:
        print(json.dumps(one_pass(int(sys.argv[1]))))
        return
    import cv2
    import numpy as np

    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "picture.jpg"
        noise = np.random.default_rng(1).integers(0, 256, (28, 28, 3), np.uint8)
        cv2.imwrite(str(picture), cv2.resize(noise, (224, 224)))
        peaks = [
            float(
                subprocess.run(
                    [sys.executable, __file__, str(n), str(picture)], stdout=subprocess.PIPE, check=True
                ).stdout
            )
            for n in COUNTS
        ]
    name = f"peak memory of reading {COUNTS[0]:,} and {COUNTS[1]:,} pictures of 224 px for training"
    figure(name, f"{peaks[0]:.0f} MB and {peaks[1]:.0f} MB")


if __name__ == "__main__":
    main()
