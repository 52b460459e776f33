"""Prints which device environment to test on this Python: the oldest runtime where its wheels exist."""

import sys

sys.stdout.write("device-tflite" if sys.version_info < (3, 12) else "device-litert")
