"""The workstation half of edge-asl: from a folder of pictures to a verified bundle."""

__version__ = "0.1.0"
