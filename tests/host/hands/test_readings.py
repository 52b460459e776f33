"""Reading the hands in many pictures, stopped and begun again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_asl.datasets.readers import read_dataset
from edge_asl.pipeline.readings import PART, read_hands
from edge_asl.pipeline.site import open_start
from edge_asl.progress import unwatched

DATA = os.environ.get("EDGE_ASL_DATA")
LETTERS = Path(__file__).parents[3] / "models" / "letters"


@pytest.mark.skipif(DATA is None, reason="needs photographs of hands: set EDGE_ASL_DATA")
def test_a_reading_that_was_stopped_goes_on(tmp_path: Path):
    stage = open_start(LETTERS).stage
    dataset = read_dataset(Path(str(DATA), "people", "gunsai75"))
    dataset = dataset._replace(pictures=dataset.pictures[: PART + 8])
    stopped: list[int] = []

    def stop(done: int, note: str = "", total: int | None = None) -> None:
        stopped.append(done)
        if done > PART:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_hands(stage, dataset, stop, tmp_path / "parts")
    steps: list[int] = []
    found = read_hands(stage, dataset, lambda done, *_: steps.append(done), tmp_path / "parts")

    assert stopped == [*range(1, PART + 2)]
    assert steps == [*range(PART, PART + 9)], "the first part is there at once"
    for name, array in read_hands(stage, dataset, unwatched)._asdict().items():
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)
    assert found.found.mean() > 0.8
