"""What goes wrong for users is one line on stderr, exit status 1, and no trace on the disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_build import QUIET, Built, build_arguments, edge_asl

from edge_asl_device.contract.manifest import MANIFEST, MODEL

DATA = Path(__file__).parents[2] / "data" / "cli-errors"


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
    return build(pictures(tmp / "data", "A", "B"), tmp, **{"data.signer_pattern": "("})


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
    return build(built.data, tmp, "--weights", "imagenet", **{"model.backbone": "mobilenet"})


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
    return ["inspect", edited(built, tmp, lambda manifest: manifest.update(format_version=9))]


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


def _kept_work(built: Built, tmp: Path) -> Path:
    """A folder of bundles in which every step but the last is done; gives where the bundle goes."""
    shutil.copytree(built.work, tmp / "out" / "models" / ".work" / "tiny")
    shutil.copytree(built.calibration, tmp / "out" / "calibration" / "tiny")
    return tmp / "out" / "models" / "tiny"


def _out_of_other_files(tmp: Path, built: Built) -> list[object]:
    out = _kept_work(built, tmp)
    out.mkdir()
    (out / "thesis.txt").write_text("three years of work")
    return build(built.data, tmp)


def _out_is_a_file(tmp: Path, built: Built) -> list[object]:
    _kept_work(built, tmp).write_text("three years of work")
    return build(built.data, tmp)


def _out_with_a_space(tmp: Path, built: Built) -> list[object]:
    return build(built.data, tmp, "--out", tmp / "out" / "my bundle")


def _version(tmp: Path, built: Built) -> list[object]:
    return build(built.data, tmp, "--version", "final")


_DEAD_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

# What each is told stands in tests/data/cli-errors/NAME.txt; TMP, DATA and BUILT are folders, ``*`` is what may differ.
CASES = {
    "missing-folder": _missing_folder,
    "missing-folder-to-check": _missing_folder_to_check,
    "empty-class": _empty_class,
    "one-class": _one_class,
    "corrupt-picture": _corrupt_picture,
    "bad-signer-pattern": _strange_signer_pattern,
    "unknown-recipe": _unknown_recipe,
    "unknown-key": _unknown_key,
    "weights-missing": _weights_missing,
    "weights-that-are-none": _weights_no_weights,
    "weights-without-internet": _weights_offline,
    "split-of-other-data": _split_of_other_data,
    "accuracy-not-reached": _accuracy,
    "truncated-model": _truncated_model,
    "nothing-to-inspect": _inspect_nothing,
    "changed-model": _changed_model,
    "future-format": _future_format,
    "other-contract": _other_contract,
    "other-signs": _other_signs,
    "no-split-known": _no_split,
    "unknown-layout": _unknown_layout,
    "no-compiler": _no_compiler,
    "moving-letter": _demo_moving_letter,
    "unknown-sign": _synth_unknown_sign,
    "folder-not-empty": _synth_full_folder,
    "film-of-another-kind": _film_no_mp4,
    "out-of-other-files": _out_of_other_files,
    "out-is-a-file": _out_is_a_file,
    "out-that-names-no-bundle": _out_with_a_space,
    "version-that-is-none": _version,
}
ENVIRONMENTS = {
    "weights-without-internet": {**_DEAD_PROXY, "KERAS_HOME": "TMP/.work/keras"},
    "no-compiler": {"PATH": "/nowhere"},
}


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` and its hash; a build's own working folder left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".work" not in path.parts
    }


def assert_told(name: str, said: str) -> None:
    """Compare with the golden file."""
    wanted = (DATA / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    pattern = re.escape(wanted).replace(r"\*", ".*")
    assert re.fullmatch(pattern, re.sub("[0-9a-f]{12}…", "HASH", said)), f"expected {wanted}\nfound    {said}"


def one_line(run: subprocess.CompletedProcess[str], folder: Path) -> str:
    """The message of a command that failed as it should."""
    lines = run.stderr.splitlines()
    assert run.returncode == 1, run.stderr[-3000:]
    assert "Traceback" not in run.stderr, run.stderr[-3000:]
    assert lines[-1].startswith("edge-asl: "), run.stderr[-3000:]
    assert sum(line.startswith("edge-asl: ") for line in lines) == 1
    return lines[-1].replace(str(folder), "TMP")


@pytest.mark.parametrize("name", CASES)
def test_one_line(name: str, tmp_path: Path, built: Built):
    arguments = CASES[name](tmp_path, built)
    before = contents(tmp_path)
    bundle = contents(built.bundle)
    environment = {key: value.replace("TMP", str(tmp_path)) for key, value in ENVIRONMENTS.get(name, {}).items()}

    run = edge_asl(*arguments, environment=environment)

    said = one_line(run, tmp_path).replace(str(built.bundle.parent), "BUILT").replace(str(built.data), "DATA")
    assert_told(name, said)
    assert run.stdout == ""
    assert contents(tmp_path) == before
    assert contents(built.bundle) == bundle


@pytest.mark.parametrize("name", ["out-of-other-files", "out-is-a-file"])
def test_an_occupied_path_is_noticed_before_the_work(name: str, tmp_path: Path, built: Built):
    """Not after an hour of training."""
    arguments = CASES[name](tmp_path, built)
    shutil.rmtree(tmp_path / "out" / "models" / ".work")

    assert_told(name, one_line(edge_asl(*arguments), tmp_path))
    assert not list(tmp_path.rglob("pictures.u8"))


def test_weights_of_another_width(weights: Path, tmp_path: Path, built: Built):
    file = weights / "mobilenet_v2_1.0_224_no_top.weights.h5"
    settings = {"model.backbone": "mobilenet_v2", "model.alpha": "0.35"}

    run = edge_asl(*build(built.data, tmp_path, "--weights", file, **settings))

    told = one_line(run, weights)
    assert told.startswith(f"edge-asl: TMP/{file.name}: not weights of mobilenet_v2 with model.alpha=0.35 ")
    assert told.endswith("use --set model.alpha=1.0 or --set model.backbone=mobilenet")
    assert contents(tmp_path) == {}


def test_a_disk_that_fills_up_leaves_the_earlier_bundle(
    small_disk: Callable[[int], Path], drawn: Path, tmp_path: Path, built: Built
):
    """The disk is filled by somebody else while the network trains."""
    disk = small_disk(80)
    earlier = disk / "out" / "models" / "tiny"
    shutil.copytree(built.bundle, earlier)
    before = contents(disk)
    command = [sys.executable, "-m", "edge_asl", *build(drawn, disk)]
    running = subprocess.Popen(command, env=os.environ | QUIET, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    lines = []
    for line in running.stderr:
        lines.append(line)
        if line == "training:\n":
            fill(disk / "filler")
    status = running.wait(timeout=120)

    (disk / "filler").unlink()
    run = subprocess.CompletedProcess(command, status, "", "".join(lines))
    assert "No space left on device" in one_line(run, disk)
    assert contents(disk) == before
    assert not [path for path in disk.rglob("*") if ".tmp" in path.name or path.name.endswith((".new", ".old"))]


def fill(path: Path) -> None:
    """Write until the disk is full."""
    block = bytes(65536)
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            return


def test_options_that_cannot_be_are_refused_with_status_2():
    for arguments in (["build"], ["build", "--min-accuracy", "2"], ["evaluate", "x", "--split", "half"], ["nonsense"]):
        run = edge_asl(*arguments)
        assert run.returncode == 2
        assert "Traceback" not in run.stderr
        assert run.stdout == ""


def test_what_is_stopped_says_how_to_go_on(tmp_path: Path):
    command = [sys.executable, "-m", "edge_asl", "synth", "pictures", str(tmp_path / "drawn"), "--count", "100000"]
    run = subprocess.Popen(command, env=os.environ | QUIET, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.1)
        run.send_signal(signal.SIGTERM)  # as Ctrl-C, which a shell's background jobs ignore
        said = run.communicate(timeout=60)[1]
    finally:
        run.kill()

    assert run.returncode == 130
    assert said.splitlines()[-1] == "edge-asl: stopped; run the same command again to continue"
