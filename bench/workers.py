"""Training by one worker process and by two on this machine, side by side: pictures per second and what they learn.

Each process is bound to one core, as if it were a machine of its own; beside them, one process on all cores. All train
the same network on the digits, whole, with the same batches: MobileNetV2 0.35 at 96 px, batch 32. The first epoch, in
which TensorFlow traces its graphs, does not count.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

from common import BIN, figure, folder

EPOCHS, STEPS, BATCH = 3, 12, 32
WEIGHTS = "mobilenet_v2_0.35_224_no_top.weights.h5"
LIMIT_S = 1200


def build(out: Path, cores: list[set[int]]) -> tuple[float, dict, list[list[float]]]:
    """One worker for each set of cores: pictures per second, what was measured, and the history."""
    settings = {
        "model.size": 96, "model.dropout": 0, "training.epochs": EPOCHS, "training.steps": STEPS,
        "training.batch": BATCH, "training.head_epochs": 5, "quantization.pictures": 50,
        "training.learning_rate": 1e-4,
    }  # fmt: skip
    data = folder("EDGE_ASL_DATA") / "digits"
    command = [
        str(BIN / "edge-asl"), "build", "--data", str(data), "--recipe", "digits-mobilenet",
        "--weights", str(folder("EDGE_ASL_WEIGHTS") / WEIGHTS), "--out", str(out / "digits"),
        "--calibration", str(out / "calibration"), "--json",
        *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in cores]
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    started = []
    for number, bound in enumerate(cores):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
        one = subprocess.Popen(
            command, env=os.environ | {"TF_CONFIG": json.dumps(config)}, stdout=subprocess.PIPE, text=True
        )
        os.sched_setaffinity(one.pid, bound)
        started.append(one)
    outputs = [one.communicate(timeout=LIMIT_S)[0] for one in started]
    assert all(one.returncode == 0 for one in started)
    history = json.loads((out / ".work" / "digits" / "history.json").read_text())
    seconds = sum(epoch[-1] for epoch in history[1:])
    return (EPOCHS - 1) * STEPS * BATCH / seconds, json.loads(outputs[0]), history


def main() -> None:
    """One on one core, two on one core each, one on all."""
    every = sorted(os.sched_getaffinity(0))
    assert len(every) > 1, "two cores are needed"
    one, two = {every[0]}, {every[1]}
    found = {}
    for name, cores in (("one", [one]), ("two", [one, two]), ("all", [set(every)])):
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = build(Path(scratch), cores)
    slow, fast, all_cores = (found[name][0] for name in ("one", "two", "all"))
    figure(
        "training by two workers on one core each, compared with one worker on one core",
        f"{fast / slow:.2f}× ({fast:.0f} ÷ {slow:.0f} pictures/s; one on {len(every)} cores {all_cores:.0f})",
    )
    losses = [f"{found[name][2][-1][3]:.4f}" for name in ("two", "one", "all")]
    accuracies = [f"{found[name][1]['accuracy']:.1%}" for name in ("two", "one", "all")]
    figure(
        "the same: validation loss and int8 accuracy of the two, of one on one core, and of one on all",
        f"{', '.join(losses)}; {', '.join(accuracies)}",
    )


if __name__ == "__main__":
    main()
