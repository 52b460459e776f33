"""AlexNet, ResNet50 and VGG16 as the tutorials train them, on public photographs in the form that they have there.

AlexNet: A, B and C as flat names (``A_34.jpg``), killed in training and started again, by random pictures and by blocks
of shots; then its better form. ResNet50: Sign-Language-MNIST's two tables made from the letters (28×28 grey, 24
letters), the same. Both start from random weights. VGG16: the true head, 2 epochs: memory, size, time. Epochs and
counts are scaled to the number of pictures, and that there are two cores.
"""

from __future__ import annotations

import os
import re

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from common import BIN, OUT, figure, folder, last_json

STATIC = "ABCDEFGHIKLMNOPQRSTUVWXY"
BLOCK = 20
"""Neighbours of one room, seldom more."""
ALEXNET = ("training.epochs=15", 'data.counts=[96, 32, "rest"]')
ALEXNET_MODERN = ("training.epochs=15",)


class Built(NamedTuple):
    """A build."""

    accuracy: float
    """Of the int8 model on its test pictures, 0 to 1."""
    lost_points: float
    seconds: float
    peak_gb: float
    bundle: Path


def built(recipe: str, data: Path, settings: tuple[str, ...], *, killed: bool = False) -> Built:
    """Build from nothing; killed after its first epoch, the second try goes on where it was."""
    target = OUT / "models" / f"recipes-{recipe}"
    for stale in (target, OUT / "models" / ".work" / target.name):
        shutil.rmtree(stale, ignore_errors=True)
    sets = [word for setting in settings for word in ("--set", setting)]
    command = [BIN / "edge-asl", "build", "--recipe", recipe, "--data", data, "--weights", "none", "--out", target]
    command += ["--calibration", OUT / "calibration_data", *sets, "--json"]
    started = time.perf_counter()
    if killed:
        _kill_after_first_epoch(command)
    text, said, peak_gb = _run(command)
    if killed and "resuming after epoch" not in said:
        sys.exit(f"{recipe}: was killed and did not go on:\n{said}")
    result = last_json(text)
    seconds = time.perf_counter() - started
    return Built(result["accuracy"], result["lost_points"], seconds, peak_gb, target)


def _kill_after_first_epoch(command: list[Any]) -> None:
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        for line in run.stderr or ():
            if re.match(r"  epoch 1/\d+: loss", line):
                run.send_signal(signal.SIGKILL)


def _run(command: list[Any]) -> tuple[str, str, float]:
    """Standard output, standard error and peak memory in GB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        run = subprocess.Popen(list(map(str, command)), stdout=out, stderr=err)
        _, status, usage = os.wait4(run.pid, 0)
        out.seek(0)
        err.seek(0)
        said = err.read()
        if status:
            sys.exit(f"{command[3]}: status {status}\n{said}")
        return out.read(), said, usage.ru_maxrss / 1e6


def flat(letters: Path, scratch: Path, classes: str) -> Path:
    """The pictures of some classes under flat names, as in Kaggle's test folder and the AlexNet notebooks."""
    target = scratch / "flat"
    target.mkdir()
    for label in classes:
        for picture in (letters / label).iterdir():
            (target / f"{label}_{picture.stem.removeprefix(label)}.jpg").symlink_to(picture)
    return target


def tables(letters: Path, scratch: Path, is_test: Callable[[int, int], bool]) -> Path:
    """``sign_mnist_train.csv`` and ``sign_mnist_test.csv``: a label 0–25, then 784 grey values.

    Args:
        is_test: of a picture's place among its class in the order of shots, and a number drawn for it.
    """
    import cv2
    import numpy as np

    rng = np.random.default_rng(1)
    rows: dict[bool, list[str]] = {False: [], True: []}
    for label in STATIC:
        shots = sorted((letters / label).iterdir(), key=lambda path: int(path.stem.removeprefix(label)))
        for at, shot in enumerate(shots):
            grey = cv2.resize(cv2.imread(str(shot), cv2.IMREAD_GRAYSCALE), (28, 28), interpolation=cv2.INTER_AREA)
            row = ",".join(map(str, [ord(label) - ord("A"), *grey.ravel()]))
            rows[is_test(at, int(rng.integers(5)))].append(row)
    target = scratch / "sign-language-mnist"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    header = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
    for part, lines in rows.items():
        order = rng.permutation(len(lines))
        text = "\n".join([header, *(lines[i] for i in order)]) + "\n"
        (target / f"sign_mnist_{'test' if part else 'train'}.csv").write_text(text, encoding="utf-8")
    return target


def alexnet(data: Path) -> None:
    """The faithful form by random pictures, killed and resumed, and by blocks; the better form by blocks."""
    by_block = ("data.split=block", "data.counts=none")
    random = built("alexnet-letters", data, (*ALEXNET, "data.split=counts"), killed=True)
    block = built("alexnet-letters", data, (*ALEXNET, *by_block))
    modern = built("alexnet-letters-modern", data, ALEXNET_MODERN)
    _compare("alexnet-letters, A B C, 15 epochs", random, block)
    figure("alexnet-letters-modern, 15 epochs: blocks of shots, int8", f"{modern.accuracy:.1%}")
    figure("alexnet-letters-modern: build, size", _cost(modern))


def resnet(letters: Path, scratch: Path) -> None:
    """The same of ResNet50."""
    random = built("resnet50-sign-mnist", tables(letters, scratch, lambda at, drawn: not drawn), (), killed=True)
    data = tables(letters, scratch, lambda at, drawn: at // BLOCK % 5 == 4)
    block = built("resnet50-sign-mnist", data, ())
    modern = built("resnet50-sign-mnist-modern", data, ())
    _compare("resnet50-sign-mnist, 24 letters", random, block)
    figure("resnet50-sign-mnist-modern: blocks of shots, int8", f"{modern.accuracy:.1%}")
    figure("resnet50-sign-mnist-modern: build, size", _cost(modern))


def vgg(letters: Path) -> None:
    """The true head, 239 million weights."""
    done = built("vgg16-letters", letters, ("training.epochs=2",))
    figure("vgg16-letters, true head, 2 epochs: peak memory", f"{done.peak_gb:.1f} GB", "≤ 20 GB")
    figure("vgg16-letters, true head: build, size", _cost(done))
    figure("vgg16-letters, true head: float → int8", f"{done.lost_points:+.1f} points lost")


def _compare(what: str, random: Built, block: Built) -> None:
    """What a random split says beside one by blocks."""
    figure(f"{what}, killed in epoch 2 and started again: random pictures, int8", f"{random.accuracy:.1%}")
    figure(f"{what}: blocks of shots, int8", f"{block.accuracy:.1%}")
    figure(f"{what}: build, size", _cost(block))


def _cost(done: Built) -> str:
    size = (done.bundle / "model.tflite").stat().st_size / 1e6
    return f"{done.seconds / 60:.1f} min, {size:.1f} MB"


def main() -> None:
    """All three, or those that are named: ``python bench/recipes.py alexnet``."""
    letters = folder("EDGE_ASL_DATA") / "letters"
    with tempfile.TemporaryDirectory() as scratch:
        runs: dict[str, Callable[[], None]] = {
            "alexnet": lambda: alexnet(flat(letters, Path(scratch), "ABC")),
            "resnet": lambda: resnet(letters, Path(scratch)),
            "vgg": lambda: vgg(letters),
        }
        for name in sys.argv[1:] or runs:
            runs[name]()


if __name__ == "__main__":
    main()
