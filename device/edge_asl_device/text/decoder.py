"""When a stream of predictions becomes text: the manifest's numbers, and what a site changes of them."""

from __future__ import annotations

import msgspec

from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.errors import EdgeAslError


def decoder_with(decoder: Decoder, overrides: dict[str, float]) -> Decoder:
    """The manifest's decoder with some numbers replaced.

    Raises:
        EdgeAslError: no such number, or out of range.
    """
    values = msgspec.to_builtins(decoder)
    for name, value in overrides.items():
        if name not in values:
            raise EdgeAslError(f"--decoder {name}: expected one of {', '.join(values)}, found {name}")
        highest = 1.0 if name.endswith("probability") else 60.0
        if not 0 <= value <= highest:
            raise EdgeAslError(f"--decoder {name}: expected 0 to {highest:g}, found {value:g}")
        values[name] = value
    changed = msgspec.convert(values, Decoder)
    if changed.release_probability > changed.accept_probability:
        raise EdgeAslError(
            f"--decoder: expected release_probability up to accept_probability ({changed.accept_probability:g}), "
            f"found {changed.release_probability:g}"
        )
    return changed
