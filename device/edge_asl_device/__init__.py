"""The device half of edge-asl: what a bundle is, and the program that runs one.

Imports neither TensorFlow nor ``edge_asl``; hardware libraries are imported where the hardware is opened.
"""

import os

MAX_PIXELS = 100_000_000
"""The largest picture that is decoded; a header of 65,535 × 65,535 would take 12 GB."""

# Decoders allocate what a header asks for; OpenCV reads its limit once, when it is first imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))

__version__ = "0.1.0"
