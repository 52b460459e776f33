"""Fine-tuning MobileNet: a softmax head on frozen features first, then the network's last layers or all of it.

Only this package and ``edge_asl.pipeline.quantize`` import TensorFlow, so that all other commands start at once.
"""
