"""``python -m edge_asl.training.seen``: one JSON object about the GPUs that TensorFlow sees; its log goes to stderr.

In a process of its own: a driver may hang or crash, and the log is only complete from the start.
"""

from __future__ import annotations

import json
import sys

import tensorflow as tf


def main() -> None:
    """Print the object."""
    build = tf.sysconfig.get_build_info()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    found = {
        "version": tf.__version__,
        "cuda_build": bool(build.get("is_cuda_build")),
        "cuda": str(build.get("cuda_version") or ""),
        "gpus": [
            {
                "name": str(detail.get("device_name", "GPU")),
                "capability": ".".join(map(str, detail.get("compute_capability") or ())),
            }
            for detail in details
        ],
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
