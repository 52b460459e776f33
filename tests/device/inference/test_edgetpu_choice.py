"""The Edge TPU's library: absent, crashing, hanging, or working as far as a library without a Coral can."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import EDGETPU_MODEL
from edge_asl_device.inference.edgetpu import Choice, choose
from program import Program, wait_for

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"

CRASHES = "void *tflite_plugin_create_delegate(char **k, char **v, size_t n, void (*e)(const char *)) { abort(); }"
# A delegate that takes no operator: what a TfLiteDelegate begins with is its data and its Prepare function.
WORKS = """
static int prepare(void *context, void *delegate) { return 0; }
void *tflite_plugin_create_delegate(char **k, char **v, size_t n, void (*e)(const char *)) {
    void **delegate = calloc(16, sizeof(void *)); delegate[1] = prepare; return delegate;
}
"""
DESTROY = "void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }"


@pytest.fixture
def bundle(golden_bundle: Path, tmp_path: Path) -> Path:
    """The golden bundle with a model for the Edge TPU beside; uncompiled, so that it runs anywhere."""
    folder = shutil.copytree(golden_bundle, tmp_path / "bundle")
    model = (folder / "model.tflite").read_bytes()
    (folder / EDGETPU_MODEL).write_bytes(model)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][EDGETPU_MODEL] = {"sha256": hashlib.sha256(model).hexdigest(), "size": len(model)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Compiles a libedgetpu.so.1 that the program finds."""

    def build(code: str) -> None:
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed")
        source, target = tmp_path / "edgetpu.c", tmp_path / "lib" / "libedgetpu.so.1"
        target.parent.mkdir()
        source.write_text(f"#include <stdlib.h>\n#include <unistd.h>\n{code}\n{DESTROY}\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", target, source], timeout=60, check=True)
        monkeypatch.setenv("LD_LIBRARY_PATH", str(target.parent))

    return build


def test_a_bundle_without_a_model_for_it(golden_bundle: Path):
    assert choose(read_bundle(golden_bundle)) == Choice("processor", None)


def test_without_the_library(bundle: Path):
    accelerator, instead = choose(read_bundle(bundle))
    assert accelerator == "processor"
    assert "libedgetpu.so.1" in str(instead)


def test_a_library_that_crashes_kills_only_the_trial(bundle: Path, library: Callable[[str], None]):
    library(CRASHES)
    assert choose(read_bundle(bundle)) == Choice("processor", "crashed with signal 6")


def test_a_library_that_works_is_used(bundle: Path, library: Callable[[str], None]):
    """In a process of its own: LD_LIBRARY_PATH is read when a program starts."""
    library(WORKS)
    assert choose(read_bundle(bundle)) == Choice("edgetpu", None)
    with Program("run", bundle, "--source", FILM, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        assert program.health()["accelerator"] == "edgetpu"
        wait_for(lambda: page.state.get("text", "").startswith("B"), 60)
        assert page.state["notices"] == []


def test_the_program_says_so_and_reads_with_the_processor(bundle: Path, library: Callable[[str], None]):
    library(CRASHES)
    with Program("run", bundle, "--source", FILM, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("letter"), 15)
        assert [notice["kind"] for notice in page.state["notices"]] == ["processor-instead-of-edgetpu"]
        assert page.state["notices"][0]["text"] == "crashed with signal 6"
        assert program.health()["accelerator"] == "processor"


def test_the_doctor_knows(bundle: Path):
    command = [sys.executable, "-m", "edge_asl_device", "doctor", str(bundle), "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout)
    assert report["edgetpu"]["ok"] is False
    assert "libedgetpu.so.1" in report["edgetpu"]["reason"]
