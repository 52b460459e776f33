"""Labelled pictures: reading, checking, splitting, storing and drawing them."""
