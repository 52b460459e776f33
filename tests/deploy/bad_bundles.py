"""Bundles and programs that a device is given in tests, good and bad, made from the golden bundle and this checkout.

    bundle(folder)                              the golden bundle with a stored answer
    bundle(folder, "1.1", changed=True)         a newer one: another model.tflite, with the same weights
    crashing(folder)  hanging(folder)           refused by the self-test, whatever answer is stored
    wrong(folder)                               computes, but not what is stored
    late(folder)                                passes the self-test and hangs on the first frame that is not black
    program(folder, *RAISES)                    a copy of edge_asl_device with an edit, to be found first on PYTHONPATH:
                                                passes the self-test, and its loop never reads a frame

Every ``folder`` is made, and returned.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import msgspec
from msgspec.structs import replace

import edge_asl_device
from edge_asl.pipeline.bundle import write_bundle
from edge_asl.pipeline.known_answer import make_known_answer
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.known_answer import KNOWN_ANSWER, KnownAnswer
from edge_asl_device.contract.manifest import LABELS, MODEL

DATA = Path(__file__).parent.parent / "data"
GOLDEN = DATA / "bundle-v1"
MODELS = DATA / "bad-models"

Edit = tuple[str, str, str]
"""A file of edge_asl_device, what stands there, and what shall."""
RAISES: tuple[Edit, ...] = (
    (
        "kiosk/service.py",
        "        self._mode.frame(frame, self._camera)\n",
        '        raise RuntimeError("broken on purpose")\n',
    ),
)
BLOCKS: tuple[Edit, ...] = (
    ("kiosk/service.py", "        self._mode.frame(frame, self._camera)\n", "        time.sleep(3600)\n"),
)
HARMLESS: tuple[Edit, ...] = (("kiosk/mode.py", "WAIT_S = 0.1\n", "WAIT_S = 0.11\n"),)


def bundle(
    folder: Path,
    version: str = "1.0",
    *,
    changed: bool = False,
    model: bytes | None = None,
    check: bytes | None = None,
    extra: dict[str, bytes] | None = None,
) -> Path:
    """The golden bundle anew.

    Args:
        folder: where.
        version: of it.
        changed: whether ``model.tflite`` has other bytes, which mean the same; they differ with the version.
        model: another one altogether.
        check: ``check.json``; None: what the golden model really says. Empty: none.
        extra: further files.
    """
    golden = read_bundle(GOLDEN)
    contents = {name: golden.content(name) for name in golden.manifest.files if name != LABELS}
    if changed:  # behind its end, where no reader of flatbuffers looks
        contents[MODEL] += version.encode()
    contents |= {MODEL: model} if model else {}
    contents |= {KNOWN_ANSWER: stored_answer() if check is None else check} if check != b"" else {}
    write_bundle(folder, replace(golden.manifest, version=version), contents | (extra or {}))
    return folder


@functools.cache
def stored_answer() -> bytes:
    """What the golden model says of a drawn hand."""
    return make_known_answer(GOLDEN)


def crashing(folder: Path, version: str = "1.1") -> Path:
    """Its model ends the process with SIGSEGV."""
    return bundle(folder, version, model=(MODELS / "crash.tflite").read_bytes())


def hanging(folder: Path, version: str = "1.1") -> Path:
    """Its model never answers."""
    return bundle(folder, version, model=(MODELS / "hang.tflite").read_bytes())


def wrong(folder: Path, version: str = "1.1") -> Path:
    """It carries an answer that its model does not give."""
    said = msgspec.json.decode(stored_answer(), type=KnownAnswer)
    label = next(label for label in read_bundle(GOLDEN).labels if label != said.label)
    return bundle(folder, version, check=msgspec.json.encode(replace(said, label=label)))


def late(folder: Path, version: str = "1.1") -> Path:
    """It answers for a black picture and hangs on any other; without a stored answer the self-test's is black."""
    return bundle(folder, version, model=(MODELS / "late.tflite").read_bytes(), check=b"")


def program(folder: Path, *edits: Edit) -> Path:
    """A copy of the device's package with edits, in ``folder``: name that on PYTHONPATH before ``edge-asl``."""
    package = folder / "edge_asl_device"
    shutil.copytree(
        Path(edge_asl_device.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    for name, before, after in edits:
        text = (package / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name}: expected {before!r} once; the program has changed, change the edit"
        (package / name).write_text(text.replace(before, after), encoding="utf-8")
    return folder


def tampered(folder: Path, name: str = MODEL) -> Path:
    """Change one byte of a file in a bundle, its size kept; a file that several names share keeps its other names."""
    path = folder / name
    data = bytearray(path.read_bytes())
    if name.endswith(".json"):  # which must still be read: another whitespace
        data[data.index(b": ", len(data) // 2) + 1] = ord("\n")
    else:
        data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)
    return folder
