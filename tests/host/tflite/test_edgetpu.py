"""What the Edge TPU would run, and its compiler: absent, well, failing, slow.

Google's compiler is for x86-64 Debian and cannot be had here. Its place on PATH takes a stand-in: a program of the same
name and options that copies the model and prints a report in the format of https://coral.ai/docs/edgetpu/compiler/.
"""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
from tiny_model import TinyModels, tiny_models, write_tiny_bundle

from edge_asl.errors import QuantizationError, ToolMissing
from edge_asl.tflite.edgetpu import (
    EDGETPU_MODEL,
    compile_edgetpu,
    edgetpu_mapping,
    format_compilation,
    format_mapping,
)
from edge_asl.tflite.edgetpu_compiler import OperatorStatus, parse_output
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MANIFEST, MODEL, SIGNATURE
from edge_asl_device.errors import BundleError

__all__ = ["tiny_models"]  # the fixture

ALL_MAPPED = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 412 ms.

Input model: model.tflite
Input size: 652.75KiB
Output model: model_edgetpu.tflite
Output size: 748.55KiB
On-chip memory used for caching model parameters: 711.25KiB
On-chip memory remaining for caching model parameters: 6.95MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 65
Operation log: model_edgetpu.log

Operator                       Count      Status

ADD                            10         Mapped to Edge TPU
CONV_2D                        35         Mapped to Edge TPU
DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
MEAN                           1          Mapped to Edge TPU
FULLY_CONNECTED                1          Mapped to Edge TPU
SOFTMAX                        1          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""

SOME_MAPPED = """Edge TPU Compiler version 15.0.340273435

Model compiled successfully in 577 ms.

Input model: model.tflite
Input size: 8.58MiB
Output model: model_edgetpu.tflite
Output size: 8.70MiB
On-chip memory used for caching model parameters: 3.00KiB
On-chip memory remaining for caching model parameters: 7.67MiB
Off-chip memory used for streaming uncached model parameters: 15.06MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 5
Operation log: model_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will \
instead run on the CPU, which is slower. If possible, consider updating your model to use only operations supported \
by the Edge TPU. For details, visit g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 3

Operator                       Count      Status

CONV_2D                        2          Mapped to Edge TPU
CONV_2D                        1          More than one subgraph is not supported
LEAKY_RELU                     2          Operation not supported
"""

NONE_MAPPED = """Edge TPU Compiler version 16.0.384591198
Number of Edge TPU subgraphs: 0

Operator                       Count      Status

CONV_2D                        4          Operation is working on an unsupported data type
"""


def test_a_contract_model_runs_on_the_edge_tpu_as_a_whole(tiny_models: TinyModels):
    mapping = edgetpu_mapping(tiny_models.contract)

    assert len(mapping) == 65
    assert {o.reason for o in mapping} == {"Mapped to Edge TPU"}
    assert all(o.maps for o in mapping)


def test_after_the_first_obstacle_everything_runs_on_the_cpu(tiny_models: TinyModels):
    mapping = edgetpu_mapping(tiny_models.uint8)

    assert [o.operator for o in mapping] == ["QUANTIZE", "CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE"]
    assert [o.maps for o in mapping] == [True, True, True, False, False, False]
    assert mapping[3].reason == "weights must have one scale, found 5; convert them per tensor"
    assert mapping[4].reason == "More than one subgraph is not supported; an operator before it runs on the CPU"


def test_floating_point_does_not_map(tiny_models: TinyModels):
    mapping = edgetpu_mapping(tiny_models.float32)

    assert not any(o.maps for o in mapping)
    assert mapping[0].reason.startswith("Operation is working on an unsupported data type: FLOAT32")


def test_a_report_where_everything_maps():
    report = parse_output(ALL_MAPPED)

    assert (report.compiler_version, report.subgraphs) == ("16.0.384591198", 1)
    assert (report.on_tpu, report.on_cpu) == (65, 0)
    assert (report.on_chip_used, report.on_chip_remaining, report.off_chip) == (728320, 7287603, 0)
    assert report.operators[1] == OperatorStatus("CONV_2D", 35, "Mapped to Edge TPU")


def test_a_report_where_some_run_on_the_cpu():
    report = parse_output(SOME_MAPPED)

    assert (report.on_tpu, report.on_cpu) == (2, 3)
    assert report.off_chip == 15791555
    assert report.operators[2] == OperatorStatus("LEAKY_RELU", 2, "Operation not supported")


def test_a_mapping_on_a_terminal_puts_equal_operators_together(tiny_models: TinyModels):
    lines = format_mapping(edgetpu_mapping(tiny_models.uint8)).splitlines()

    assert lines[:-1] == [
        "Edge TPU: 3 of 6 operators would run on it, 3 on the CPU",
        "  CPU       1 × FULLY_CONNECTED: weights must have one scale, found 5; convert them per tensor",
        "  CPU       1 × SOFTMAX, 1 × QUANTIZE: "
        "More than one subgraph is not supported; an operator before it runs on the CPU",
        "  Edge TPU  1 × QUANTIZE, 1 × CONV_2D, 1 × MEAN",
    ]
    assert "https://coral.ai/" in lines[-1]
    assert len(format_mapping(edgetpu_mapping(tiny_models.contract)).splitlines()) == 3
    assert len(format_mapping(edgetpu_mapping(tiny_models.float32)).splitlines()) == 3


