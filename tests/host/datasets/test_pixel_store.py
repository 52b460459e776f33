"""Stored pictures are what the device would see, and cost the memory of a batch, not of the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge_asl.datasets.pixel_store import PixelStore, square_of, write_pixel_store
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.progress import unwatched
from edge_asl_device.contract.manifest import Crop, Input, Resize
from edge_asl_device.contract.pictures import read_picture
from edge_asl_device.contract.preprocess import Box, preprocess
from edge_asl_device.errors import PictureError
from edge_asl_device.inference.locator import CentreSquare


def spec(side: int = 40, resize: Resize = Resize.LINEAR) -> Input:
    return Input(side, side, Crop.CENTRE_SQUARE, resize)


def stored(dataset: Dataset, size: Input, folder: Path) -> PixelStore:
    write_pixel_store(dataset, size, folder / "pictures.u8", unwatched)
    return PixelStore(folder / "pictures.u8", dataset, size)


def draw(path: Path, height: int, width: int, seed: int) -> None:
    """A picture no two of whose parts are alike, lossless."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("resize", list(Resize))
def test_a_record_is_what_the_device_makes_of_the_picture(tmp_path: Path, resize: Resize):
    """The device's whole preprocessing as oracle: int8 is uint8 − 128."""
    data = tmp_path / "data"
    for number, (height, width) in enumerate([(64, 64), (40, 40), (48, 100), (120, 30), (333, 500), (7, 9)]):
        draw(data / "AB"[number % 2] / f"{number}.png", height, width, number)
    dataset, size = read_dataset(data), spec(resize=resize)

    with stored(dataset, size, tmp_path) as found:
        pictures = found.read(range(len(dataset.pictures)))

    assert (tmp_path / "pictures.u8").stat().st_size == 6 * 40 * 40 * 3
    for picture, listed in zip(pictures, dataset.pictures, strict=True):
        frame = read_picture(data / listed.path)
        tensor = preprocess(CentreSquare().locate(frame).cut(frame), size)
        np.testing.assert_array_equal(picture.astype(np.int16) - 128, tensor[0])


def test_a_labelled_box_is_cut_out_with_the_bundles_margin():
    frame, picture = np.zeros((200, 300, 3), np.uint8), Picture("a.jpg", "A", box=Box(0.5, 0.5, 0.2, 0.2))

    sides = [square_of(frame, picture, replace(spec(), margin=margin)).side for margin in (1.0, 1.35, 2.0)]

    assert sides == [60, 81, 120]
    assert square_of(frame, picture._replace(box=None), spec()) == (50, 0, 200)


def test_rows_come_in_the_order_asked_for(drawn: Path, tmp_path: Path):
    dataset = read_dataset(drawn)
    with stored(dataset, spec(), tmp_path) as found:
        everything = found.read(range(len(dataset.pictures)))
        np.testing.assert_array_equal(found.read([95, 0, 7, 7]), everything[[95, 0, 7, 7]])
        assert found.read([]).shape == (0, 40, 40, 3)
        paths = [dataset.pictures[i].path for i in (5, 90, 33)]
        assert found.rows_of(paths).tolist() == [5, 90, 33]
        named = [dataset.labels[i] for i in found.classes]

    assert named == [picture.label for picture in dataset.pictures]
    assert len(np.unique(everything.reshape(96, -1), axis=0)) == 96


