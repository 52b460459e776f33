"""``python -m edge_asl_device``."""

import sys

from edge_asl_device.cli.main import main

sys.exit(main())
