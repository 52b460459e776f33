"""Format × orientation × depth × colour mode against one upright original: the same in check, build and classify."""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_build import device

from edge_asl.datasets.check import check_dataset
from edge_asl.datasets.picture_facts import examine_file, perceptual_hash
from edge_asl.datasets.readers import read_dataset
from edge_asl_device.contract.pictures import decode_picture
from edge_asl_device.errors import PictureError

HEIC = Path(__file__).parents[2] / "data" / "heic"
STRANGE = Path(os.environ.get("EDGE_ASL_DATA", "")) / "strange"
needs_data = pytest.mark.skipif("EDGE_ASL_DATA" not in os.environ, reason="EDGE_ASL_DATA names no folder of pictures")

# What a program stores so that EXIF's orientation makes it upright again.
TO_STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p, -1),
}
# Mean difference in grey levels that a lossy format may make of flat colours; a wrong turn makes more than 17.
LOSSY = {"JPEG": 4.0, "WEBP": 4.0, "HEIC": 1.0}


def original() -> np.ndarray:
    """RGB (48, 64, 3), no two of its corners alike."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[...] = 60, 120, 180
    picture[:16, :20] = 220, 40, 30
    picture[30:, 40:] = 20, 200, 60
    picture[:10, 50:] = 240, 240, 240
    return picture


def grey() -> np.ndarray:
    return cv2.cvtColor(original(), cv2.COLOR_RGB2GRAY)


def palette() -> Image.Image:
    return Image.fromarray(original()).quantize(8, dither=Image.Dither.NONE)


class Cell(NamedTuple):
    name: str
    format: str
    data: bytes
    wanted: np.ndarray


def with_pillow(kind: str, mode: str, orientation: int) -> bytes:
    if mode == "P":
        indices = TO_STORED[orientation](np.asarray(palette()))
        picture = Image.fromarray(np.ascontiguousarray(indices))
        picture.putpalette(palette().getpalette() or [])
    else:
        picture = Image.fromarray(np.ascontiguousarray(TO_STORED[orientation](original()))).convert(mode)
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    more: dict[str, Any] = {"TIFF": {"tiffinfo": {274: orientation}}, "BMP": {}}.get(kind, {"exif": exif})
    picture.save(file, kind, **more, **({"quality": 95} if kind in LOSSY else {}))
    return file.getvalue()


def with_exif_chunk(png: bytes, orientation: int) -> bytes:
    """OpenCV writes 16 bits, Pillow EXIF: a chunk after the header joins them."""
    exif = struct.pack("<4sIHHHIHHI", b"II*\0", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    import zlib

    chunk = b"eXIf" + exif
    return png[:33] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def tiff16(pixels: np.ndarray, orientation: int) -> bytes:
    """An uncompressed TIFF of one or three colours of 16 bits."""
    height, width = pixels.shape[:2]
    colours = 1 if pixels.ndim == 2 else pixels.shape[2]
    entries = 10
    beyond = 8 + 2 + 12 * entries + 4
    depths = struct.pack("<3H", 16, 16, 16) if colours == 3 else b""
    short, long = 3, 4
    depth = (beyond if depths else 16, long if depths else short)
    rows = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, colours, depth[0]),
        (259, short, 1, 1),
        (262, short, 1, 2 if colours == 3 else 1),
        (273, long, 1, beyond + len(depths)),
        (274, short, 1, orientation),
        (277, short, 1, colours),
        (278, long, 1, height),
        (279, long, 1, pixels.nbytes),
    ]
    folder = b"".join(struct.pack("<HHII", *row) for row in rows)
    head = b"II*\0" + struct.pack("<IH", 8, len(rows)) + folder + struct.pack("<I", 0)
    return head + depths + np.ascontiguousarray(pixels).astype("<u2").tobytes()


def sixteen(kind: str, colours: np.ndarray, orientation: int) -> bytes:
    # The lower eight bits are noise: a decoder that takes these, or rounds, shows it.
    deep = colours.astype(np.uint16) * 256 + np.random.default_rng(1).integers(0, 256, colours.shape).astype(np.uint16)
    stored = np.ascontiguousarray(TO_STORED[orientation](deep))
    if kind == "TIFF":
        return tiff16(stored, orientation)
    in_order = stored if stored.ndim == 2 else np.ascontiguousarray(stored[:, :, [2, 1, 0, 3][: stored.shape[2]]])
    return with_exif_chunk(cv2.imencode(".png", in_order)[1].tobytes(), orientation)


MODES = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "WEBP": ("L", "RGB", "RGBA"),
    "TIFF": ("L", "LA", "P", "RGB", "RGBA", "CMYK"),
}


def wanted(mode: str) -> np.ndarray:
    if mode in ("L", "LA"):
        return np.repeat(grey()[:, :, None], 3, axis=2)
    if mode == "1":
        return np.asarray(Image.fromarray(original()).convert("1").convert("RGB"))
    return np.asarray(palette().convert("RGB")) if mode == "P" else original()


def cells() -> Iterator[Cell]:
    """Every cell that a format has; BMP knows no orientation, and HEIC files are made by ``make_heic.py``."""
    opaque = np.dstack([original(), np.full((48, 64), 255, np.uint8)])
    for kind, modes in MODES.items():
        for mode in modes:
            for turn in TO_STORED:
                # A picture of two colours is dithered after it was turned; only as it is has it an original.
                if mode != "1" or turn == 1:
                    yield Cell(f"{kind}-{mode}-8-{turn}", kind, with_pillow(kind, mode, turn), wanted(mode))
    for kind in ("PNG", "TIFF"):
        for turn in TO_STORED:
            yield Cell(f"{kind}-RGB-16-{turn}", kind, sixteen(kind, original(), turn), original())
            yield Cell(f"{kind}-L-16-{turn}", kind, sixteen(kind, grey(), turn), wanted("L"))
    for turn in TO_STORED:
        deep = opaque.astype(np.uint16) * 257
        png = cv2.imencode(".png", np.ascontiguousarray(TO_STORED[turn](deep)[:, :, [2, 1, 0, 3]]))[1].tobytes()
        yield Cell(f"PNG-RGBA-16-{turn}", "PNG", with_exif_chunk(png, turn), original())
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield Cell(f"BMP-{mode}-8-1", "BMP", with_pillow("BMP", mode, 1), wanted(mode))
    for path in sorted(HEIC.glob("*.heic")):
        mode, turn = path.stem.split("-")
        if mode != "clear":
            right = wanted("L") if mode == "grey" else original()
            yield Cell(f"HEIC-{mode}-{turn}", "HEIC", path.read_bytes(), right)


CELLS = list(cells())
SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp", "HEIC": ".heic"}


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_every_cell_is_the_upright_original(cell: Cell) -> None:
    found = decode_picture(cell.data, cell.name)
    assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.uint8, (48, 64, 3), True)
    difference = np.abs(found.astype(int) - cell.wanted).mean()
    assert difference <= LOSSY.get(cell.format, 0.0), difference


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every cell as a file of a data folder, beside the upright original."""
    root = tmp_path_factory.mktemp("table")
    for label in "AB":
        (root / label).mkdir()
        Image.fromarray(original()).save(root / label / "original.png")
    for cell in CELLS:
        (root / "A" / f"{cell.name}{SUFFIX[cell.format]}").write_bytes(cell.data)
    return root


