"""What other programs really said, and the sentence that a user reads instead; each case a file of tests/data/said.

A file: which program, where the text is from, a line of dashes, the text as it was (names, hosts and folders changed),
a line of dashes, the sentence. ``EDGE_ASL_WRITE_GOLDEN=1 pytest tests/host/test_said.py`` writes the sentences anew.
"""

from __future__ import annotations

import builtins
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from edge_asl.deploy.keys import keygen_reason
from edge_asl.deploy.reasons import no_answer
from edge_asl.deploy.ssh import LOST, Ssh
from edge_asl.imports.damage import HDF5, meaning_of_file
from edge_asl.tflite.edgetpu_compiler import reason_in
from edge_asl.workstation.pip import reason as pip_reason
from edge_asl_device.camera.faults import crash_reason, fault_of
from edge_asl_device.inference.reasons import loading_failure_of, refusal_of
from edge_asl_device.outputs.speech import failure_of
from edge_asl_device.releases.service_manager import refusal_of as systemctl_refusal_of

SAID = Path(__file__).parent.parent / "data" / "said"
CASES = sorted(path.stem for path in SAID.glob("*.txt"))
RULE = "-" * 20 + "\n"


class Case(NamedTuple):
    program: str
    source: str
    said: str
    sentence: str


def read(name: str) -> Case:
    head, said, sentence = (SAID / f"{name}.txt").read_text(encoding="utf-8").split(RULE)
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    return Case(facts["program"], facts["source"], said, sentence.strip())


def raised(said: str) -> BaseException:
    """The chain of exceptions that a traceback shows, the first one its reason."""
    error: BaseException | None = None
    for kind, text in re.findall(r"^(\w*(?:Error|Exception)): ?(.*)$", said, re.MULTILINE):
        known = getattr(builtins, kind, RuntimeError)
        system = re.match(r"\[Errno (\d+)\] ([^:]*)(?:: '(.*)')?", text)
        latest = known(int(system[1]), *filter(None, system.groups()[1:])) if system else known(text)
        latest.__context__, error = error, latest
    assert error is not None, said
    return error


READERS: dict[str, Callable[[str], str | None]] = {
    "ssh": lambda said: Ssh("pi@kiosk-1").lost(LOST, said),
    "a shell on the device": lambda said: no_answer("pi@kiosk-1", 1, [], said),
    "ssh-keygen": keygen_reason,
    "pip": pip_reason,
    "edgetpu_compiler": reason_in,
    "HDF5": lambda said: meaning_of_file(HDF5, 100_000, said),
    "a file's first bytes": lambda said: meaning_of_file(said.encode("latin-1"), len(said), "file signature not found"),
    "a runtime that refuses a model": lambda said: refusal_of(said, "ai-edge-litert"),
    "a runtime that does not load": loading_failure_of,
    "picamera2": lambda said: str(fault_of(raised(said), "camera 0")),
    "a capture process that died": lambda said: crash_reason(-6, said),
    "espeak-ng": failure_of,
    "systemctl": systemctl_refusal_of,
}


def test_there_are_cases_of_every_program():
    assert len(CASES) >= 40
    assert Counter(read(name).program for name in CASES).keys() == READERS.keys()


@pytest.mark.parametrize("name", CASES)
def test_what_the_user_reads(name: str):
    case = read(name)
    sentence = READERS[case.program](case.said) or ""
    if "EDGE_ASL_WRITE_GOLDEN" in os.environ:
        head = f"program: {case.program}\nsource: {case.source}\n"
        (SAID / f"{name}.txt").write_text(f"{head}{RULE}{case.said}{RULE}{sentence}\n", encoding="utf-8")
        return

    assert sentence == case.sentence
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 400


@pytest.mark.parametrize("name", CASES)
def test_nobody_is_named(name: str):
    text = (SAID / f"{name}.txt").read_text(encoding="utf-8")

    assert not re.search(r"\b(?!127\.|203\.0\.113\.|0\.)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", text), "an address"
    assert not re.search(r"/home/(?!pi\b|USER\b)\w+|/root/|/tmp/|/opt/|C:\\", text), "a folder of somebody's"
    assert not re.search(r"SHA256:(?!X{8})[\w+/]{20,}", text), "a fingerprint"
