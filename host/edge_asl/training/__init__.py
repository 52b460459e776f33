"""Fine-tuning MobileNet: a softmax head on frozen features first, then the network's last layers or all of it.

Only these modules and ``edge_asl.pipeline.quantize`` import TensorFlow, so that every other command answers at once.
"""
