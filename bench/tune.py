"""``edge-asl tune`` beside an exhaustive run: digits, eight candidates, this machine as the device, killed once.

First all eight are timed and trained to the end. The budget then lies between the fourth and the fifth of their times.
"""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
import time

from common import BIN, OUT, figure, folder, last_json, run

SPACE = ("--backbones", "mobilenet,mobilenet_v2", "--widths", "0.25,0.35,1", "--sizes", "64,128")
EPOCHS = 2
CANDIDATES = 8


def main() -> None:
    """Exhaustively, then within the budget: begun, killed in a training, begun again."""
    shutil.rmtree(OUT / "tune", ignore_errors=True)
    whole, whole_s = run(*command("everything", 1e6, "--no-prune"))
    everything = last_json(whole)["candidates"]
    times = sorted(row["untrained_ms"] for row in everything)
    budget_ms = math.sqrt(times[CANDIDATES // 2 - 1] * times[CANDIDATES // 2])

    started = time.perf_counter()
    killed = killed_in_training(command("tuned", budget_ms))
    found, said = tuned(command("tuned", budget_ms))
    seconds = time.perf_counter() - started
    over = [row for row in found["candidates"] if row["untrained_ms"] > budget_ms]
    # Which are within it, the search's own timing says: two that are equally quick may change places.
    kept = [row for row in found["candidates"] if row not in over and (row["trained_ms"] or 0) <= budget_ms]
    within = {row["name"] for row in kept}
    accuracy = {row["name"]: row["validation_accuracy"] for row in everything if row["name"] in within}
    wanted = [name for name, value in accuracy.items() if value == max(accuracy.values())]
    resumed = re.search(r"resuming after epoch \d+ of \d+", said)
    trained = sum(row["state"] == "trained" for row in over)
    figure("tune: candidates over budget, of these trained", f"{len(over)}, {trained}", "0 trained")
    again = [name for name in re.findall(r"^(\S+): candidate", said, re.MULTILINE) if name in killed[:-1]]
    figure(
        "tune: killed in a training, begun again",
        f"{resumed[0] if resumed else 'from nothing'}, {len(again)} done again",
    )
    shown = f"{found['best']['name']}, {found['best']['validation_accuracy']:.1%}"
    figure("tune: the best within the budget; of the exhaustive run", f"{shown}; {' or '.join(wanted)}", "the same")
    both = f"{found['best']['untrained_ms']:.2f} and {found['trained_ms']:.2f} ms (budget {budget_ms:.2f} ms)"
    figure("tune: time of the best, untrained and trained", both)
    result = f"{seconds / 60:.1f} and {whole_s / 60:.1f} min"
    figure("tune: within the budget, and everything trained to the end", result)


def command(name: str, budget_ms: float, *more: str) -> list[object]:
    """``edge-asl tune`` of this benchmark."""
    data, weights = folder("EDGE_ASL_DATA") / "digits", folder("EDGE_ASL_WEIGHTS")
    where = (
        "--data",
        data,
        "--weights",
        weights,
        "--out",
        OUT / "tune" / name,
        "--on",
        f"local:{OUT / 'tune' / 'device'}",
    )
    sets = ("--set", f"training.epochs={EPOCHS}", "--set", "quantization.pictures=50")
    return ["edge-asl", "tune", *where, *SPACE, "--budget-ms", budget_ms, *sets, *more, "--json"]


def killed_in_training(words: list[object]) -> list[str]:
    """The candidates that it had begun when its first training had done an epoch, and it was killed."""
    begun = []
    with subprocess.Popen([BIN / str(words[0]), *map(str, words[1:])], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            begun += re.findall(r"^(\S+): candidate", line)
            if re.match(r"  epoch 1/\d+: loss", line):
                break
        running.send_signal(signal.SIGKILL)
    return begun


def tuned(words: list[object]) -> tuple[dict, str]:
    """What it found, and what it said meanwhile."""
    done = subprocess.run([BIN / str(words[0]), *map(str, words[1:])], capture_output=True, text=True, check=True)
    return last_json(done.stdout), done.stderr


if __name__ == "__main__":
    main()
