"""Manifests with anything in them."""

from __future__ import annotations

import json

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def put_into(text: str, value: object, *keys: str) -> bytes:
    """A manifest with one value put in; ``ensure_ascii`` writes lone surrogates as JSON does."""
    found = json.loads(text)
    inner = found
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return json.dumps(found).encode()
