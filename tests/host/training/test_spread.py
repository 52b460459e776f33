"""One training shared by two processors of this machine: TensorFlow's logical devices, in a child process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_build import in_child

SIDE = 32
SETTINGS = {
    "model.backbone": "mobilenet",
    "model.alpha": "0.25",
    "model.size": str(SIDE),
    "model.dropout": "0.0",  # its masks are drawn for each part of a batch
    "training.batch": "15",  # one processor takes eight pictures, the other seven
    "training.epochs": "2",
    "training.averaging": "0.9",
    "training.batch_norm": "frozen",
    "training.layers": "13",
    "training.variants": "0",
}


@pytest.fixture(scope="module")
def found(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the child wrote down."""
    folder = tmp_path_factory.mktemp("spread")
    in_child(__file__, drawn, folder)
    return json.loads((folder / "found.json").read_text())


def test_two_processors_train_the_network_of_one(found: dict[str, Any]):
    one, two = found["alone"], found["mirrored"]

    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert one["changed"] > 1e-3
    for mine, other in zip(one["history"], two["history"], strict=True):
        assert other == pytest.approx(mine, rel=1e-4)
    # Rounding, of which AdamW makes the more the smaller a gradient is: a step of its weights is 1e-3 here.
    assert found["difference"] < 1e-4


def test_mixed_precision_and_xla_train_much_the_same_network(found: dict[str, Any]):
    """As on a GPU of today; what is given back is float32, as it is quantized."""
    fast, plain = found["fast"], found["alone"]

    assert fast["policies"] == plain["policies"] == ["float32"]
    for mine, other in zip(plain["history"], fast["history"], strict=True):
        assert other[0] == pytest.approx(mine[0], rel=0.02)
        assert other != mine
    assert found["chosen"] == [
        ["float32", False],
        ["float32", True],
        ["mixed_bfloat16", True],
        ["mixed_bfloat16", False],
        ["float32", False],
    ]


def test_batch_norm_sees_the_whole_batch(found: dict[str, Any]):
    """Gradients, and the statistics that are kept, are those of one processor."""
    assert found["norm"]["gradients"] < 1e-4
    assert found["norm"]["statistics"] < 1e-5
    assert found["norm"]["without"] > 1e-2


def test_a_batch_that_is_too_small_to_share_is_one_line(found: dict[str, Any]):
    assert found["too small"] == (
        "training.batch: expected 2 pictures or more, one for each replica, found 1; raise it, or use fewer workers or "
        "GPUs"
    )


# What follows runs in the child.


def _experiment(data: Path, folder: Path) -> None:
    """The same training on one and on two processors."""
    from edge_asl.training.quiet import tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

    from edge_asl.errors import TrainingError
    from edge_asl.training.precision import Precision, of_devices

    strategies = {
        "alone": tf.distribute.get_strategy(),
        "mirrored": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    }
    found: dict[str, Any] = {"norm": _norm(*strategies.values())}
    networks: dict[str, Any] = {}
    for name, strategy in strategies.items():
        found[name], networks[name] = _train(data, folder / name, strategy, SETTINGS)
    found["difference"] = _furthest(*(networks[name] for name in strategies))
    found["fast"], _ = _train(data, folder / "fast", strategies["alone"], SETTINGS, Precision("mixed_bfloat16", True))
    choices = [((), 1), (((7, 5),), 1), (((8, 6),), 1), (((8, 6), (9, 0)), 2), (((7, 0), (8, 6)), 2)]
    found["chosen"] = [of_devices(*choice) for choice in choices]
    try:
        _train(data, folder / "small", strategies["mirrored"], SETTINGS | {"training.batch": "1"})
    except TrainingError as error:
        found["too small"] = str(error)
    (folder / "found.json").write_text(json.dumps(found))


