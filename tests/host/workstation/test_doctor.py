"""``edge-asl doctor`` without a target: reasons from the facts of machines that are not here, and this one's own."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from tiny_build import edge_asl

from edge_asl.workstation.cluster import Cluster
from edge_asl.workstation.doctor import lines, report, strategy
from edge_asl.workstation.gpus import Gpu, Hardware, TensorFlow, read_hardware, reasons

READY = Hardware("Linux", 1, "570.86.15", ("/dev/nvidia0",), (), None, (24564,))
CUDA = TensorFlow("2.21.0", True, "12.5.1")
SEES = msgspec.structs.replace(CUDA, gpus=(Gpu("NVIDIA GeForce RTX 4090", "8.9"),))
# As TensorFlow 2.21 writes them.
NO_LIBRARIES = (
    "W0000 00:00:1.0 12 gpu_device.cc:2365] Cannot dlopen some GPU libraries. Please make sure the missing libraries "
    "mentioned above are installed properly if you would like to use GPU.",
)
ONE_LIBRARY = (
    "W0000 00:00:1.0 12 dso_loader.cc:64] Could not load dynamic library 'libcudnn.so.9'; dlerror: libcudnn.so.9: "
    "cannot open shared object file: No such file or directory",
    *NO_LIBRARIES,
)


def hardware(**changes: object) -> Hardware:
    return msgspec.structs.replace(READY, **changes)


@pytest.mark.parametrize(
    ("machine", "tensorflow", "expected"),
    [
        (READY, SEES, []),
        (hardware(system="Darwin"), CUDA, ["TensorFlow has no CUDA for Darwin; use Linux, or Windows with WSL2"]),
        (hardware(on_bus=0, driver=None, nodes=()), CUDA, ["there is no NVIDIA GPU in this machine"]),
        (hardware(on_bus=None, driver=None, nodes=()), CUDA, ["there is no NVIDIA GPU found here"]),
        (
            hardware(driver=None, nodes=()),
            CUDA,
            ["the driver of the NVIDIA GPU is not loaded; install it, and try nvidia-smi"],
        ),
        (
            hardware(nodes=()),
            CUDA,
            ["the driver is loaded, but there is no /dev/nvidia0; in a container, start it with --gpus all"],
        ),
        (hardware(closed=("/dev/nvidia0",)), CUDA, ["this user may not open /dev/nvidia0; join its group"]),
        (hardware(hiding=""), CUDA, ["CUDA_VISIBLE_DEVICES= hides every GPU; unset it"]),
        (hardware(hiding="-1"), CUDA, ["CUDA_VISIBLE_DEVICES=-1 hides every GPU; unset it"]),
        (hardware(hiding="3"), CUDA, ["CUDA_VISIBLE_DEVICES=3 may hide the GPU; unset it"]),
        (
            READY,
            TensorFlow("2.21.0", False, ""),
            ["this TensorFlow was built without CUDA; pip install 'edge-asl[gpu]'"],
        ),
        (
            READY,
            msgspec.structs.replace(CUDA, log=ONE_LIBRARY),
            ["TensorFlow cannot load libcudnn.so.9; pip install 'edge-asl[gpu]'"],
        ),
        (
            READY,
            msgspec.structs.replace(CUDA, log=NO_LIBRARIES),
            ["TensorFlow cannot load some of CUDA's libraries; pip install 'edge-asl[gpu]'"],
        ),
        (
            READY,
            msgspec.structs.replace(CUDA, log=("failed call to cuInit: CUDA_ERROR_SYSTEM_NOT_READY",)),
            [
                "TensorFlow sees none of /dev/nvidia0 and says: failed call to cuInit: CUDA_ERROR_SYSTEM_NOT_READY"
            ],
        ),
        (
            hardware(driver=None, nodes=(), hiding="-1"),
            TensorFlow("2.21.0", False, ""),
            [
                "the driver of the NVIDIA GPU is not loaded; install it, and try nvidia-smi",
                "CUDA_VISIBLE_DEVICES=-1 hides every GPU; unset it",
                "this TensorFlow was built without CUDA; pip install 'edge-asl[gpu]'",
            ],
        ),
    ],
)  # fmt: skip
def test_why_no_gpu_is_used(machine: Hardware, tensorflow: TensorFlow, expected: list[str]):
    assert reasons(machine, tensorflow) == expected


def test_a_machine_is_read(tmp_path: Path):
    files = {
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release\n",
        "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
        "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
        "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",  # the sound of the same card
        "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
        "sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n",
        "sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
        "dev/nvidia0": "",
        "dev/nvidiactl": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = read_hardware({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path)
    assert (found.on_bus, found.driver, found.nodes, found.hiding) == (1, "570.86.15", ("/dev/nvidia0",), "0")

    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12\n"
    )
    assert read_hardware({}, tmp_path).driver == "535.183.01"
    assert read_hardware({}, tmp_path / "empty").on_bus is None


def test_what_a_build_would_train_with():
    cluster = Cluster(("a:1", "b:1"), 1)
    assert strategy(None, 0) == "the processor"
    assert strategy(None, 1) == "the GPU"
    assert strategy(None, 4) == "MirroredStrategy: 4 GPUs"
    assert strategy(cluster, 0) == "MultiWorkerMirroredStrategy: worker 1 of 2, with the processor"


def test_the_lines_say_what_is_used():
    text = "\n".join(lines(report(READY, SEES, Cluster(("a:1", "b:1"), 0), None)))
    assert "GPU 0                   NVIDIA GeForce RTX 4090, 24 GB, compute capability 8.9" in text
    assert "NVIDIA driver           570.86.15" in text
    assert "workers                 a:1, b:1" in text
    assert "no GPU is used" not in text


def test_this_workstation():
    run = edge_asl("doctor", "--json", environment={"TF_CONFIG": "{"})
    assert run.returncode == 1, run.stderr
    found = json.loads(run.stdout)
    assert not found["ok"]
    assert found["problem"].startswith("TF_CONFIG: cannot be read")
    assert found["tensorflow"]["version"]
    assert found["tensorflow"]["gpus"] == []  # tests hide them
    assert "CUDA_VISIBLE_DEVICES= hides every GPU; unset it" in found["no_gpu_because"]