def test_a_build_and_a_check_see_what_the_decoder_gives(files: Path) -> None:
    data = read_dataset(files)
    assert len(data.pictures) == len(CELLS) + 2
    by_name = {cell.name: cell for cell in CELLS}
    for picture in data.pictures:
        cell = by_name.get(Path(picture.path).stem)
        if cell is not None:
            frame = data.load(picture)
            assert np.array_equal(frame, decode_picture(cell.data, "")), picture.path
            facts = examine_file(files / picture.path)
            assert facts.defect is None, (picture.path, facts)
            assert (facts.height, facts.width) == frame.shape[:2]
            assert facts.perceptual_hash == perceptual_hash(Image.fromarray(frame)), picture.path
    assert not {"unreadable", "format", "suffix", "truncated"} & {f.kind for f in check_dataset(files).findings}


def test_classify_sees_the_same(files: Path, golden_bundle: Path) -> None:
    run = device("classify", golden_bundle, files, "--json", "--top", 5)
    assert run.returncode == 0, run.stderr
    answers = {Path(row["file"]).stem: row["predictions"] for row in map(json.loads, run.stdout.splitlines())}
    assert len(answers) == len(CELLS) + 1, "original.png twice"
    for cell in CELLS:
        if cell.format not in LOSSY and np.array_equal(cell.wanted, original()):
            assert answers[cell.name] == answers["original"], cell.name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.gif", "found GIF; convert it"),
        ("a.avif", "found AVIF; convert it"),
        ("moving.webp", "found an animated WebP"),
        ("scans.tif", "found a TIFF of 2 pages; save each in a file of its own"),
        ("float.tif", "of a rare kind|expected 8 or 16 bits"),
        ("clear.tif", "TIFF without transparent parts"),
    ],
)
def test_what_is_not_read_is_refused_in_one_line(tmp_path: Path, name: str, says: str) -> None:
    path, picture = tmp_path / name, Image.fromarray(original())
    if name in ("moving.webp", "scans.tif"):
        picture.save(path, save_all=True, append_images=[picture.rotate(180)])
    elif name == "float.tif":
        Image.fromarray(grey().astype(np.float32) / 255).save(path)
    elif name == "clear.tif":
        picture.putalpha(100)
        picture.save(path)
    else:
        picture.save(path)
    with pytest.raises(PictureError, match=says) as raised:
        decode_picture(path.read_bytes(), name)
    assert "\n" not in str(raised.value)
    assert examine_file(path).defect in ("format", "unreadable")


