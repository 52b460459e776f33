"""Any folder name goes through check and build to the device as it is, or is refused before training."""

from __future__ import annotations

import io
import tempfile
import unicodedata
import zipfile
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from edge_asl.datasets.check import check_dataset
from edge_asl.datasets.folders import _is_part
from edge_asl.datasets.labels import WORDS, order_labels
from edge_asl.datasets.litter import is_litter
from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError
from edge_asl.pipeline.bundle import write_bundle
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.tflite.metadata import embed_labels
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import LABELS, MODEL
from edge_asl_device.contract.pictures import encode_jpeg

GOLDEN = Path(__file__).parents[2] / "data" / "bundle-v1"
CLASSES = 5


def _fits(name: str) -> bool:
    return 0 < len(name.encode()) <= 255 and name not in (".", "..") and not _is_part(name)


# Printable Unicode but what no folder's name can hold; often what has bitten before.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co", "Zl", "Zp"], exclude_characters="/\0")
OFTEN = st.sampled_from(
    ["i", "ı", "İ", "ß", "Del", "none", "e\u0301", "ñ", "Å", "A", "a", "\u200d", "\u00a0", "\\", "#", "%"]
)
NAMES = (
    st.lists(st.one_of(CHARACTERS, OFTEN), min_size=1, max_size=20)
    .map("".join)
    .flatmap(lambda name: st.sampled_from([name, unicodedata.normalize("NFD", name), name.swapcase()]))
    .filter(_fits)
)
LISTS = st.lists(NAMES, min_size=CLASSES, max_size=CLASSES, unique=True)


def expected(name: str) -> str:
    """The rule in the issue's own words: what the user wrote, in NFC; single letters of ASCII as capitals."""
    label = unicodedata.normalize("NFC", name).strip()
    if len(label) == 1 and label.isascii():
        return label.upper()
    return WORDS.get(label.lower(), label)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(LISTS)
@example(["i", "ı", "A", "e\u0301", "👨\u200d👩\u200d👧"])
@example(["a", "A", "b", "c", "d"])
@example(["@eaDir", ".hidden", "A", "B", "yes, please"])
@example(["x" * 65, "A", "B", "C", "D"])
@example(["a\u2028b", "A", "B", "C", "D"])
@example(["none", "Delete", " A", "x\\y", "..."])
def test_a_folder_name_arrives_or_is_refused(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        for number, name in enumerate(names):
            (root / name).mkdir(parents=True)
            noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            (root / name / f"{number}.jpg").write_bytes(encode_jpeg(noise, 90))
        try:
            data = read_dataset(root, "folders")
        except DataError as error:
            event("refused")
            _check_refusal(str(error), names)
            return
        arrived = {int(Path(picture.path).stem): picture.label for picture in data.pictures}
        said = " ".join((*data.notes, *data.warnings))
        for number, name in enumerate(names):
            if number not in arrived:
                assert name.startswith(".") or is_litter(name, folder=True)
                assert "skipped" in said
                continue
            assert arrived[number] == expected(name)
            if expected(name) != unicodedata.normalize("NFC", name):
                assert "is class" in said
        assert set(check_dataset(root, "folders").per_class) == set(data.labels)
        if len(data.labels) == CLASSES:
            event("on the device")
            assert set(_on_the_device(data.labels, Path(folder) / "bundle")) == set(map(expected, names))
        keep_calibration_pictures(Path(folder) / "calibration", data, data.pictures)
        assert len((Path(folder) / "calibration" / LIST).read_text("utf-8").splitlines()) == len(data.pictures)


def _check_refusal(said: str, names: list[str]) -> None:
    """One line; and there is a name that no page could show, or too few classes are left."""
    unfit = [name for name in names if len(expected(name)) > 64 or not all(map(shown, expected(name).strip()))]
    empty = [name for name in names if not name.strip()]
    assert "\n" not in said
    assert unfit or empty or "expected two classes or more" in said, said


def shown(character: str) -> bool:
    return character.isprintable() or character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f"


def _on_the_device(labels: tuple[str, ...], target: Path) -> tuple[str, ...]:
    """Written into a bundle as a build does, and read as the device does."""
    golden = read_bundle(GOLDEN)
    model = embed_labels(golden.content(MODEL), labels, "name", "words")
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        assert archive.read(LABELS).decode() == "".join(f"{label}\n" for label in labels)
    others = {name: golden.content(name) for name in golden.manifest.files if name not in (MODEL, LABELS)}
    manifest = msgspec.structs.replace(golden.manifest, labels=list(labels))
    write_bundle(target, manifest, {MODEL: model, **others})
    assert labels == order_labels(labels)
    return read_bundle(target).labels


def test_labels_of_any_table_make_calibration_folders(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    names = ["yes/no", "..", "👍" * 64]
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        (tmp_path / "images" / f"{'long' * 50}{number}.jpg").write_bytes(encode_jpeg(noise, 90))
        (tmp_path / "labels" / f"{'long' * 50}{number}.txt").write_text(f"{number} .5 .5 .5 .5")
    (tmp_path / "classes.txt").write_text("\n".join(names), encoding="utf-8")
    data = read_dataset(tmp_path)
    assert {picture.label for picture in data.pictures} == set(names)
    target = tmp_path / "kept" / "here"
    target.parent.mkdir()
    keep_calibration_pictures(target, data, data.pictures)
    assert len([path for path in target.rglob("*.jpg") if path.is_file()]) == 3
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["here"]
