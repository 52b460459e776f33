"""Training throughput against the tutorials' way, side by side in one run.

The tutorials (deeplizard's MobileNet series and the notebooks after it) feed
``ImageDataGenerator.flow_from_directory`` at 224 px, batch 10, into a MobileNet of which the last 23 layers train with
Adam 1e-4. Ours: the same backbone, weights, pictures and trainable layers through ``edge_asl.training``. Both are timed
over the same number of whole epochs, everything included that happens per picture; ours with decoding into the packed
file, with augmentation and with averaging of the weights, which the tutorials do not do.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
import time
from pathlib import Path

import keras
from common import figure, folder

from edge_asl.config import load_recipe
from edge_asl.datasets.packed import PackedPictures, Sample, pack
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.types import Dataset
from edge_asl.progress import Quiet
from edge_asl.training.backbone import build_network
from edge_asl.training.fit import Job, fine_tune
from edge_asl_device.contract.manifest import Crop, Input

EPOCHS = 4
LAYERS = 23
WEIGHTS = "mobilenet_1_0_224_no_top.weights.h5"


def theirs(data: Path, weights: Path) -> float:
    """Pictures a second of the tutorials' way."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    batches = ImageDataGenerator(
        preprocessing_function=keras.applications.mobilenet.preprocess_input
    ).flow_from_directory(data, target_size=(224, 224), batch_size=10)
    base = keras.applications.MobileNet(input_shape=(224, 224, 3), include_top=False, weights=weights, pooling="avg")
    outputs = keras.layers.Dense(batches.num_classes, activation="softmax")(base.output)
    model = keras.Model(base.input, outputs)
    for layer in model.layers[:-LAYERS]:
        layer.trainable = False
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, steps_per_epoch=2, epochs=1, verbose=0)  # traces the graph
    started = time.perf_counter()
    model.fit(batches, epochs=EPOCHS, verbose=0)
    return EPOCHS * batches.samples / (time.perf_counter() - started)


def ours(dataset: Dataset, weights: Path, scratch: Path) -> float:
    """Pictures a second of ``edge_asl.training``, everything included but building the network."""
    recipe = load_recipe(
        "digits",
        [
            "model.backbone=mobilenet", "model.alpha=1.0", "model.size=224", f"training.layers={LAYERS}",
            f"training.epochs={EPOCHS}", "training.batch=32", "training.learning_rate=1e-4",
        ],
    )  # fmt: skip
    spec = Input(224, 224, Crop.CENTRE_SQUARE, recipe.model.resize)
    network = build_network(recipe.model, len(dataset.labels), str(weights))
    started = time.perf_counter()
    pack(dataset, Sample(spec, recipe.data.margin), scratch / "pictures.u8", lambda _done, _total: None)
    with PackedPictures(scratch / "pictures.u8", dataset, spec) as packed:
        rows = packed.rows_of([picture.path for picture in dataset.pictures])
        job = Job(
            recipe, packed, rows, rows[:64], len(dataset.labels), "none",
            scratch / "features.npy", scratch / "checkpoint.npz", scratch / "logs",
        )  # fmt: skip
        fine_tune(network, job, None, Quiet())
    return EPOCHS * len(dataset.pictures) / (time.perf_counter() - started)


def main() -> None:
    """Both, in turns, on the digits."""
    data, weights = folder("EDGE_ASL_DATA") / "digits", folder("EDGE_ASL_WEIGHTS") / WEIGHTS
    dataset = read_dataset(data)
    with tempfile.TemporaryDirectory() as scratch:
        slow, fast = theirs(data, weights), ours(dataset, weights, Path(scratch))
    what = f"training, last {LAYERS} layers of MobileNet 1.0 at 224 px: {fast:.0f} ÷ {slow:.0f} pictures a second"
    figure(what, f"{fast / slow:.1f}×", "≥ 3×", "≥ 5×")


if __name__ == "__main__":
    main()
