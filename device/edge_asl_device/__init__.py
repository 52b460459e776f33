"""The device half of edge-asl: what a bundle is, and the program that runs one.

Imports neither TensorFlow nor ``edge_asl``; hardware libraries are imported where the hardware is opened.
"""

__version__ = "0.1.0"
