"""``data shard``: TFRecord shards that TensorFlow writes and reads, and that read like the folders they came from."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_build import QUIET, edge_asl

from edge_asl.datasets.check import check_dataset
from edge_asl.datasets.fetch.record import RECORD
from edge_asl.datasets.public_data import public_data_of
from edge_asl.datasets.readers import list_dataset, read_dataset
from edge_asl.datasets.shards.index import INDEX
from edge_asl.datasets.shards.sharding import ShardRequest, plan_shards
from edge_asl.datasets.splits import make_split
from edge_asl.datasets.types import Dataset
from edge_asl.errors import DataError
from edge_asl.pipeline.calibration_set import keep_calibration_pictures
from edge_asl_device.errors import PictureError
from edge_asl_device.files import sha256_of

PICTURES = 103
NAME = "pictures-{:05}-of-00103.tfrecord"

FETCHED = {
    "name": "some-hands", "version": "3", "licence": "CC0-1.0", "digest": "a" * 64, "url": "https://example.org/hands",
    "licence_url": "https://example.org/cc0", "fetched_from": "x", "layout": "folders", "pictures": 96, "fetched": "x",
}  # fmt: skip

# What a program of somebody else's does: TensorFlow and the usual keys alone.
READ_ALL = """
import json, sys
import tensorflow as tf
texts = ("image/filename", "image/class/text", "image/format", "image/signer")
keys = {key: tf.io.FixedLenFeature([], tf.string, "") for key in ("image/encoded", *texts)}
keys["image/class/label"] = tf.io.FixedLenFeature([], tf.int64)
keys["image/object/bbox/xmin"] = tf.io.VarLenFeature(tf.float32)
for record in tf.data.TFRecordDataset(sorted(sys.argv[1:])):
    found = tf.io.parse_single_example(record, keys)
    shape = list(tf.io.decode_image(found["image/encoded"]).shape)
    numbers = [int(found["image/class/label"]), shape, found["image/object/bbox/xmin"].values.numpy().tolist()]
    print(json.dumps([*(found[key].numpy().decode() for key in texts), *numbers]))
