"""The MobileNet tutorial's own training loop beside ours: same pictures, epochs, layers and rate, in one run.

Theirs: ``ImageDataGenerator.flow_from_directory`` at 224 px, batches of 10, 18 steps an epoch, 30 epochs, the last 23
layers of MobileNet 1.0, Adam 1e-4, validated after each epoch. Ours: the recipe ``mobilenet-digits``, everything
included from decoding to the last checkpoint. Then the recipe as a whole, three seeds: the tutorial's random validation
pictures, its 50 test pictures, and people whom the model never saw.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from common import OUT, figure, folder, last_json, run

WEIGHTS = "mobilenet_1_0_224_no_top.weights.h5"
RECIPE = "mobilenet-digits"
SEEDS = (1, 2, 3)
STEPS, EPOCHS = 18, 30


class Trained(NamedTuple):
    """One training."""

    seconds: list[float]
    """Since the start, at the end of each epoch."""
    accuracies: list[float]
    """0 to 1, of the validation pictures."""


def main() -> None:
    """The two loops, then whole builds."""
    data, weights = folder("EDGE_ASL_DATA") / "digits", folder("EDGE_ASL_WEIGHTS") / WEIGHTS
    beside(data, weights)
    builds(data, weights)


def beside(data: Path, weights: Path) -> None:
    """Ours until it is as good as theirs is in the end."""
    with tempfile.TemporaryDirectory() as scratch:
        fast = ours(data, weights, Path(scratch))
        slow = theirs(Path(scratch), weights)
    wanted = statistics.median(slow.accuracies[-5:])
    reached = next((s for s, right in zip(fast.seconds, fast.accuracies, strict=True) if right >= wanted), None)
    last = statistics.median(fast.accuracies[-5:])
    what = "the tutorial's loop beside ours"
    figure(f"{what}: validation accuracy, median of the last five epochs", f"{wanted:.1%} and {last:.1%}")
    whole = f"{slow.seconds[-1] / fast.seconds[-1]:.1f}× ({slow.seconds[-1]:.0f} s ÷ {fast.seconds[-1]:.0f} s)"
    figure(f"{what}: {EPOCHS} epochs", whole, "≥ 2×")
    to_it = "not reached" if reached is None else f"{slow.seconds[-1] / reached:.1f}× ({reached:.0f} s)"
    figure(f"{what}: ours to theirs' accuracy", to_it, "≥ 2×")


def ours(data: Path, weights: Path, scratch: Path) -> Trained:
    """Our training of the recipe; leaves ``train/`` and ``valid/`` with links to the same pictures."""
    from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
    from edge_asl.datasets.readers import read_dataset
    from edge_asl.datasets.splits import make_split
    from edge_asl.progress import Quiet, unwatched
    from edge_asl.recipes.recipe import load_recipe
    from edge_asl.training.fit import TrainingJob, train
    from edge_asl_device.contract.manifest import Crop, Input

    recipe = load_recipe(RECIPE)
    dataset = read_dataset(data)
    split = make_split(dataset, by="counts", seed=1, counts=recipe.data.counts, allow_shared_people=True)
    label = {picture.path: picture.label for picture in dataset.pictures}
    for part, name in (("train", "train"), ("validation", "valid")):
        for path in split.parts[part]:
            link = scratch / name / label[path] / path.replace("/", "-")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(data / path)
    spec = Input(recipe.model.size, recipe.model.size, Crop.CENTRE_SQUARE, recipe.model.resize)
    started = time.perf_counter()
    write_pixel_store(dataset, spec, scratch / "pictures.u8", unwatched)
    with PixelStore(scratch / "pictures.u8", dataset, spec) as pixels:
        job = TrainingJob(
            recipe, pixels, pixels.rows_of(split.parts["train"]), pixels.rows_of(split.parts["validation"]),
            len(dataset.labels), str(weights),
            scratch / "features.npy", scratch / "checkpoint.npz", scratch / "logs",
        )  # fmt: skip
        _, history = train(job, Quiet())
    total = time.perf_counter() - started
    # What is not in an epoch's time comes before the first.
    before = total - sum(epoch.seconds for epoch in history)
    ends = [before + sum(epoch.seconds for epoch in history[:n]) for n in range(1, len(history) + 1)]
    return Trained(ends, [epoch.validation_accuracy for epoch in history])


def theirs(scratch: Path, weights: Path) -> Trained:
    """The tutorial's training of the pictures in ``train/`` and ``valid/``."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(1)
    started = time.perf_counter()
    ends: list[float] = []
    generator = ImageDataGenerator(preprocessing_function=keras.applications.mobilenet.preprocess_input)
    train, valid = (
        generator.flow_from_directory(scratch / name, target_size=(224, 224), batch_size=10)
        for name in ("train", "valid")
    )
    base = keras.applications.MobileNet(input_shape=(224, 224, 3), include_top=False, weights=weights, pooling="avg")
    model = keras.Model(base.input, keras.layers.Dense(train.num_classes, activation="softmax")(base.output))
    for layer in model.layers[:-23]:
        layer.trainable = False
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="categorical_crossentropy", metrics=["accuracy"])
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter() - started))
    # Endless, as generators were when the tutorial was written: an epoch goes on where the last one ended.
    endless = (train[i % len(train)] for i in range(STEPS * EPOCHS))
    fitted = model.fit(
        endless, steps_per_epoch=STEPS, epochs=EPOCHS, validation_data=valid, verbose=0, callbacks=[clock]
    )
    return Trained(ends, fitted.history["val_accuracy"])


def builds(data: Path, weights: Path) -> None:
    """The faithful recipe by random pictures and by people, and the better one, with three seeds."""
    by_people = ("data.split=signer", "data.counts=none", "data.allow_shared_people=false")
    random = [built(data, weights, RECIPE, seed) for seed in SEEDS]
    figure(f"{RECIPE}: random validation pictures, int8, three seeds", spread([b[1] for b in random]), "≥ 98 %")
    figure(f"{RECIPE}: its 50 test pictures, int8, three seeds", spread([b[0] for b in random]))
    figure(f"{RECIPE}: build", f"{statistics.median(b[2] for b in random):.0f} s")
    for name, settings in ((RECIPE, by_people), (f"{RECIPE}-modern", ())):
        found = [built(data, weights, name, seed, *settings) for seed in SEEDS]
        figure(f"{name}: people never seen, int8, three seeds", spread([b[0] for b in found]))
        figure(f"{name}, split by people: build", f"{statistics.median(b[2] for b in found):.0f} s")


def built(data: Path, weights: Path, recipe: str, seed: int, *settings: str) -> tuple[float, float, float]:
    """Accuracy of the int8 model on its test and its validation pictures, 0 to 1, and the seconds of the build."""
    target = OUT / "models" / f"tutorial-{recipe}"
    for stale in (target, OUT / "models" / ".work" / target.name):
        shutil.rmtree(stale, ignore_errors=True)
    sets = [word for setting in (f"training.seed={seed}", *settings) for word in ("--set", setting)]
    where = ("--data", data, "--weights", weights, "--out", target, "--calibration", OUT / "calibration_data")
    text, seconds = run("edge-asl", "build", "--recipe", recipe, *where, *sets, "--json")
    valid, _ = run("edge-asl", "evaluate", target, "--data", data, "--split", "validation", "--json")
    return last_json(text)["accuracy"], last_json(valid)["accuracy"], seconds


def spread(values: list[float]) -> str:
    """``98.3 % (97.7 to 98.7 %)``: mean, least and most."""
    return f"{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})"


if __name__ == "__main__":
    main()
