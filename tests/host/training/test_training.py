"""What training changes and what it leaves alone: several real trainings of seconds, in one child process.

TensorFlow never enters pytest's own process; the child writes down what the tests look at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_build import in_child

SIDE = 32

# Experiment → settings on top of the common ones. Frozen layers need pretrained weights: the first one's are used.
COMMON = {
    "model.backbone": "mobilenet",
    "model.alpha": "0.25",
    "model.size": str(SIDE),
    "model.dropout": "0.0",
    "training.batch": "16",
    "training.epochs": "1",
    "training.warmup_epochs": "0",
    "training.averaging": "0.9",
    "training.batch_norm_momentum": "0.8",
}
LAYERS = 13
# Where it does not matter what is trained: seconds instead of half a minute.
SMALL = {"model.backbone": "cnn", "model.alpha": "1.0"}
EXPERIMENTS: dict[str, dict[str, str]] = {
    "learns": {"training.epochs": "20"},
    "frozen statistics": {"training.batch_norm": "frozen"},
    "last layers": {"training.layers": str(LAYERS), "training.variants": "0", "training.batch_norm": "frozen"},
    "last layers, kept": {"training.layers": str(LAYERS), "training.variants": "2", "training.epochs": "3"},
    "averaging": SMALL | {"training.label_smoothing": "0"},
    "no averaging": SMALL | {"training.averaging": "0", "training.label_smoothing": "0"},
    "much smoothing": SMALL | {"training.averaging": "0", "training.label_smoothing": "0.5"},
    "head first": {"training.head_epochs": "150", "training.head_learning_rate": "0.03", "training.epochs": "0"},
    "patience": SMALL | {"training.epochs": "9", "training.patience": "2", "training.learning_rate": "0.05"},
    "too fast": SMALL | {"training.learning_rate": "1e6", "training.epochs": "4"},
    "as notebooks have it": {
        "model.pooling": "flatten",
        "model.pixels": "unit",
        "model.dense": "[{units = 8, dropout = 0.2, batch_norm = true}]",
        "training.layers": "0",
        "training.variants": "1",
        "training.optimizer": "sgd",
        "training.learning_rate": "0.02",
        "training.schedule": "constant",
        "training.averaging": "0",
        "training.steps": "3",
        "training.epochs": "4",
        "training.keep": "last",
        "training.every_epoch": "true",
    },
    "too many layers": {"training.layers": "1000"},
}


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Experiment → what became of it."""
    folder = tmp_path_factory.mktemp("training")
    in_child(__file__, drawn, folder)
    found = json.loads((folder / "found.json").read_text())
    assert set(found) == set(EXPERIMENTS)
    return found


def changed(found: dict[str, Any], *, norm_statistics: bool | None = None) -> set[int]:
    """Numbers of the backbone's layers some of whose weights changed."""
    return {
        layer["number"]
        for layer in found["layers"]
        for name, difference in layer["weights"].items()
        if difference > 0 and norm_statistics in (None, "moving" in name)
    }


def test_the_loss_falls(trained: dict[str, dict[str, Any]]):
    """On 72 pictures; what is recognised of unseen people is measured with real pictures elsewhere."""
    history = trained["learns"]["history"]

    assert [epoch["epoch"] for epoch in history] == list(range(1, 21))
    assert sum(epoch["loss"] for epoch in history[-3:]) / 3 < 0.7 * history[0]["loss"]
    assert history[-1]["accuracy"] > 0.5 > history[0]["accuracy"]
    assert min(epoch["validation_loss"] for epoch in history) < history[0]["validation_loss"]
    assert all(epoch["seconds"] > 0 for epoch in history)


def test_the_network_given_back_is_that_of_the_best_epoch(trained: dict[str, dict[str, Any]]):
    for name in ("learns", "patience", "last layers, kept"):
        best = min(epoch["validation_loss"] for epoch in trained[name]["history"])
        assert trained[name]["validation_loss"] == pytest.approx(best, rel=2e-3), name