def _train(
    data: Path, folder: Path, strategy: Any, settings: dict[str, str], precision: Any = None
) -> tuple[dict[str, Any], list[Any]]:
    from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
    from edge_asl.datasets.readers import read_dataset
    from edge_asl.progress import Quiet, unwatched
    from edge_asl.recipes.recipe import load_recipe
    from edge_asl.training.backbone import build_network
    from edge_asl.training.fit import TrainingJob, train
    from edge_asl.training.precision import PLAIN
    from edge_asl.training.quiet import keras
    from edge_asl.training.spread import Spread
    from edge_asl_device.contract.manifest import Crop, Input

    folder.mkdir()
    recipe = load_recipe("demo", [f"{key}={value}" for key, value in settings.items()])
    dataset = read_dataset([data])
    spec = Input(SIDE, SIDE, Crop.CENTRE_SQUARE, recipe.model.resize)
    write_pixel_store(dataset, spec, folder / "pictures.u8", unwatched)
    keras.utils.set_random_seed(recipe.training.seed)
    before = build_network(recipe.model, len(dataset.labels), "none").get_weights()
    with PixelStore(folder / "pictures.u8", dataset, spec) as pixels:
        rows = pixels.rows_of([picture.path for picture in dataset.pictures])
        job = TrainingJob(
            recipe, pixels, rows[:76], rows[76:], len(dataset.labels), "none",
            folder / "features.npy", folder / "checkpoint.npz", folder / "logs",
        )  # fmt: skip
        network, history = train(job, Quiet(), Spread(strategy, precision=precision or PLAIN))
    weights = network.get_weights()
    losses = [[epoch.loss, epoch.accuracy, epoch.validation_loss, epoch.validation_accuracy] for epoch in history]
    return {
        "replicas": strategy.num_replicas_in_sync,
        "history": losses,
        "changed": _furthest(before, weights),
        "policies": sorted({layer.dtype_policy.name for layer in network._flatten_layers()}),
    }, weights


def _norm(one: Any, two: Any) -> dict[str, float]:
    """How far gradients and kept statistics of a small network are from one processor's."""
    (gradients, kept), (shared, kept_shared) = _gradients(one, whole=True), _gradients(two, whole=True)
    own, _ = _gradients(two, whole=False)
    return {
        "gradients": _furthest(gradients, shared),
        "statistics": _furthest(kept, kept_shared),
        "without": _furthest(gradients, own),
    }


def _gradients(strategy: Any, *, whole: bool) -> tuple[list[Any], list[Any]]:
    import contextlib

    from edge_asl.training.quiet import keras, tf
    from edge_asl.training.spread import Spread, whole_batch_statistics

    # Channels far from zero, as pretrained networks have them: E(x²) − E(x)² would be off by their square.
    pictures = np.random.default_rng(1).normal(30, 1, (7, 6, 6, 3)).astype(np.float32)
    labels = np.arange(7, dtype=np.int32) % 4
    spread = Spread(strategy)
    keras.utils.set_random_seed(1)
    with strategy.scope():
        inner = keras.Sequential([
            keras.Input((6, 6, 3)), keras.layers.Conv2D(5, 3), keras.layers.BatchNormalization(), keras.layers.ReLU(),
        ])  # fmt: skip
        network = keras.Sequential([
            keras.Input((6, 6, 3)), inner, keras.layers.GlobalAveragePooling2D(), keras.layers.BatchNormalization(),
            keras.layers.Dense(4, activation="softmax"),
        ])  # fmt: skip

    def replica(part: Any, truth: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(truth, network(part, training=True))
            loss = tf.reduce_sum(losses) / len(labels)
        return tape.gradient(loss, network.trainable_variables)

    def step(part: Any, truth: Any) -> list[Any]:
        parts = strategy.run(replica, args=(part, truth))
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, gradient, axis=None) for gradient in parts]

    with whole_batch_statistics(network, spread, len(labels)) if whole else contextlib.nullcontext():
        batch = spread.split((tf.constant(pictures), tf.constant(labels)))
        gradients = tf.function(step, autograph=False)(*batch)
    return [gradient.numpy() for gradient in gradients], [v.numpy() for v in network.non_trainable_variables]


def _furthest(some: list[Any], others: list[Any]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


if __name__ == "__main__":
    _experiment(Path(sys.argv[1]), Path(sys.argv[2]))
