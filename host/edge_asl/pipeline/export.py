"""``edge-asl export``: what a build left behind, in the files that Keras's tutorials end with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from edge_asl.datasets.disk_space import require_space
from edge_asl.datasets.labels import Choice
from edge_asl.datasets.pixel_store import model_picture
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.split_files import read_split
from edge_asl.datasets.splits import PARTS, describe_part, describe_split, pictures_of
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.errors import DataError
from edge_asl.evaluation.metrics import NO_ANSWER, Predictions
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.bundle import SPLIT, work_folder
from edge_asl.pipeline.cache import StepCache
from edge_asl.pipeline.chosen_pictures import built_from
from edge_asl.pipeline.square_models import ARCHITECTURE, FLOAT_WEIGHTS
from edge_asl.progress import Progress
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import LABELS, Input, SquareManifest
from edge_asl_device.files import replacing_folder


class Exported(NamedTuple):
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    accuracy_score: float | None
    """Of the int8 model on the test part, 0 to 1; None without data."""


def export_bundle(
    folder: Path,
    data: Sequence[Path],
    layout: str,
    out: Path,
    progress: Progress,
    *,
    signer_pattern: str | None = None,
) -> Exported:
    """Write the float network for Keras and, given the data that it was built from, its split and its scores.

    ``model.keras`` is the whole network, ``architecture.json`` and ``model.weights.h5`` the same in two files; input
    float32 (batch, H, W, 3), (pixel − 128) / 128. ``x_PART.npy`` holds RGB uint8 (N, H, W, 3), ``y_PART.npy`` int32
    (N,), positions in ``labels.txt``. ``scores.json`` and ``confusion.png`` tell what the int8 model says of the test
    part, through the device's own recogniser.

    Raises:
        EdgeAslError: the bundle was not built here, reads hands, or was built from other data.
    """
    bundle = read_bundle(folder)
    manifest, work = bundle.manifest, work_folder(folder)
    if not isinstance(manifest, SquareManifest):
        raise DataError(
            f"{folder}: expected a bundle that sees a square, found one that reads hands: it is no Keras "
            "model; build with a recipe that sees a square, such as digits-mobilenet"
        )
    if manifest.provenance.imported is not None:
        raise DataError(f"{folder}: was imported, so no network was trained here; the file that it was made of is one")
    for needed in (work / ARCHITECTURE, work / FLOAT_WEIGHTS):
        if not needed.is_file():
            raise DataError(
                f"{needed}: the float network is missing; export where the bundle was built, or build again"
            )
    if StepCache(work, progress).later("training", "bundle"):
        raise DataError(
            f"{work}: another network was trained here after this bundle was written; finish that build with the same "
            "edge-asl build, then export"
        )
    dataset = split = None
    if data:  # before the network is made, which takes long: this may be refused
        known = Choice(frozenset(), frozenset(bundle.labels))
        dataset = read_dataset(data, layout, signer_pattern=signer_pattern, labels=known)
        if not built_from(bundle, dataset):
            raise DataError(
                f"{dataset.name}: expected the pictures that {folder} was built from, found others; name the folders "
                "of that build, and its data.signer_pattern with --signer-pattern if it had one"
            )
        split = read_split(work / SPLIT, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(out) as beside:
        (beside / LABELS).write_text("".join(f"{label}\n" for label in bundle.labels), encoding="utf-8")
        progress.say("the float network for Keras")
        _write_network(work, beside)
        score = None
        if dataset is not None and split is not None:
            progress.say(f"the split, {describe_split(split, dataset)}")
            _write_parts(dataset, split, manifest.input, beside, progress)
            score = _write_scores(bundle, dataset, split, beside, progress)
        files = tuple(sorted(path.name for path in beside.iterdir()))
    return Exported(out, files, score)


def _write_network(work: Path, beside: Path) -> None:
    from edge_asl.training.checkpoint import load_weights
    from edge_asl.training.quiet import keras

    architecture = (work / ARCHITECTURE).read_text(encoding="utf-8")
    network = keras.models.model_from_json(architecture)
    network.set_weights(load_weights(work / FLOAT_WEIGHTS))
    (beside / ARCHITECTURE).write_text(architecture, encoding="utf-8")
    network.save(beside / "model.keras")
    network.save_weights(beside / "model.weights.h5")


def _write_parts(dataset: Dataset, split: Split, spec: Input, beside: Path, progress: Progress) -> None:
    number = {label: i for i, label in enumerate(dataset.labels)}
    total = sum(map(len, split.parts.values()))
    size = total * spec.height * spec.width * 3
    require_space(beside, size, f"{total} pictures as arrays", "free some space, or leave out --data")
    with progress.task("exported", total) as advance:
        done = 0
        for part in PARTS:
            pictures = pictures_of(dataset, split, part)
            shape = (len(pictures), spec.height, spec.width, 3)
            np.save(beside / f"y_{part}.npy", np.array([number[p.label] for p in pictures], np.int32))
            if not pictures:
                np.save(beside / f"x_{part}.npy", np.empty(shape, np.uint8))
                continue
            array = np.lib.format.open_memmap(beside / f"x_{part}.npy", "w+", np.uint8, shape)  # type: ignore[no-untyped-call]
            for i, picture in enumerate(pictures):
                array[i] = model_picture(dataset.load(picture), picture, spec)
                advance(done := done + 1)
            array.flush()


def _write_scores(bundle: Bundle, dataset: Dataset, split: Split, beside: Path, progress: Progress) -> float:
    part = "test" if split.parts["test"] else "validation"
    pictures = pictures_of(dataset, split, part)
    predictions = predict(bundle.folder, dataset, pictures, progress)
    scores = _scores(predictions, describe_part(split, part), pictures)
    (beside / "scores.json").write_bytes(msgspec.json.format(msgspec.json.encode(scores), indent=1) + b"\n")
    _draw_confusion(scores, beside / "confusion.png")
    score: float = scores["accuracy_score"]
    return score


def _scores(predictions: Predictions, part: str, pictures: Sequence[Picture]) -> dict[str, Any]:
    from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

    said = predictions.answers
    labels = range(len(predictions.labels))
    report = classification_report(
        predictions.truth, said, labels=labels, target_names=predictions.labels, output_dict=True, zero_division=0.0
    )
    return {
        "split": part,
        "labels": predictions.labels,
        "accuracy_score": float(accuracy_score(predictions.truth, said)),
        "confusion_matrix": confusion_matrix(predictions.truth, said, labels=labels).tolist(),
        "classification_report": report,
        "wrong": list(_wrong(predictions, pictures)),
    }


def _wrong(predictions: Predictions, pictures: Sequence[Picture]) -> Iterator[dict[str, str]]:
    for picture, right, said in zip(pictures, predictions.right, predictions.answers, strict=True):
        if not right:
            predicted = "" if said == NO_ANSWER else predictions.labels[said]
            yield {"file": picture.path, "label": picture.label, "predicted": predicted}


def _draw_confusion(scores: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    side = max(4.0, 1.5 + 0.4 * len(scores["labels"]))
    figure = Figure((side, side), layout="constrained")
    display = ConfusionMatrixDisplay(np.array(scores["confusion_matrix"]), display_labels=scores["labels"])
    display.plot(ax=figure.subplots(), cmap="Blues", colorbar=False)
    figure.savefig(path, dpi=120)