def test_a_compilation_on_a_terminal():
    assert format_compilation(parse_output(SOME_MAPPED)).splitlines() == [
        "model_edgetpu.tflite added to the bundle; if the bundle was signed, sign it again",
        "edgetpu_compiler 15.0.340273435: 2 operators run on the Edge TPU, 3 on the CPU",
        "  CPU       1 × CONV_2D: More than one subgraph is not supported",
        "  CPU       2 × LEAKY_RELU: Operation not supported",
        "  Edge TPU  2 × CONV_2D",
        "parameters in on-chip memory: 3.0 KiB, 7.67 MiB left",
        "parameters fetched at every inference: 15.06 MiB, which is slow",
    ]


def test_output_and_log_together_count_once():
    assert parse_output(SOME_MAPPED + SOME_MAPPED).on_cpu == 3


def test_what_is_no_report_is_one_line():
    with pytest.raises(QuantizationError, match="no table of operators in its output: it failed inside itself"):
        parse_output("Edge TPU Compiler version 15.0\n\nInternal compiler error. Aborting!\n\n")


def test_a_bundle_that_reads_hands_is_not_for_a_coral(hand_bundle: Path):
    with pytest.raises(BundleError, match=r"bundle-v2: reads hands with 3 models, which run on the processor"):
        compile_edgetpu(hand_bundle)


def test_without_the_compiler_the_error_says_how_to_get_it(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = write_tiny_bundle(tmp_path / "bundle", tiny_models.contract)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolMissing, match="install Coral's Debian package edgetpu-compiler"):
        compile_edgetpu(bundle)


def test_a_file_that_does_not_start_is_a_missing_tool(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = write_tiny_bundle(tmp_path / "bundle", tiny_models.contract)
    _stand_in(tmp_path, monkeypatch, "not a program", shebang="")

    with pytest.raises(ToolMissing, match="does not start: Exec format error"):
        compile_edgetpu(bundle)


def test_the_compiled_model_joins_the_bundle(tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write_tiny_bundle(tmp_path / "bundle", tiny_models.contract)
    (folder / SIGNATURE).write_text("of the manifest as it was")
    before, written_ns = read_bundle(folder), (folder / MODEL).stat().st_mtime_ns
    _stand_in(tmp_path, monkeypatch, _COPY, report=ALL_MAPPED)

    for _ in range(2):  # compiling again replaces the file
        report = compile_edgetpu(folder)

    after = read_bundle(folder)
    assert report.on_tpu == 65
    assert after.manifest.files.keys() - before.manifest.files.keys() == {EDGETPU_MODEL}
    assert (folder / EDGETPU_MODEL).read_bytes() == tiny_models.contract.read_bytes()
    assert after.manifest.labels == before.manifest.labels
    assert not (folder / SIGNATURE).exists(), "it signed another manifest"
    assert (folder / MODEL).stat().st_mtime_ns == written_ns, "a build knows its files by their times"


@pytest.mark.parametrize(
    ("script", "report", "message"),
    [
        ("echo 'Invalid model: model.tflite'; exit 1", "", "failed with status 1: it cannot read the model"),
        ('cat "$report"', ALL_MAPPED, "did not write model_edgetpu.tflite: Compilation succeeded!"),
        ("$copy", NONE_MAPPED, "all 4 on the CPU: CONV_2D: Operation is working on an unsupported data type"),
        ("sleep 60 & wait", "", "did not finish within 0.5 s"),
    ],
)
def test_a_failure_is_one_line_and_leaves_the_bundle_alone(
    tiny_models: TinyModels,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    report: str,
    message: str,
):
    folder = write_tiny_bundle(tmp_path / "bundle", tiny_models.contract)
    before = (folder / MANIFEST).read_bytes()
    _stand_in(tmp_path, monkeypatch, script.replace("$copy", _COPY), report=report)

    started = time.monotonic()
    with pytest.raises(QuantizationError, match=message):
        compile_edgetpu(folder, timeout_s=0.5 if "sleep" in script else 30)

    assert time.monotonic() - started < 20
    assert (folder / MANIFEST).read_bytes() == before
    assert not (folder / EDGETPU_MODEL).exists()


# edgetpu_compiler -s -o DIR model.tflite
_COPY = 'cp "$4" "$3/model_edgetpu.tflite"; cat "$report" | tee "$3/model_edgetpu.log"'


def _stand_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, report: str = "", shebang: str = "#!/bin/sh\n"
) -> None:
    """Put a program named ``edgetpu_compiler`` first on PATH."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "report.txt").write_text(report)
    program = programs / "edgetpu_compiler"
    program.write_text(f"{shebang}report={programs / 'report.txt'}\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
