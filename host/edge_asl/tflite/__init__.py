"""Reading, checking and compiling ``.tflite`` files, without TensorFlow."""
