"""Digits shown by real people: accuracy on unseen people, build time and size, for both widths; a second build."""

from __future__ import annotations

import shutil

from common import OUT, figure, folder, last_json, run

WIDTHS = {
    "0.35": ("mobilenet_v2_0.35_224_no_top.weights.h5", "≥ 99.0 %", "≥ 99.7 %", "≤ 0.7 MB"),
    "1.0": ("mobilenet_v2_1.0_224_no_top.weights.h5", "≥ 99.3 %", "100 %", "≤ 2.9 MB"),
}


def main() -> None:
    """Build from nothing for each width, then once more."""
    data, weights = folder("EDGE_ASL_DATA") / "digits", folder("EDGE_ASL_WEIGHTS")
    for alpha, (file, required, goal, size) in WIDTHS.items():
        target = OUT / "models" / f"digits-{alpha}"
        for stale in (target, OUT / "models" / ".work" / target.name):
            shutil.rmtree(stale, ignore_errors=True)
        command = (
            "edge-asl",
            "build",
            "--data",
            data,
            "--recipe",
            "digits-mobilenet",
            "--weights",
            weights / file,
            "--out",
            target,
        )
        command = (*command, "--calibration", OUT / "calibration_data", "--set", f"model.alpha={alpha}", "--json")
        text, seconds = run(*command)
        found = last_json(text)
        name = f"digits, width {alpha}"
        low, high = found["interval"]["low"], found["interval"]["high"]
        of = f"{low:.1%}–{high:.1%}; {found['pictures']} pictures of {found['people']} people"
        figure(f"{name}: int8 accuracy on unseen people", f"{found['accuracy']:.2%} ({of})", required, goal)
        figure(f"{name}: accuracy lost by quantization", f"{found['lost_points']:.2f} points", "≤ 0.5", "≤ 0.1")
        limits = ("≤ 8 min", "≤ 3 min") if alpha == "0.35" else ("", "")
        figure(f"{name}: build time", f"{seconds / 60:.1f} min", *limits)
        figure(f"{name}: model size", f"{(target / 'model.tflite').stat().st_size / 1e6:.2f} MB", size)
        figure(f"{name}: second build, nothing changed", f"{run(*command)[1]:.2f} s", "≤ 10 s", "≤ 3 s")


if __name__ == "__main__":
    main()
