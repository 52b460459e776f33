"""The whole path compared with the bare inference, at 224 px, one thread; the weights do not affect the time."""

from __future__ import annotations

import statistics
from pathlib import Path

from common import OUT, ROOT, figure, last_json, run


def build_224() -> Path:
    """A MobileNetV2 1.0 at 224 px, quantized, untrained; made once."""
    bundle, pictures = OUT / "models" / "path-224", OUT / "pictures-224"
    if not pictures.exists():
        run("edge-asl", "synth", "pictures", pictures, "--signs", "A,B,nothing", "--count", 40, "--size", 224)
    settings = [
        f"--set={item}"
        for item in ("model.backbone=mobilenet_v2", "model.alpha=1.0", "model.size=224", "training.epochs=0")
    ]
    run(
        "edge-asl", "build", "--data", pictures, "--recipe", "demo", "--weights", "none", "--out", bundle,
        "--calibration", OUT / "calibration_data", "--json", *settings,
    )  # fmt: skip
    return bundle


def main() -> None:
    """The median of five runs' ratios of medians; the model that reads hands takes turns with the other."""
    bundles = build_224(), ROOT / "models" / "letters"
    turns = [[bench(bundle) for bundle in bundles] for _ in range(5)]
    ratio = statistics.median(square["ratio"] for square, _ in turns)
    bare = statistics.median(square["raw_invoke_ms"]["median"] for square, _ in turns)
    whole = statistics.median(square["whole_path_ms"]["median"] for square, _ in turns)
    name = "whole path ÷ bare inference, 640×480 → 224 px, one thread, LiteRT"
    figure(name, f"{ratio:.3f} ({whole:.2f} ms ÷ {bare:.2f} ms)", "≤ 1.15", "≤ 1.05")
    followed = statistics.median(hand["whole_path_ms"]["median"] for _, hand in turns)
    ratio = statistics.median(
        hand["whole_path_ms"]["median"] / square["raw_invoke_ms"]["median"] for square, hand in turns
    )
    name = "`models/letters`, a frame with a hand that is followed ÷ bare MobileNetV2 1.0 at 224 px, one thread, LiteRT"
    figure(name, f"{ratio:.2f} ({followed:.2f} ms ÷ {bare:.2f} ms)", "≤ 2.0", "≤ 1.3")


def bench(bundle: Path) -> dict:
    """What the device program says of its own speed."""
    return last_json(run("edge-asl-device", "bench", bundle, "--runtime", "litert", "--json")[0])


if __name__ == "__main__":
    main()
