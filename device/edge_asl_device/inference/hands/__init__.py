"""The hand stage: where in a frame the hand is, its 21 landmarks, and the same hand in the next frame.

MediaPipe's two models and its rules between them (Zhang et al. 2020, "MediaPipe Hands: On-device Real-time Hand
Tracking", arXiv 2006.10214), on our own engine.
"""