def test_everything_trains_when_nothing_is_frozen(trained: dict[str, dict[str, Any]]):
    found = trained["learns"]
    with_weights = {layer["number"] for layer in found["layers"] if layer["weights"]}

    assert changed(found) == with_weights
    assert changed(found, norm_statistics=True) == {layer["number"] for layer in found["layers"] if layer["norm"]}
    assert found["head"] > 0


def test_frozen_batch_norm_keeps_its_statistics_and_scales(trained: dict[str, dict[str, Any]]):
    found = trained["frozen statistics"]
    norms = {layer["number"] for layer in found["layers"] if layer["norm"]}

    assert len(norms) > 20
    assert not changed(found) & norms
    assert changed(found) == {layer["number"] for layer in found["layers"] if layer["weights"]} - norms


@pytest.mark.parametrize("name", ["last layers", "last layers, kept"])
def test_only_the_last_layers_change(trained: dict[str, dict[str, Any]], name: str):
    found = trained[name]
    first = len(found["layers"]) - LAYERS
    trainable = {
        layer["number"]
        for layer in found["layers"]
        if layer["number"] >= first and layer["weights"] and not (name == "last layers" and layer["norm"])
    }

    assert changed(found) == trainable
    assert len(trainable) >= 3
    assert found["head"] > 0


def test_what_frozen_layers_made_is_not_left_behind(trained: dict[str, dict[str, Any]]):
    assert trained["last layers, kept"]["files"] == trained["last layers"]["files"]


def test_smoothing_makes_the_first_loss_larger_than_none(trained: dict[str, dict[str, Any]]):
    """Cross-entropy against smoothed labels has the labels' own entropy as floor."""
    plain, smooth = trained["no averaging"]["history"][0], trained["much smoothing"]["history"][0]

    assert plain["loss"] != smooth["loss"]
    assert smooth["loss"] > 1.07  # 0.625 once and 0.125 three times: 1.0735 nats


def test_without_averaging_the_last_weights_count(trained: dict[str, dict[str, Any]]):
    with_average, without = trained["averaging"], trained["no averaging"]

    assert without["validation_loss"] == pytest.approx(without["history"][0]["validation_loss"], rel=1e-3)
    assert with_average["head"] != without["head"]


def test_the_head_alone_learns_on_frozen_features(trained: dict[str, dict[str, Any]]):
    found = trained["head first"]

    assert found["history"] == []
    assert changed(found) == set()
    assert found["head"] > 0
    assert found["accuracy"] > 0.6
    assert any(name.startswith("features") for name in found["files"])


def test_a_head_of_dense_layers_on_a_frozen_backbone(trained: dict[str, dict[str, Any]]):
    found = trained["as notebooks have it"]
    losses = [epoch["validation_loss"] for epoch in found["history"]]

    assert changed(found) == set()
    assert found["head"] > 0
    assert found["validation_loss"] == pytest.approx(losses[-1], rel=2e-3)
    assert sorted(found["epochs"]) == [f"{i:02}-{loss:.4f}.weights.h5" for i, loss in enumerate(losses, 1)]


def test_patience_ends_a_training_that_no_longer_gains(trained: dict[str, dict[str, Any]]):
    losses = [epoch["validation_loss"] for epoch in trained["patience"]["history"]]
    best = losses.index(min(losses))

    assert len(losses) == 9 or len(losses) - 1 - best >= 2
    assert all(number - losses[: number + 1].index(min(losses[: number + 1])) < 2 for number in range(len(losses) - 1))


def test_a_loss_that_is_no_number_is_one_line(trained: dict[str, dict[str, Any]]):
    found = trained["too fast"]
    assert "expected a finite loss" in found["error"]
    assert "lower training.learning_rate (1e+06)" in found["error"]


def test_more_layers_than_there_are_is_one_line(trained: dict[str, dict[str, Any]]):
    assert trained["too many layers"]["error"].startswith("training.layers: expected at most the backbone's ")
    assert trained["too many layers"]["error"].endswith(", found 1000")


# What follows runs in the child.


