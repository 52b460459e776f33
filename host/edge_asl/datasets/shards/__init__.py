"""Layout ``tfrecord``: many pictures in few files, as TensorFlow writes and reads them."""
