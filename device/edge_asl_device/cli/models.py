"""``classify`` and ``bench``: a bundle on pictures, and how fast it is here."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from edge_asl_device.contract.pictures import list_pictures, read_picture
from edge_asl_device.errors import PictureError
from edge_asl_device.inference.benchmark import measure
from edge_asl_device.inference.recogniser import Recogniser


def classify(options: argparse.Namespace) -> int:
    """``edge-asl-device classify``."""
    paths = [picture for path in options.pictures for picture in list_pictures(path)]
    failed = 0
    with Recogniser.open(options.bundle, options.runtime, options.threads) as recogniser:
        for path in paths:
            try:
                picture = read_picture(path)
            except PictureError as error:
                # One bad picture of a thousand ends nothing, but the exit status tells.
                sys.stderr.write(f"edge-asl-device: {error}\n")
                failed += 1
                continue
            started = time.perf_counter()
            best = recogniser.classify(picture, options.top)
            milliseconds = (time.perf_counter() - started) * 1000
            if options.json:
                found = [prediction._asdict() for prediction in best]
                print(json.dumps({"file": str(path), "predictions": found, "milliseconds": round(milliseconds, 3)}))
            else:
                named = "  ".join(f"{label} {probability:.3f}" for label, probability in best) or "no hand found"
                print(f"{path}  {named}  {milliseconds:.1f} ms")
    return 1 if failed else 0


def bench(options: argparse.Namespace) -> int:
    """``edge-asl-device bench``."""
    with Recogniser.open(options.bundle, options.runtime, options.threads) as recogniser:
        result = measure(recogniser, options.runs)
    if options.json:
        print(json.dumps(result))
        return 0
    print("\n".join(_lines(result)))
    return 0


def _lines(result: dict[str, Any]) -> list[str]:
    """What was measured, as a table."""
    hands = "searched_ms" in result
    rows = result["stages_ms"] | {"bare inference": result["raw_invoke_ms"]}
    rows |= {"a frame searched": result["searched_ms"]} if hands else {}
    rows["a frame followed" if hands else "whole path"] = result["whole_path_ms"]
    return [
        f"{result['runtime']}, frame {result['frame']}, input {result['input']}, {result['runs']} runs, ms",
        f"{'':<18}{'median':>9}{'p95':>9}",
        *(f"{name:<18}{numbers['median']:>9.3f}{numbers['p95']:>9.3f}" for name, numbers in rows.items()),
        f"{'ratio':<18}{result['ratio']:>9.3f}",
    ]
