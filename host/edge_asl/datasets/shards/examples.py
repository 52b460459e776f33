"""Pictures as ``tf.train.Example`` in TFRecord files, with the keys that TensorFlow's image tools use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge_asl.datasets.shards.index import Row
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError
from edge_asl_device.contract.pictures import format_of

# A record is its length (8 bytes), the length's CRC (4), the content, the content's CRC (4).
# Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
_BEFORE, _AFTER = 12, 4


def write_records(path: Path, pictures: Iterable[tuple[Picture, int, bytes]]) -> Iterator[str]:
    """Write (picture, number of its class, encoded bytes) to a TFRecord file; gives the SHA-256 of each one's bytes."""
    from edge_asl.training.quiet import tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for picture, number, data in pictures:
            writer.write(_example(tf, picture, number, data).SerializeToString())
            yield hashlib.sha256(data).hexdigest()


def read_records(path: Path, expected: Iterable[tuple[Picture, str]]) -> Iterator[Row]:
    """Read a file back through TensorFlow, which compares the CRCs, and say where each picture's bytes lie.

    Args:
        path: what ``write_records`` wrote.
        expected: the pictures and the SHA-256 of their bytes.

    Raises:
        DataError: it holds something else.
    """
    from edge_asl.training.quiet import tf

    offset = 0
    records = tf.data.TFRecordDataset([str(path)]).as_numpy_iterator()
    try:
        for (picture, sha256), record in zip(expected, records, strict=True):
            features = tf.train.Example.FromString(record).features.feature
            data = features["image/encoded"].bytes_list.value[0]
            if hashlib.sha256(data).hexdigest() != sha256:
                raise DataError(f"{path}: expected {picture.path}, found other bytes; run the same command again")
            where = offset + _BEFORE + record.index(data)
            yield Row.of(picture, where, len(data), sha256)
            offset += _BEFORE + len(record) + _AFTER
    except (tf.errors.OpError, ValueError) as error:
        raise DataError(f"{path}: does not read back as it was written: {error}; run the same command again") from error


def _example(tf: Any, picture: Picture, number: int, data: bytes) -> Any:
    def text(*values: str | bytes) -> Any:
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))

    def whole(value: int) -> Any:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def real(value: float) -> Any:
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    features = {
        "image/encoded": text(data),
        "image/format": text(_format(data)),
        "image/filename": text(picture.path),
        "image/class/text": text(picture.label),
        "image/class/label": whole(number),
    }
    if picture.signer is not None:
        features["image/signer"] = text(picture.signer)
    if (box := picture.box) is not None:
        features |= {
            "image/object/bbox/xmin": real(box.cx - box.width / 2),
            "image/object/bbox/xmax": real(box.cx + box.width / 2),
            "image/object/bbox/ymin": real(box.cy - box.height / 2),
            "image/object/bbox/ymax": real(box.cy + box.height / 2),
        }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _format(data: bytes) -> str:
    return (format_of(data) or "unknown").lower()
