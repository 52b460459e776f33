"""Letters: accuracy on blocks of shots never seen, in other rooms and with other people."""

from __future__ import annotations

import shutil

from common import OUT, figure, folder, last_json, run

SETS = {
    "letters-rooms": ("≥ 88 %", "≥ 93 %"),
    "people/t32rahman": ("", ""),
    "people/meyyappan": ("", ""),
    "stranger": ("", ""),
}


def main() -> None:
    """Build from nothing, then measure where nothing was trained."""
    data, weights = folder("EDGE_ASL_DATA"), folder("EDGE_ASL_WEIGHTS")
    target = OUT / "models" / "letters"
    for stale in (target, OUT / "models" / ".work" / target.name):
        shutil.rmtree(stale, ignore_errors=True)
    text, seconds = run(
        "edge-asl", "build", "--data", data / "letters", "--recipe", "letters-mobilenet", "--out", target, "--json",
        "--weights", weights / "mobilenet_v2_1.0_224_no_top.weights.h5", "--calibration", OUT / "calibration_data",
    )  # fmt: skip
    found = last_json(text)
    low, high = found["interval"]["low"], found["interval"]["high"]
    of = f"{low:.1%}–{high:.1%}; {found['pictures']} pictures, {len(found['labels'])} classes"
    figure("letters: int8 accuracy on unseen blocks of shots", f"{found['accuracy']:.2%} ({of})", "≥ 95 %", "≥ 98 %")
    figure("letters: accuracy lost by quantization", f"{found['lost_points']:.2f} points", "≤ 0.5", "≤ 0.1")
    figure("letters: build time", f"{seconds / 60:.1f} min")
    figure("letters: model size", f"{(target / 'model.tflite').stat().st_size / 1e6:.2f} MB")
    for name, (required, goal) in SETS.items():
        other = last_json(run("edge-asl", "evaluate", target, "--data", data / name, "--json")[0])
        result = f"{other['accuracy']:.1%} (top 3: {other['top3']:.1%})"
        figure(f"letters on `{name}`, whole pictures: accuracy", result, required, goal)


if __name__ == "__main__":
    main()