def test_a_yolo_box_is_cut_out(tmp_path: Path):
    """A hand of one colour in a box of 40 × 20 pixels, 60 × 60 around it another colour, the rest a third."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[70:130, 120:180] = (10, 200, 30)
    picture[90:110, 130:170] = (200, 20, 30)
    for name in ("A1", "B1"):
        for part, suffix in (("images", "png"), ("labels", "txt")):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
            path = tmp_path / "data" / part / f"{name}.{suffix}"
            if part == "images":
                cv2.imwrite(str(path), picture[:, :, ::-1])
            else:
                path.write_text(f"{'AB'.index(name[0])} {150 / 300} {100 / 200} {40 / 300} {20 / 200}\n")
    dataset = read_dataset(tmp_path / "data")

    with stored(dataset, spec(54), tmp_path) as found:
        cut = found.read([0])[0]

    # 1.35 × 40 = 54 pixels around (150, 100): rows 73 to 127, columns 123 to 177, here at their own size.
    np.testing.assert_array_equal(cut, picture[73:127, 123:177])
    assert (cut != 0).any(axis=2).all()


def test_a_picture_that_cannot_be_read_is_named_and_nothing_takes_the_old_ones_place(drawn: Path, tmp_path: Path):
    data = tmp_path / "data"
    for number in range(4):
        draw(data / "AB"[number % 2] / f"{number}.png", 50, 50, number)
    stored(read_dataset(data), spec(), tmp_path).__exit__(None, None, None)
    before = (tmp_path / "pictures.u8").read_bytes()
    (data / "B" / "3.png").write_bytes(b"no picture")

    with pytest.raises(PictureError, match=r"B/3\.png: not a picture: no decoder accepts its 10 bytes"):
        stored(read_dataset(data), spec(), tmp_path)

    assert (tmp_path / "pictures.u8").read_bytes() == before


def test_all_pictures_that_cannot_be_read_are_told_at_once(tmp_path: Path):
    data = tmp_path / "data"
    for number in range(30):
        draw(data / "AB"[number % 2] / f"{number:02}.png", 50, 50, number)
        if number in (0, 3, 4, 9, 10, 12, 20, 29):
            (data / "AB"[number % 2] / f"{number:02}.png").write_text("<!DOCTYPE html><title>404</title>")

    with pytest.raises(PictureError) as caught:
        stored(read_dataset(data), spec(), tmp_path)

    said = str(caught.value)
    assert said.startswith(f"8 pictures cannot be read: {data}/A/00.png: expected one of JPEG, ")
    assert "found a web page; download it again" in said
    assert "; likewise A/04.png, A/10.png, A/12.png, A/20.png and 3 more; edge-asl data check says" in said
    assert not (tmp_path / "pictures.u8").exists()


def test_what_a_killed_build_left_is_removed(drawn: Path, tmp_path: Path):
    left = tmp_path / ".1.tmp.pictures.u8"
    left.write_bytes(b"half")

    stored(read_dataset(drawn), spec(), tmp_path).__exit__(None, None, None)

    assert not left.exists()


def test_a_disk_too_small_is_refused_before_work_starts(drawn: Path, small_disk: Callable[[int], Path]):
    folder = small_disk(40)
    told: list[int] = []

    with pytest.raises(DataError) as caught:
        write_pixel_store(
            read_dataset(drawn), spec(), folder / "pictures.u8", lambda done, note="", total=None: told.append(done)
        )

    assert str(caught.value).startswith(f"{folder}: expected 50 MB free for 96 decoded pictures, found ")
    assert told == []
    assert list(folder.iterdir()) == []


# Rows share files: what counts is that they are decoded, written and read one by one.
_STORE_MANY = r"""
import re, sys
from pathlib import Path
from edge_asl.datasets.pixel_store import PixelStore, write_pixel_store
from edge_asl.progress import unwatched
from edge_asl.datasets.readers import read_dataset
from edge_asl_device.contract.manifest import Crop, Input, Resize
import numpy as np

folder, count = Path(sys.argv[1]), int(sys.argv[2])
dataset = read_dataset(folder / f"data{count}")
assert len(dataset.pictures) == count
spec = Input(224, 224, Crop.CENTRE_SQUARE, Resize.LINEAR)
write_pixel_store(dataset, spec, folder / "many.u8", unwatched)
total = 0
with PixelStore(folder / "many.u8", dataset, spec) as pixels:
    order = np.random.default_rng(1).permutation(count)
    for start in range(0, count, 32):
        total += int(pixels.read(order[start : start + 32]).sum(dtype=np.int64))
(folder / "many.u8").unlink()
# Not getrusage: its peak begins with the one of the process that started this one.
print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1], total)
"""


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path):
    """4,000 pictures of 224 px are 602 MB decoded; eight times fewer must cost about as much memory."""
    draw(tmp_path / "one.png", 32, 32, 1)
    data = (tmp_path / "one.png").read_bytes()
    peaks = {}
    for count in (500, 4000):
        for label in "AB":
            (tmp_path / f"data{count}" / label).mkdir(parents=True)
            for number in range(count // 2):
                (tmp_path / f"data{count}" / label / f"{label}{number}.png").write_bytes(data)
        run = subprocess.run(
            [sys.executable, "-c", _STORE_MANY, str(tmp_path), str(count)],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        peaks[count], total = (int(word) for word in run.stdout.split())
        assert total > count * 224 * 224 * 3 * 50  # really read, not zeros

    kilobytes_decoded = 3500 * 224 * 224 * 3 / 1024
    assert peaks[4000] - peaks[500] < kilobytes_decoded / 10
    assert peaks[4000] < 200_000
