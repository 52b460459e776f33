"""Reading and judging ``.tflite`` files, without TensorFlow."""
