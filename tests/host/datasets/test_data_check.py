"""``check_dataset`` on folders that are broken on purpose, and on the real ones."""

import os
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from PIL import Image

from edge_asl.datasets.check import DatasetSummary, check_dataset, format_summary
from edge_asl.datasets.duplicates import DISTANCE, near_duplicates
from edge_asl.datasets.findings import Finding
from edge_asl.datasets.picture_facts import examine_file
from edge_asl.datasets.types import Split
from edge_asl.errors import DataError

REAL = os.environ.get("EDGE_ASL_DATA")
needs_data = pytest.mark.skipif(REAL is None, reason="EDGE_ASL_DATA names no folder of real pictures")


def noise(seed: int, side: int = 64) -> np.ndarray:
    """Smooth noise: every seed looks different to a perceptual hash, and a JPEG keeps it."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, label in enumerate("AB"):
        (tmp_path / label).mkdir()
        for n in range(24):
            cv2.imwrite(str(tmp_path / label / f"{label}{n}.jpg"), noise(100 * number + n))
    return tmp_path


def found(summary: DatasetSummary) -> dict[str, Finding]:
    return {finding.kind: finding for finding in summary.findings}


def test_nothing_wrong_but_that_people_are_unknown(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = check_dataset(folder, advance=lambda done, note="", total=None: seen.append((done, total)))
    assert set(found(summary)) == {"people"}
    assert not summary.has_errors
    assert summary.per_class == {"A": 24, "B": 24}
    assert (summary.pictures, summary.layout, summary.split) == (48, "folders", "block")
    assert seen[-1] == (48, 48)
    assert msgspec.json.decode(msgspec.json.encode(summary), type=DatasetSummary) == summary


def test_broken_files(folder: Path) -> None:
    whole = (folder / "A" / "A0.jpg").read_bytes()
    (folder / "A" / "A50.jpg").touch()
    (folder / "A" / "A51.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "A" / "A52.jpg").write_text("not a picture at all")
    (folder / "A" / "A53.jpg").write_bytes(whole[:-2])  # no end marker
    cv2.imwrite(str(folder / "A" / "A57.png"), noise(4))
    (folder / "A" / "A57.png").write_bytes((folder / "A" / "A57.png").read_bytes()[:-12])
    cv2.imwrite(str(folder / "A" / "A54.png"), noise(1))
    png = (folder / "A" / "A54.png").read_bytes()
    (folder / "A" / "A54.png").write_bytes(png[: len(png) // 2])
    Image.fromarray(noise(2)).save(folder / "A" / "A55.jpg", format="PNG")
    Image.fromarray(noise(3)).save(folder / "A" / "A56.jpg", format="GIF")
    (folder / "A" / "notes.txt").write_text("x")
    (folder / "A" / "Thumbs.db").write_text("x")
    summary = check_dataset(folder)
    kinds = found(summary)
    assert kinds["empty"].paths == ("A/A50.jpg",)
    assert set(kinds["truncated"].paths) == {"A/A51.jpg", "A/A53.jpg", "A/A54.png", "A/A57.png"}
    assert kinds["unreadable"].paths == ("A/A52.jpg",)
    assert kinds["suffix"].paths == ("A/A55.jpg",)
    assert kinds["format"].paths == ("A/A56.jpg",)
    assert kinds["not-a-picture"].paths == ("A/notes.txt",)
    assert summary.has_errors
    assert [f.severity for f in summary.findings] == sorted(
        (f.severity for f in summary.findings), key=["error", "warning", "note"].index
    )
    assert all(finding.fix for finding in summary.findings)


def test_a_header_that_promises_too_much_is_not_decoded(folder: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for name, side in (("A90.png", 10_500), ("A91.png", 60_000)):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        (folder / "A" / name).write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))
    assert set(found(check_dataset(folder))["too-large"].paths) == {"A/A90.png", "A/A91.png"}


def test_sizes(folder: Path) -> None:
    cv2.imwrite(str(folder / "A" / "A90.jpg"), noise(90, 3600))
    cv2.imwrite(str(folder / "A" / "A91.jpg"), noise(91, 24))
    kinds = found(check_dataset(folder))
    assert (kinds["large"].paths, kinds["large"].severity) == (("A/A90.jpg",), "note")
    assert kinds["small"].paths == ("A/A91.jpg",)


def test_the_same_picture_twice(folder: Path) -> None:
    shutil.copy(folder / "A" / "A3.jpg", folder / "B" / "B99.jpg")
    shutil.copy(folder / "A" / "A4.jpg", folder / "A" / "A98.jpg")
    kinds = found(check_dataset(folder))
    assert (kinds["two-labels"].severity, kinds["two-labels"].paths) == ("error", ("A/A3.jpg", "B/B99.jpg"))
    assert kinds["copies"].paths == ("A/A98.jpg",)


def test_names(folder: Path) -> None:
    (folder / "Del").mkdir()
    (folder / "b_two").mkdir()
    for n in range(24):
        cv2.imwrite(str(folder / "Del" / f"D{n}.jpg"), noise(300 + n))
        cv2.imwrite(str(folder / "b_two" / f"{n}.jpg"), noise(400 + n))
    (folder / "A" / "A5.jpg").rename(folder / "B" / "A5.jpg")
    kinds = found(check_dataset(folder))
    assert kinds["misnamed"].paths == ("B/A5.jpg",), "D3.jpg in Del is what such folders hold"
    assert kinds["own-words"].paths == ("b_two",)
    (folder / "a").mkdir()
    cv2.imwrite(str(folder / "a" / "77.jpg"), noise(77))
    assert found(check_dataset(folder))["spellings"].paths == ("A", "a")


def test_leaks_between_the_parts_of_a_split(folder: Path) -> None:
    copy = cv2.resize(noise(3), (90, 90)).astype(np.int16) + 6
    cv2.imwrite(str(folder / "B" / "B90.jpg"), np.clip(copy, 0, 255).astype(np.uint8))
    parts = {"train": ("A/A3.jpg", "A/A4.jpg"), "validation": (), "test": ("B/B90.jpg", "B/B5.jpg")}
    leak = found(check_dataset(folder, split=Split("given", 0, "", parts, True)))["leak"]
    assert (leak.count, leak.paths) == (1, ("B/B90.jpg ~ A/A3.jpg",))
    assert "50.0%" in leak.what


def test_few_and_uneven(folder: Path) -> None:
    (folder / "C").mkdir()
    cv2.imwrite(str(folder / "C" / "C1.jpg"), noise(500))
    kinds = found(check_dataset(folder))
    assert kinds["few"].paths == ("C: 1",)
    assert "24 times as many pictures of B as of C" in kinds["uneven"].what


def test_people(folder: Path) -> None:
    rows = [f"{c}/{c}{n}.jpg,{c},s{n % 4}" for c in "AB" for n in range(24) if c == "A" or n % 4 < 1]
    (folder / "signers.csv").write_text("\n".join(["file,label,signer", *rows, "A/gone.jpg,A,s1"]))
    summary = check_dataset(folder)
    assert summary.per_person == {"s0": 12, "s1": 6, "s2": 6, "s3": 6}
    assert summary.unknown_person == 18
    assert summary.gaps == {"s1": ("B",), "s2": ("B",), "s3": ("B",)}
    assert found(summary)["one-person"].paths == ("B",)
    assert (found(summary)["unknown-person"].count, found(summary)["signers"].count) == (18, 1)


def test_what_stops_a_reader_is_a_finding_here(tmp_path: Path, folder: Path) -> None:
    shutil.rmtree(folder / "B")
    assert found(check_dataset(folder))["classes"].severity == "error"
    (folder / "B").mkdir()
    assert found(check_dataset(folder))["empty-class"].paths == ("B",)
    with pytest.raises(DataError, match="no such folder"):
        check_dataset(tmp_path / "gone")


def test_pixel_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [",".join(map(str, [n % 3, *rng.integers(0, 256, 784)])) for n in range(90)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(["label", *(f"pixel{n + 1}" for n in range(784))]), *rows]))
    summary = check_dataset(tmp_path)
    assert set(found(summary)) == {"people", "small", "class-names"}


def test_text(folder: Path) -> None:
    (folder / "A" / "A50.jpg").touch()
    text = format_summary(check_dataset(folder))
    assert text.startswith(f"{folder}: 49 pictures, 2 classes, layout folders\n  classes  A 25  B 24\n")
    assert "error    empty (1): an empty file\n           A/A50.jpg\n         → remove it" in text
    assert text.endswith("1 error, 1 warning\n")


def test_near_duplicates_against_every_pair() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 40, dtype=np.uint64)

    def near(count: int) -> np.ndarray:
        some = base[rng.integers(0, 40, count)]
        for _ in range(6):
            some = some ^ np.where(rng.random(count) < 0.6, np.uint64(1) << rng.integers(0, 64, count).astype("u8"), 0)
        return some.astype(np.uint64)

    left, right = near(500), near(200)
    bits = np.array([[(int(a) ^ int(b)).bit_count() for a in left] for b in right])
    twins = near_duplicates(left, right)
    assert ((twins >= 0) == (bits <= DISTANCE).any(axis=1)).all()
    assert all(bits[i, twin] <= DISTANCE for i, twin in enumerate(twins) if twin >= 0)
    assert near_duplicates(left[:0], right).tolist() == [-1] * 200
    assert near_duplicates(left, right[:0]).tolist() == []


def test_near_duplicates_wherever_the_four_bits_are() -> None:
    rng = np.random.default_rng(1)
    flips = [sum(1 << int(bit) for bit in rng.choice(64, DISTANCE, replace=False)) for _ in range(20_000)]
    one = np.array([0x0123456789ABCDEF], np.uint64)
    assert (near_duplicates(one, one ^ np.array(flips, np.uint64)) == 0).all()


@needs_data
@pytest.mark.parametrize("name", ["digits", "letters-rooms", "stranger", "letters-boxes"])
def test_real_folders_have_no_errors(name: str) -> None:
    summary = check_dataset(Path(REAL or "") / name)
    assert not summary.has_errors, format_summary(summary)


@needs_data
def test_a_real_photo_cut_short(tmp_path: Path) -> None:
    photo = next(iter(sorted((Path(REAL or "") / "letters-rooms" / "A").glob("*.jpg"))))
    data = photo.read_bytes()
    assert examine_file(photo).defect is None
    for share in (0.3, 0.7, 0.95):
        (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * share)])
        assert examine_file(tmp_path / "cut.jpg").defect == "truncated"
