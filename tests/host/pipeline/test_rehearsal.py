"""Which hands are rehearsed."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edge_asl.datasets.types import Picture
from edge_asl.pipeline.rehearsal import rehearsal_set, spread
from edge_asl.training.readings import empty_readings
from edge_asl.training.training_file import VIEWS


def test_every_kind_has_its_share_and_rare_ones_are_kept_whole():
    cells = ["often"] * 100 + ["seldom"] * 3 + ["sometimes"] * 20
    chosen = spread(cells, 23, seed=1)

    assert Counter(cells[i] for i in chosen) == {"often": 10, "sometimes": 10, "seldom": 3}
    assert chosen.tolist() == sorted(chosen.tolist()) != spread(cells, 23, seed=2).tolist()
    assert len(spread(cells, 1000, seed=1)) == len(cells)


def test_one_person_in_five_is_held_back_with_what_a_device_reads():
    pictures = [Picture(f"{who}/{i}", "AB"[i % 2], who) for who in "klmnopqrst" for i in range(6)]
    truth = np.array([i % 2 for i in range(len(pictures))])
    readings = empty_readings(len(pictures), 5)
    readings.found[:] = True
    readings.found[:2] = False
    readings.angle[:] = np.arange(len(pictures))[:, None] + np.arange(5) / 10

    kept = rehearsal_set(readings, pictures, truth, np.arange(12, len(pictures)), seed=3)

    rows = kept.readings.angle[:, 0].astype(int)
    assert rows.tolist() == list(range(12, len(pictures)))
    np.testing.assert_array_equal(kept.labels, truth[rows])
    people = {side: {pictures[row].signer for row in rows[kept.held == side]} for side in (True, False)}
    assert len(people[True]) == 2
    assert not people[True] & people[False]
    views = np.rint(kept.readings.angle % 1 * 10).astype(int)
    assert (views[kept.held] == range(VIEWS)).all()
    assert len({tuple(row) for row in views[~kept.held].tolist()}) > 5


def test_pictures_without_a_hand_are_not_rehearsed():
    readings = empty_readings(4, 5)
    readings.found[2:] = True

    kept = rehearsal_set(readings, [Picture(f"{i}", "A", "k") for i in range(4)], np.zeros(4, int), np.arange(4), 1)

    assert len(kept.labels) == 2
