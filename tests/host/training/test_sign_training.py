"""Training the sign network on hands made of numbers, and quantizing it; in a child process, for TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_build import QUIET

from edge_asl_device.contract.hand_points import POINTS, POOLED

CLASSES, PER_CLASS = 4, 30
SOME = (0, 0.25, 0.5, 1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of the networks."""
    target = tmp_path_factory.mktemp("sign") / "found.json"
    environment = os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, __file__, str(target)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(target.read_text())


def test_it_learns_and_the_int8_model_says_the_same(found: dict[str, Any]):
    assert found["losses"][-1] < 0.6 * found["losses"][0], "smoothed labels leave some"
    assert found["right"] == 1.0
    assert found["int8_right"] == 1.0
    assert found["int8_difference"] < 0.1


def test_probabilities_are_the_product_of_the_branches(found: dict[str, Any]):
    assert found["product_difference"] < 1e-4


def test_the_same_seed_gives_the_same_network(found: dict[str, Any]):
    assert found["again"] == found["first"]
    assert found["other"] != found["first"]


def test_between_two_networks_lie_others(found: dict[str, Any]):
    assert found["between"]["0"] == pytest.approx(0, abs=1e-6), "the first"
    assert found["between"]["1"] == pytest.approx(found["apart"], abs=1e-6), "the second"
    assert 0 < found["between"]["0.25"] < found["apart"]


def test_the_farthest_share_that_is_bearable_is_taken(found: dict[str, Any]):
    assert found["taken"] == {"all": 1, "up to a half": 0.5, "nothing": 1}
    assert found["half"] == pytest.approx(found["between"]["0.5"], abs=1e-6)


def test_a_hand_is_turned_around_its_wrist_and_clockwise(found: dict[str, Any]):
    wrist, tip = found["turned"]

    assert wrist == pytest.approx([10, 10])
    assert tip == pytest.approx([20, 10], abs=1e-4), "from above the wrist to its right"


def test_other_bones_keep_the_wrist_and_change_every_length(found: dict[str, Any]):
    assert found["wrist_moved"] == 0
    assert 0.02 < found["bones_changed"] < 0.3


def draw(seed: int) -> Any:
    """Readings of hands that differ in shape and inner features, and their classes."""
    from edge_asl.training.readings import empty_readings

    shapes = np.random.default_rng(0).normal(0, 50, (CLASSES, POINTS, 2))
    pooled = np.random.default_rng(1).uniform(0, 3, (CLASSES, POOLED))
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    n = (len(labels), 2)
    readings = empty_readings(*n)._replace(
        found=np.ones(n[0], bool),
        landmarks=(shapes[labels][:, None] + rng.normal(0, 6, (*n, POINTS, 2))).astype(np.float32),
        angle=rng.normal(0, 0.2, n).astype(np.float32),
        pooled=(pooled[labels][:, None] + rng.normal(0, 0.3, (*n, POOLED))).astype(np.float16),
    )
    return readings, labels.astype(np.int64)


def try_all() -> dict[str, Any]:
    """Train with two seeds, one of them twice, and quantize; runs in the child."""
    from edge_asl.pipeline.quantize import quantize_sign_network
    from edge_asl.pipeline.sign_training import int8_answer
    from edge_asl.recipes.recipe import Sign
    from edge_asl.training.readings import DEVICE_VIEWS
    from edge_asl.training.sign_network import SignJob, other_bones, train_sign_network, turned
    from edge_asl.training.tuning import Lesson, as_far_as, between, tune
    from edge_asl_device.contract.hand_features import parts_of, standardised

    readings, labels = draw(1)
    rows, weights = np.arange(len(labels)), np.ones(len(labels), np.float32)
    settings = Sign(epochs=12, batch=32)
    jobs = [SignJob(readings, rows, labels, weights, CLASSES, settings, seed) for seed in (5, 5, 6)]
    (net, losses), (again, _), (other, _) = (train_sign_network(job) for job in jobs)
    strangers, truth = draw(2)
    answers = net.answer(strangers, rows)
    products = []
    for view in DEVICE_VIEWS:
        features = standardised(strangers.features(rows, view), net.scaling)
        logits = np.sum([np.asarray(one) for one in net.branches(parts_of(features), training=False)], axis=0)
        product = np.exp(logits - logits.max(axis=1, keepdims=True))
        products.append(product / product.sum(axis=1, keepdims=True))
    model = quantize_sign_network(net.network(), standardised(readings.features(rows), net.scaling))
    int8 = int8_answer(model, net.scaling, CLASSES)(strangers, rows)
    upright = np.array([[[10, 10], [10, 0]]], np.float32)
    hands = readings.landmarks[:, 0]
    others = other_bones(hands, 0.1, np.random.default_rng(1))
    length = [np.linalg.norm(hand[:, 6] - hand[:, 5], axis=1) for hand in (hands, others)]
    more, more_labels = draw(3)
    tuned = tune(net, Lesson(more, more_labels), Lesson(readings, labels), settings, 1)

    def moved(other: Any) -> float:
        return float(np.abs(other.answer(strangers, rows) - answers).mean())

    away = {share: moved(between(net, tuned, share)) for share in SOME}
    limits = {"all": np.inf, "up to a half": away[0.5] + 1e-6, "nothing": -1}
    taken = {
        name: as_far_as(net, tuned, lambda other, most=most: moved(other) <= most) for name, most in limits.items()
    }
    return {
        "between": away,
        "apart": moved(tuned),
        "taken": {name: share for name, (_, share) in taken.items()},
        "half": moved(taken["up to a half"][0]),
        "turned": turned(upright, np.array([np.pi / 2], np.float32))[0].tolist(),
        "wrist_moved": float(np.abs(others[:, 0] - hands[:, 0]).max()),
        "bones_changed": float(np.abs(length[1] / length[0] - 1).mean()),
        "losses": losses,
        "right": float((answers.argmax(axis=1) == truth).mean()),
        "int8_right": float((int8.argmax(axis=1) == truth).mean()),
        "int8_difference": float(np.abs(int8 - answers).max()),
        "product_difference": float(np.abs(np.mean(products, axis=0) - answers).max()),
        "first": float(answers.sum(axis=0)[0]),
        "again": float(again.answer(strangers, rows).sum(axis=0)[0]),
        "other": float(other.answer(strangers, rows).sum(axis=0)[0]),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(try_all()))
