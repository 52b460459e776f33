"""Fine-tuning MobileNet: a softmax head on frozen features first, then the network's last layers or all of it.

Only these modules and ``edge_asl.quantize`` import TensorFlow, so that every other command answers at once.
"""

import os

# TensorFlow's C++ side writes pages about missing GPUs and its own graphs; what matters arrives as an exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
