"""Native libraries write to the standard streams below Python's own; what they say means nothing to a user."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

# The descriptors are the whole process's: two threads at once would restore each other's silence.
_ALONE = threading.RLock()


@contextlib.contextmanager
def native_output_silenced() -> Iterator[None]:
    """Swallow what is written to file descriptors 1 and 2; errors still arrive as exceptions."""
    with _ALONE:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = [os.dup(1), os.dup(2)]
        with open(os.memfd_create("edge-asl-silence"), "wb") as sink:  # noqa: PTH123 - memory, not a path
            for stream in (1, 2):
                os.dup2(sink.fileno(), stream)
            try:
                yield
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                for stream, original in zip((1, 2), kept, strict=True):
                    os.dup2(original, stream)
                    os.close(original)
