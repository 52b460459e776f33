"""``python -m edge_asl``."""

from edge_asl.cli.main import main

main()
