"""Only a part of a camera's pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_asl_device.camera.part import SMALLEST, Part
from edge_asl_device.camera.source import open_source, parse_source
from program import Program, wait_for

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
PICTURE = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)


@pytest.mark.parametrize(
    ("part", "rows", "columns"),
    [
        (Part.zoomed(1), (0, 480), (0, 640)),
        (Part.zoomed(2), (120, 360), (160, 480)),
        (Part.zoomed(8), (210, 270), (280, 360)),
        (Part.square(25, 10, 60), (48, 336), (160, 448)),
        (Part.square(0, 0, 100), (0, 480), (0, 480)),
        (Part.square(90, 50, 100), (240, 480), (576, 640)),
        (Part.square(100, 100, 5), (480 - SMALLEST, 480), (640 - SMALLEST, 640)),
    ],
)
def test_which_pixels(part: Part, rows: tuple[int, int], columns: tuple[int, int]):
    assert np.array_equal(part.cut(PICTURE), PICTURE[slice(*rows), slice(*columns)])
    assert Part.parse(str(part)) == part


def test_a_film_is_cut_frame_by_frame():
    whole = parse_source(str(FILM))
    part = Part.square(20, 10, 50)
    with open_source(whole, paced=False) as camera, open_source(whole._replace(part=part), paced=False) as cut:
        for frame, seen in zip(camera.frames(), cut.frames(), strict=True):
            assert frame.time_s == seen.time_s
            assert np.array_equal(part.cut(frame.picture), seen.picture)


@pytest.mark.whole_program
@pytest.mark.parametrize(
    ("option", "size"), [(("--square", "10,0,100"), (240, 240)), (("--zoom", "2"), (160, 120)), ((), (320, 240))]
)
def test_the_page_shows_the_part_that_is_read(golden_bundle: Path, option: tuple[str, ...], size: tuple[int, int]):
    with Program("run", golden_bundle, "--source", FILM, "--loop", "--mute", *option) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.hello.get("frame"))
        assert (page.hello["frame"]["width"], page.hello["frame"]["height"]) == size
