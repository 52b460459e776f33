"""Training throughput compared with the tutorials' way, side by side in one run.

The tutorials (deeplizard's MobileNet series and the notebooks after it) feed
``ImageDataGenerator.flow_from_directory`` at 224 px, batch 10, into a MobileNet of which the last 23 layers train with
Adam 1e-4, for 30 epochs. Ours: the same backbone, weights, pictures and trainable layers through ``edge_asl.training``,
everything included: decoding into the pixel store, augmentation, the frozen layers' pass for two variants of each
picture, validation, averaging of the weights, a checkpoint after each epoch. Of theirs only
steady epochs count. Their 23 layers include pooling and head.

Theirs runs in a process of its own, with TensorFlow as it comes, which on a processor without AVX-512 VNNI leaves
oneDNN off; ours turns it on, and a second row says how theirs compares with it on.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import figure, folder

from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.types import Dataset
from edge_asl.progress import Quiet, unwatched
from edge_asl.recipes.recipe import load_recipe
from edge_asl.training.backbone import build_network
from edge_asl.training.fit import TrainingJob, fine_tune
from edge_asl_device.contract.manifest import Crop, Input

THEIR_EPOCHS, OUR_EPOCHS = 1, 30
LAYERS = 23
WEIGHTS = "mobilenet_1_0_224_no_top.weights.h5"
THEIRS = "theirs"


def theirs(data: Path, weights: Path) -> float:
    """Pictures per second of the tutorials' way; runs in a process of its own."""
    import keras
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
    model.fit(batches, epochs=THEIR_EPOCHS, verbose=0)
    return THEIR_EPOCHS * batches.samples / (time.perf_counter() - started)


def ours(dataset: Dataset, weights: Path, size: int, scratch: Path) -> float:
    """Pictures per second of ``edge_asl.training``, everything included except building the network."""
    recipe = load_recipe(
        "digits-mobilenet",
        [
            "model.backbone=mobilenet", "model.alpha=1.0", f"model.size={size}", f"training.layers={LAYERS - 2}",
            f"training.epochs={OUR_EPOCHS}", "training.variants=2", "training.batch=32", "training.learning_rate=1e-4",
        ],
    )  # fmt: skip
    spec = Input(size, size, Crop.CENTRE_SQUARE, recipe.model.resize)
    network = build_network(recipe.model, len(dataset.labels), str(weights))
    started = time.perf_counter()
    write_pixel_store(dataset, spec, scratch / "pictures.u8", unwatched)
    with PixelStore(scratch / "pictures.u8", dataset, spec) as pixels:
        rows = pixels.rows_of([picture.path for picture in dataset.pictures])
        job = TrainingJob(
            recipe, pixels, rows, rows[:64], len(dataset.labels), "none",
            scratch / "features.npy", scratch / "checkpoint.npz", scratch / "logs",
        )  # fmt: skip
        fine_tune(network, job, None, Quiet())
    return OUR_EPOCHS * len(dataset.pictures) / (time.perf_counter() - started)


def theirs_alone(one_dnn: str | None) -> float:
    """The same in a process of its own, with oneDNN as TensorFlow chooses, or on."""
    environment = os.environ | ({} if one_dnn is None else {"TF_ENABLE_ONEDNN_OPTS": one_dnn})
    run = subprocess.run([sys.executable, __file__, THEIRS], env=environment, stdout=subprocess.PIPE, check=True)
    return float(run.stdout.split()[-1])


def main() -> None:
    """Theirs twice, ours at the same size and at the size of our recipes, on the digits."""
    data, weights = folder("EDGE_ASL_DATA") / "digits", folder("EDGE_ASL_WEIGHTS") / WEIGHTS
    if sys.argv[1:] == [THEIRS]:
        print(theirs(data, weights))
        return
    dataset = read_dataset(data)
    slow, with_one_dnn = theirs_alone(None), theirs_alone("1")
    for size, required, goal in ((224, "≥ 3×", "≥ 4×"), (128, "", "")):
        with tempfile.TemporaryDirectory() as scratch:
            fast = ours(dataset, weights, size, Path(scratch))
        what = (
            f"training the last {LAYERS} layers of MobileNet 1.0 at {size} px: speed compared with the tutorials' way"
        )
        figure(what, f"{fast / slow:.1f}× ({fast:.0f} ÷ {slow:.0f} pictures/s)", required, goal)
        figure(f"{what}, that with oneDNN", f"{fast / with_one_dnn:.1f}× (÷ {with_one_dnn:.0f} pictures/s)")


if __name__ == "__main__":
    main()
