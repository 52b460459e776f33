"""``python -m edge_asl``."""

from edge_asl.cli import main

main()