def experiment_all(data: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Every experiment; all of the first one's backbone start from what it has learned."""
    found = {}
    weights = "none"
    for number, (name, settings) in enumerate(EXPERIMENTS.items()):
        begin = "none" if settings.items() >= SMALL.items() else weights
        found[name], network = experiment(data, folder / str(number), begin, settings)
        if name == "learns":
            weights = str(folder / "pretrained.weights.h5")
            network.get_layer("backbone").save_weights(weights)
    return found


def experiment(data: Path, folder: Path, weights: str, settings: dict[str, str]) -> tuple[dict[str, Any], Any]:
    """Train once; what the tests ask, and the network."""
    import keras
    import numpy as np

    from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
    from edge_asl.datasets.readers import read_dataset
    from edge_asl.datasets.splits import make_split
    from edge_asl.errors import EdgeAslError
    from edge_asl.progress import Quiet, unwatched
    from edge_asl.recipes.recipe import load_recipe
    from edge_asl.training.backbone import backbone_of, build_network
    from edge_asl.training.fit import TrainingJob, train
    from edge_asl_device.contract.manifest import Crop, Input, Resize

    folder.mkdir()
    recipe = load_recipe("demo", [f"{key}={value}" for key, value in (COMMON | settings).items()])
    dataset = read_dataset(data)
    spec = Input(SIDE, SIDE, Crop.CENTRE_SQUARE, Resize.LINEAR)
    parts = make_split(dataset, by="signer", seed=1).parts
    write_pixel_store(dataset, spec, folder / "pictures.u8", unwatched)
    keras.utils.set_random_seed(recipe.training.seed)
    before = build_network(recipe.model, len(dataset.labels), weights)
    with PixelStore(folder / "pictures.u8", dataset, spec) as pixels:
        rows = {part: pixels.rows_of(paths) for part, paths in parts.items()}
        if settings is EXPERIMENTS["learns"]:
            # Validated on what it learns: which epoch is best on twelve pictures of people never seen is chance, and
            # another processor's rounding decides it otherwise.
            rows["validation"] = rows["train"]
        job = TrainingJob(
            recipe, pixels, rows["train"], rows["validation"], len(dataset.labels), weights,
            folder / "features.npy", folder / "checkpoint.npz", folder / "logs",
            folder / "epochs" if recipe.training.every_epoch else None,
        )  # fmt: skip
        try:
            network, history = train(job, Quiet())
        except EdgeAslError as error:
            return {"error": str(error)}, None
        truth, known = pixels.classes[rows["validation"]], pixels.classes[rows["train"]]

        def answer(part: str) -> Any:
            return network((pixels.read(rows[part]).astype(np.float32) - 128) / 128, training=False).numpy()

        answers, accuracy = answer("validation"), float((answer("train").argmax(axis=1) == known).mean())
    found = {
        "history": [epoch._asdict() for epoch in history],
        "validation_loss": float(-np.log(np.maximum(answers[np.arange(len(truth)), truth], 1e-7)).mean()),
        "accuracy": accuracy,
        "layers": [
            layer_found(number, *pair)
            for number, pair in enumerate(zip(*(backbone_of(n).layers for n in (before, network)), strict=True))
        ],
        "head": float(np.abs(network.layers[-1].kernel - before.layers[-1].kernel).max()),
        "files": sorted(path.name for path in folder.iterdir()),
        "epochs": [path.name for path in folder.glob("epochs/*")],
    }
    return found, network


def layer_found(number: int, before: Any, after: Any) -> dict[str, Any]:
    """How far each weight of one layer went."""
    import keras
    import numpy as np

    return {
        "number": number,
        "norm": isinstance(after, keras.layers.BatchNormalization),
        "weights": {
            new.path: float(np.abs(new.numpy() - old.numpy()).max())
            for old, new in zip(before.weights, after.weights, strict=True)
        },
    }


if __name__ == "__main__":
    results = experiment_all(Path(sys.argv[1]), Path(sys.argv[2]))
    (Path(sys.argv[2]) / "found.json").write_text(json.dumps(results))
