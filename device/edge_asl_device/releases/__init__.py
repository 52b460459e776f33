"""Releases on a device: staged, verified, switched, rolled back."""
