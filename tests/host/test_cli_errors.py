"""What goes wrong for users is one line on stderr, exit status 1, and no trace on the disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from tiny_build import QUIET, Built, build_arguments, edge_asl

from edge_asl_device.contract.manifest import MANIFEST, MODEL


class Case(NamedTuple):
    """A mistake and what is said of it."""

    prepare: Callable[[Path, Built], list[object]]
    """Makes the mistake in an empty folder; returns the arguments."""
    said: str
    """The last line after ``edge-asl: ``, the folder written as TMP."""
    environment: dict[str, str] = {}


def pictures(folder: Path, *labels: str, count: int = 6) -> Path:
    """A folder of pictures no two of which are alike."""
    for label in labels:
        (folder / label).mkdir(parents=True)
        for number in range(count):
            noise = np.random.default_rng((number, *label.encode())).integers(0, 256, (40, 40, 3), np.uint8)
            assert cv2.imwrite(str(folder / label / f"{label}{number}.png"), noise)
    return folder


def build(data: Path, tmp: Path, *more: object, **settings: str) -> list[object]:
    return [*build_arguments(data, tmp / "out", **settings), *more]


def bundle_copy(built: Built, tmp: Path) -> Path:
    return Path(shutil.copytree(built.bundle, tmp / "bundle"))


def edited(built: Built, tmp: Path, change: Callable[[dict], object]) -> Path:
    bundle = bundle_copy(built, tmp)
    manifest = json.loads((bundle / MANIFEST).read_text())
    change(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    return bundle


def _missing_folder(tmp: Path, built: Built) -> list[object]:
    return build(tmp / "none", tmp)


def _missing_folder_to_check(tmp: Path, built: Built) -> list[object]:
    return ["data", "check", tmp / "none"]


def _empty_class(tmp: Path, built: Built) -> list[object]:
    data = pictures(tmp / "data", "A", "B")
    (data / "C").mkdir()
    return build(data, tmp)


def _one_class(tmp: Path, built: Built) -> list[object]:
    return build(pictures(tmp / "data", "A"), tmp)


def _corrupt_picture(tmp: Path, built: Built) -> list[object]:
    data = pictures(tmp / "data", "A", "B", count=12)
    (data / "B" / "B3.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    return build(data, tmp)


def _strange_signer_pattern(tmp: Path, built: Built) -> list[object]:
    return build(pictures(tmp / "data", "A", "B"), tmp, data__signer_pattern="(")


def _unknown_recipe(tmp: Path, built: Built) -> list[object]:
    return ["build", "--data", built.data, "--recipe", "demos", "--out", tmp / "out"]


def _unknown_key(tmp: Path, built: Built) -> list[object]:
    return build(built.data, tmp, "--set", "training.epoch=5")


def _weights_missing(tmp: Path, built: Built) -> list[object]:
    return build(built.data, tmp, "--weights", tmp / "none.h5")


def _weights_no_weights(tmp: Path, built: Built) -> list[object]:
    (tmp / "text.h5").write_text("no weights")
    return build(built.data, tmp, "--weights", tmp / "text.h5")


def _weights_offline(tmp: Path, built: Built) -> list[object]:
    return build(built.data, tmp, "--weights", "imagenet")


def _split_of_other_data(tmp: Path, built: Built) -> list[object]:
    return build(pictures(tmp / "data", "A", "B"), tmp, "--split", built.work / "split.json")


def _accuracy(tmp: Path, built: Built) -> list[object]:
    return [*built.arguments, "--min-accuracy", "1"]


def _truncated_model(tmp: Path, built: Built) -> list[object]:
    (tmp / "cut.tflite").write_bytes((built.bundle / MODEL).read_bytes()[:1000])
    return ["inspect", tmp / "cut.tflite"]


def _inspect_nothing(tmp: Path, built: Built) -> list[object]:
    return ["inspect", tmp / "none"]


def _changed_model(tmp: Path, built: Built) -> list[object]:
    bundle = bundle_copy(built, tmp)
    data = bytearray((bundle / MODEL).read_bytes())
    data[5000] ^= 1
    (bundle / MODEL).write_bytes(data)
    return ["evaluate", bundle, "--data", built.data]


def _future_format(tmp: Path, built: Built) -> list[object]:
    return ["inspect", edited(built, tmp, lambda manifest: manifest.update(format_version=2))]


def _other_contract(tmp: Path, built: Built) -> list[object]:
    bundle = edited(built, tmp, lambda manifest: manifest["input"].update(scale=1 / 255))
    return ["evaluate", bundle, "--data", built.data]


def _other_signs(tmp: Path, built: Built) -> list[object]:
    return ["evaluate", built.bundle, "--data", pictures(tmp / "data", "X", "Y")]


def _no_split(tmp: Path, built: Built) -> list[object]:
    return ["evaluate", bundle_copy(built, tmp), "--data", built.data, "--split", "validation"]


def _unknown_layout(tmp: Path, built: Built) -> list[object]:
    return ["evaluate", built.bundle, "--data", built.data, "--layout", "zip"]


def _no_compiler(tmp: Path, built: Built) -> list[object]:
    return ["compile-edgetpu", bundle_copy(built, tmp)]


def _demo_moving_letter(tmp: Path, built: Built) -> list[object]:
    return ["demo", "--word", "JAZZ", "--out", tmp / "demo"]


def _synth_unknown_sign(tmp: Path, built: Built) -> list[object]:
    return ["synth", "pictures", tmp / "new", "--signs", "A,J"]


def _synth_full_folder(tmp: Path, built: Built) -> list[object]:
    return ["synth", "pictures", pictures(tmp / "data", "A"), "--signs", "A,B", "--count", 1]


def _film_no_mp4(tmp: Path, built: Built) -> list[object]:
    return ["synth", "film", tmp / "film.avi", "HI"]


_DEAD_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

CASES = {
    "missing folder": Case(
        _missing_folder, "TMP/none: expected a folder of pictures, found nothing; check the path"
    ),
    "missing folder to check": Case(
        _missing_folder_to_check, "TMP/none: expected a folder of pictures, found nothing; check the path"
    ),
    "empty class": Case(_empty_class, "?"),
    "one class": Case(_one_class, "?"),
    "corrupt picture": Case(_corrupt_picture, "?"),
    "bad signer pattern": Case(_strange_signer_pattern, "?"),
    "unknown recipe": Case(_unknown_recipe, "?"),
    "unknown key": Case(_unknown_key, "?"),
    "weights missing": Case(_weights_missing, "?"),
    "weights that are none": Case(_weights_no_weights, "?"),
    "weights without internet": Case(_weights_offline, "?", {**_DEAD_PROXY, "KERAS_HOME": "TMP/keras"}),
    "split of other data": Case(_split_of_other_data, "?"),
    "accuracy not reached": Case(_accuracy, "?"),
    "truncated model": Case(_truncated_model, "?"),
    "nothing to inspect": Case(_inspect_nothing, "?"),
    "changed model": Case(_changed_model, "?"),
    "future format": Case(_future_format, "?"),
    "other contract": Case(_other_contract, "?"),
    "other signs": Case(_other_signs, "?"),
    "no split known": Case(_no_split, "?"),
    "unknown layout": Case(_unknown_layout, "?"),
    "no compiler": Case(_no_compiler, "?", {"PATH": "/nowhere"}),
    "moving letter": Case(_demo_moving_letter, "?"),
    "unknown sign": Case(_synth_unknown_sign, "?"),
    "folder not empty": Case(_synth_full_folder, "?"),
    "film of another kind": Case(_film_no_mp4, "?"),
}


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` and its hash; a build's own working folder left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".work" not in path.parts
    }


def one_line(run: subprocess.CompletedProcess[str], folder: Path) -> str:
    """The message of a command that failed as it should."""
    lines = run.stderr.splitlines()
    assert run.returncode == 1, run.stderr[-3000:]
    assert "Traceback" not in run.stderr, run.stderr[-3000:]
    assert lines[-1].startswith("edge-asl: "), run.stderr[-3000:]
    assert sum(line.startswith("edge-asl: ") for line in lines) == 1
    return lines[-1].removeprefix("edge-asl: ").replace(str(folder), "TMP")


@pytest.mark.parametrize("name", CASES)
def test_one_line(name: str, tmp_path: Path, built: Built):
    case = CASES[name]
    arguments = case.prepare(tmp_path, built)
    before = contents(tmp_path)
    bundle = contents(built.bundle)
    environment = {key: value.replace("TMP", str(tmp_path)) for key, value in case.environment.items()}

    run = edge_asl(*arguments, environment=environment)

    assert one_line(run, tmp_path).replace(str(built.bundle.parent), "BUILT") == case.said
    assert run.stdout == ""
    assert contents(tmp_path) == before
    assert contents(built.bundle) == bundle