def test_a_preview_in_a_tiff_is_no_page(tmp_path: Path) -> None:
    picture = Image.fromarray(original())
    picture.save(tmp_path / "a.tif", save_all=True, append_images=[picture.resize((8, 6))])

    np.testing.assert_array_equal(decode_picture((tmp_path / "a.tif").read_bytes(), "a.tif"), original())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<!DOCTYPE html>\n<html>404</html>", "found a web page; download it again"),
        (b"\n <html><body>sign in", "found a web page; download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "found a Git LFS pointer; run git lfs pull"),
        (b'{"error": "quota"}', "found JSON text; download it again"),
        (b"P6\n2 2\n255\n" + bytes(12), "not a picture: no decoder accepts its 23 bytes"),
        (bytes(500), "found only zero bytes; it was never copied to its end, or is in a cloud: copy it again"),
    ],
)
def test_what_lies_in_place_of_a_picture_is_told_the_same_everywhere(tmp_path: Path, data: bytes, says: str) -> None:
    """A PPM is a picture to OpenCV and to Pillow, but not to most other programs."""
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "x.jpg").write_bytes(data)
    with pytest.raises(PictureError) as caught:
        decode_picture(data, "x.jpg")
    assert says in str(caught.value)
    assert examine_file(tmp_path / "A" / "x.jpg").defect in ("format", "unreadable", "truncated")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_file_that_is_cut_is_not_called_something_else(kind: str) -> None:
    whole = with_pillow(kind, "RGB", 1)
    with pytest.raises(
        PictureError, match=r"that is cut short, damaged or of a rare kind: .*; copy it again from the original"
    ):
        decode_picture(whole[: len(whole) // 2], "x")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIC"])
def test_what_is_transparent_is_white_whatever_colour_is_hidden_there(kind: str) -> None:
    if kind == "HEIC":
        data = (HEIC / "clear-1.heic").read_bytes()
    else:
        rgba = np.dstack([original(), np.full((48, 64), 255, np.uint8)])
        rgba[:, :30, 3] = 0
        rgba[:, :30, :3] = np.random.default_rng(0).integers(0, 256, (48, 30, 3))
        file = io.BytesIO()
        Image.fromarray(rgba).save(file, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
        data = file.getvalue()
    found = decode_picture(data, "").astype(int)
    assert (found[:, :28] >= 250).all()
    assert np.abs(found[:, 34:] - original()[:, 34:]).mean() < 1.0


@needs_data
def test_webp_of_a_phone_is_upright() -> None:
    from edge_asl_device.contract.pictures import read_picture

    upright = read_picture(STRANGE / "exif6.webp").astype(int)
    stored = cv2.imdecode(
        np.fromfile(STRANGE / "exif6.webp", np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    )
    assert np.array_equal(upright, np.rot90(stored[:, :, ::-1], -1))


@needs_data
def test_sixteen_bit_grey_is_no_copy_of_another_class(tmp_path: Path) -> None:
    deep = cv2.imread(str(STRANGE / "grey16_A0.png"), cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint16
    for number in range(12):
        for label, turn in (("A", deep), ("B", deep[::-1, ::-1])):
            (tmp_path / label).mkdir(exist_ok=True)
            moved = np.roll(turn, 9 * number, axis=1)
            assert cv2.imwrite(str(tmp_path / label / f"{number}.png"), np.ascontiguousarray(moved))
    assert examine_file(STRANGE / "grey16_A0.png").perceptual_hash == perceptual_hash(
        Image.fromarray((deep >> 8).astype(np.uint8))
    )
    assert not [f for f in check_dataset(tmp_path).findings if f.kind == "leak" and "100" in f.what]
