"""From a picture to probabilities: runtimes, bundles made ready, and where in a frame to look."""
