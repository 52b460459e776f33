"""What ``edge-asl build`` does, from pictures to bundle."""
