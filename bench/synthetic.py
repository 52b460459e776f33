"""How many synthetic pictures and film frames one core draws per second: ``python bench/synthetic.py [pictures]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
from common import figure

from edge_asl.datasets.synthetic.film import film_script, write_film
from edge_asl.datasets.synthetic.pictures import LETTERS, write_pictures


def main(pictures: int = 2400) -> None:
    """Write them to a temporary folder, JPEG and fsync included, and print the figures."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        start, busy = time.perf_counter(), time.process_time()
        write_pictures(Path(folder) / "pictures", LETTERS, max(1, pictures // len(LETTERS)))
        wall_s, core_s = time.perf_counter() - start, time.process_time() - busy
        count = max(1, pictures // len(LETTERS)) * len(LETTERS)
        result = f"{count / wall_s:.0f}/s ({count / core_s:.0f} per second of processor time)"
        figure("drawn pictures of 96 px, one core", result, "≥ 300/s")

        start = time.perf_counter()
        write_film(Path(folder) / "film.mp4", "HELLO")
        frames = round(film_script("HELLO")[-1].end_s * 30)
        figure("drawn film, 640×480, one core", f"{frames / (time.perf_counter() - start):.0f} frames/s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