"""


@pytest.fixture(scope="module")
def mixed(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """People in folders, boxes, and a table of pixels: everything that a picture can have."""
    folder = tmp_path_factory.mktemp("mixed")
    people = Path(shutil.copytree(drawn, folder / "people"))
    (people / RECORD).write_text(json.dumps(FETCHED))
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        for part, suffix in (("images", "png"), ("labels", "txt")):
            (folder / "boxes" / part).mkdir(parents=True, exist_ok=True)
            path = folder / "boxes" / part / f"A{number}_jpg.rf.x{number}.{suffix}"
            if part == "images":
                cv2.imwrite(str(path), picture)
            else:
                path.write_text(f"0 0.5 0.5 0.25 {0.1 + number / 10}\n")
    header = ",".join(["label", *(f"pixel{n}" for n in range(1, 785))])
    rows = [",".join(map(str, [label, *np.random.default_rng(label).integers(0, 256, 784)])) for label in (0, 1, 11)]
    (folder / "pixels.csv").write_text("\n".join([header, *rows]))
    return [people, folder / "boxes", folder / "pixels.csv"]


@pytest.fixture(scope="module")
def shards(mixed: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture in each shard, written by a run that was killed and one that continued."""
    folder = tmp_path_factory.mktemp("packed")
    out, part = folder / "shards", folder / ".shards.part"
    command = ["data", "shard", *map(str, mixed), "--out", str(out), "--per-shard", "1", "--json"]
    process = subprocess.Popen([sys.executable, "-m", "edge_asl", *command], env=os.environ | QUIET)
    deadline = time.monotonic() + 120
    while len(list((part / "done").glob("*.json"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert not out.exists()
    kept = (part / "tree" / NAME.format(2)).stat().st_ino
    (part / "tree" / NAME.format(0)).write_bytes(b"half")
    (part / "tree" / "left-by-another-plan.tfrecord").touch()

    run = edge_asl(*command)

    assert run.returncode == 0, run.stderr
    assert " pictures are here from an earlier run" in run.stderr
    assert (out / NAME.format(2)).stat().st_ino == kept
    assert not part.exists()
    told = json.loads(run.stdout)
    assert (told["pictures"], told["shards"]) == (PICTURES, PICTURES)
    assert told["bytes"] == sum(path.stat().st_size for path in out.glob("*.tfrecord"))
    return out


def test_shards_read_like_the_folders_they_came_from(mixed: list[Path], shards: Path):
    before, after = read_dataset(mixed), read_dataset(shards)

    assert (after.layout, after.labels) == ("tfrecord", before.labels)
    assert [p._replace(source="") for p in after.pictures] == [p._replace(source="") for p in before.pictures]
    for old, new in zip(before.pictures, after.pictures, strict=True):
        np.testing.assert_array_equal(after.load(new), before.load(old))
    assert make_split(after, by="signer", seed=4).parts == make_split(before, by="signer", seed=4).parts
    assert public_data_of([shards])[0].name == "some-hands"
    assert {path.name for path in shards.iterdir()} == {INDEX, *map(NAME.format, range(PICTURES))}


def test_the_bytes_are_the_files_own(mixed: list[Path], shards: Path):
    """So the digest of one folder's shards is the folder's, and its bundle is evaluated on its own test part."""
    files, packed = read_dataset(mixed), list_dataset(shards).encoded
    own = {picture.path: files.file_of(picture) for picture in files.pictures if picture.source != "pixels.csv"}

    assert len(own) == PICTURES - 3
    assert {path: packed[path].sha256 for path in own} == {path: sha256_of(file) for path, file in own.items()}


def test_shards_are_filled_by_size_or_by_number(mixed: list[Path]):
    listing = list_dataset(mixed[0])
    for n in range(96):
        assert [len(plan.pictures) for plan in plan_shards(listing, ShardRequest([], mixed[0], per_shard=n + 1))] == [
            min(n + 1, 96 - start) for start in range(0, 96, n + 1)
        ]
    sizes = {picture.path: (mixed[0] / picture.path).stat().st_size for picture in listing.pictures}
    plans = plan_shards(listing, ShardRequest([], mixed[0], shard_bytes=10_000))
    assert [picture for plan in plans for picture in plan.pictures] == listing.pictures
    assert len(plans) > 5
    for plan in plans:
        assert 5_000 < sum(sizes[picture.path] for picture in plan.pictures) <= 10_000 or plan is plans[-1]
    assert len({plan.digest for plan in plans}) == len(plans)


def test_other_programs_read_them_with_tensorflow_alone(mixed: list[Path], shards: Path):
    files = [str(path) for path in shards.glob("*.tfrecord")]
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL, *files], env=os.environ | QUIET, capture_output=True, text=True, check=True
    )

    found = [json.loads(line) for line in run.stdout.splitlines()]
    dataset = read_dataset(mixed)
    assert len(found) == len(dataset.pictures)
    for (path, label, kind, signer, number, shape, xmin), picture in zip(found, dataset.pictures, strict=True):
        assert (path, label, signer, dataset.labels[number]) == (*picture[:3], picture.label)
        assert kind == ("png" if picture.source in ("boxes", "pixels.csv") else "jpeg")
        assert tuple(shape[:2]) == dataset.load(picture).shape[:2]
        assert xmin == ([0.375] if picture.box else [])


def test_data_check_looks_into_shards(mixed: list[Path], shards: Path, tmp_path: Path):
    whole = check_dataset(shards)
    assert not whole.has_errors
    # The source is another one, and with it nothing else of what is found in the folders themselves.
    said = [
        f.kind for f in check_dataset(mixed).findings if f.kind != "class-names"
    ]  # of YOLO's numbers; packed are words
    assert [f.kind for f in whole.findings] == said

    spoilt, index = spoil(shards, tmp_path)
    finding = next(f for f in check_dataset(spoilt).findings if f.kind == "unreadable")
    assert (finding.severity, finding.paths) == ("error", (index[0],))
    assert finding.what.endswith("write the shards again")


def spoil(shards: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A copy in which one byte of the first picture is another; the first picture's row of the index."""
    copy = Path(shutil.copytree(shards, tmp_path / "spoilt"))
    first = json.loads((copy / INDEX).read_text())["shards"][0]
    content = bytearray((copy / first["file"]).read_bytes())
    content[first["rows"][0][6] + 20] ^= 1
    (copy / first["file"]).write_bytes(content)
    return copy, first["rows"][0]


def test_a_damaged_picture_is_not_taken_for_another(shards: Path, tmp_path: Path):
    dataset = read_dataset(spoil(shards, tmp_path)[0])

    with pytest.raises(
        PictureError, match=r"pictures-00000-of-00103\.tfrecord: damaged in its \d+ bytes from \d+; write"
    ):
        dataset.load(dataset.pictures[0])
    assert dataset.load(dataset.pictures[1]).size


def test_shards_that_are_not_whole_are_refused(shards: Path, tmp_path: Path):
    copy = Path(shutil.copytree(shards, tmp_path / "copy"))
    shard = copy / NAME.format(1)
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(
        DataError, match=r"00001-of-00103\.tfrecord: expected [\d,]+ bytes, found [\d,]+; copy or write"
    ):
        read_dataset(copy)
    shard.unlink()
    with pytest.raises(DataError, match="bytes, found none; copy or write the shards again"):
        read_dataset(copy)
    (copy / INDEX).write_text("{}")
    with pytest.raises(DataError, match=r"shards\.json: cannot be read: Object missing required field `pictures`"):
        read_dataset(copy)
    (copy / INDEX).unlink()
    with pytest.raises(DataError, match=r"shards\.json: missing; shards without it cannot be read"):
        read_dataset(copy)


def test_a_second_run_does_nothing_and_other_data_are_refused(mixed: list[Path], shards: Path):
    again = edge_asl("data", "shard", *mixed, "--out", shards, "--per-shard", 1)
    assert again.returncode == 0
    assert f"{shards}: the same pictures are there already" in again.stderr

    other = edge_asl("data", "shard", mixed[0], "--out", shards)
    assert (
        other.stderr == f"edge-asl: {shards}: holds shards of other data; choose another --out, or remove the folder\n"
    )
    into = edge_asl("data", "shard", mixed[0], "--out", mixed[1])
    assert (
        into.stderr == f"edge-asl: {mixed[1]}: expected nothing or shards, found something else; choose another --out\n"
    )


def test_calibration_pictures_come_out_of_shards(shards: Path, tmp_path: Path):
    dataset: Dataset = read_dataset(shards)

    keep_calibration_pictures(tmp_path / "kept", dataset, dataset.pictures[:3])

    kept = list((tmp_path / "kept").rglob("*.png"))
    assert len(kept) == 3
