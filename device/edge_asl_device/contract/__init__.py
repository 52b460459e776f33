"""The contract between the workstation and the device: what a bundle holds and what its numbers mean.

Imports only the standard library, numpy, OpenCV and msgspec, so that both sides can afford it.
"""
