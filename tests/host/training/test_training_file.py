"""The file beside a bundle: small, and the features of its hands as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_asl.errors import DataError
from edge_asl.recipes.recipe import Sign
from edge_asl.training.readings import Readings, empty_readings, joined
from edge_asl.training.training_file import (
    VIEWS,
    RehearsalSet,
    TrainingFile,
    encode_training_file,
    read_training_file,
    training_path,
)

HANDS, STEP = 12, 0.02


def drawn(hands: int = HANDS, views: int = VIEWS, seed: int = 1) -> Readings:
    """Hands somewhere in frames, as the int8 landmark model gives them."""
    rng = np.random.default_rng(seed)
    empty = empty_readings(hands, views)
    return empty._replace(
        found=np.ones(hands, bool),
        mirrored=rng.random((hands, views)) < 0.5,
        landmarks=rng.normal(300, 60, empty.landmarks.shape).astype(np.float32),
        angle=rng.uniform(-3, 3, (hands, views)).astype(np.float32),
        pooled=(rng.integers(-3, 253, empty.pooled.shape) * np.float32(STEP)).astype(np.float16),
    )


@pytest.fixture
def written(tmp_path: Path) -> tuple[TrainingFile, Path]:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.1, shape).astype(np.float32) for shape in ((30, 20), (20,), (20, 3), (3,))]
    rehearsal = RehearsalSet(drawn(), np.arange(HANDS) % 3, np.arange(HANDS) < 4)
    file = TrainingFile("a" * 64, Sign(epochs=7), 1.25, weights, STEP, rehearsal)
    path = training_path(tmp_path / "letters")
    path.write_bytes(encode_training_file(file))
    return file, path


def test_it_lies_beside_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "letters").mkdir()
    monkeypatch.chdir(tmp_path / "letters")

    assert training_path(tmp_path / "letters") == training_path(Path()) == tmp_path / "letters.training.npz"


def test_what_was_written_is_read(written: tuple[TrainingFile, Path]):
    file, path = written
    found = read_training_file(path)

    assert (found.model, found.settings, found.temperature) == (file.model, file.settings, file.temperature)
    assert found.rehearsal.labels.tolist() == file.rehearsal.labels.tolist()
    assert found.rehearsal.held.tolist() == file.rehearsal.held.tolist()
    assert [w.shape for w in found.weights] == [w.shape for w in file.weights]
    for kept, weights in zip(found.weights, file.weights, strict=True):
        np.testing.assert_allclose(kept, weights, rtol=1e-3, atol=1e-6)


def test_features_are_as_they_were(written: tuple[TrainingFile, Path]):
    file, path = written
    found, rows = read_training_file(path).rehearsal.readings, np.arange(HANDS)

    for view in range(VIEWS):
        np.testing.assert_allclose(found.features(rows, view), file.rehearsal.readings.features(rows, view), atol=0.01)
    # What the landmark model saw inside is kept to the bit, but for what is below zero.
    np.testing.assert_array_equal(found.pooled, np.maximum(file.rehearsal.readings.pooled, 0))


def test_a_missing_or_damaged_file_is_one_line(written: tuple[TrainingFile, Path], tmp_path: Path):
    _, path = written
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"letters\.training\.npz: not what edge-asl build wrote"):
        read_training_file(path)
    np.savez(path, about=np.array('{"format": 1}'))
    with pytest.raises(DataError, match="build the bundle again"):
        read_training_file(path)
    with pytest.raises(DataError, match=r"other\.training\.npz: a bundle cannot be improved without this file"):
        read_training_file(training_path(tmp_path / "other"))


def test_readings_of_fewer_views_are_repeated_when_joined():
    two, five = drawn(3, 2, seed=2), drawn(4, 5, seed=3)
    both = joined(five, two)

    assert both.angle.shape == (7, 5)
    np.testing.assert_array_equal(both.landmarks[:4], five.landmarks)
    np.testing.assert_array_equal(both.angle[4:], two.angle[:, [0, 1, 0, 1, 0]])


def test_each_picture_has_its_own_views_picked():
    readings = drawn(3, 5)
    picked = readings.picked(np.array([2, 0]), np.array([[4, 1], [0, 3]]))

    np.testing.assert_array_equal(picked.landmarks[0, 1], readings.landmarks[2, 1])
    np.testing.assert_array_equal(picked.pooled[1, 1], readings.pooled[0, 3])
    assert picked.square.shape == (2, 3)
