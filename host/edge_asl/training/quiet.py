"""TensorFlow and Keras, imported with oneDNN and without what they print about missing GPUs and traced graphs.

Whatever matters arrives as an exception. All of ``training`` imports them from here.
"""

import os

from edge_asl_device.inference.silence import native_output_silenced

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow uses it by itself only on processors with AVX-512 VNNI; with AVX2, an epoch of the demo takes 20 s
# instead of 82.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
with native_output_silenced():
    import keras
    import tensorflow as tf

# Every training of a process traces graphs of its own; from the fifth on TensorFlow would call that a mistake.
tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]
