"""The program ``edge-asl-device``; also ``python -m edge_asl_device``."""

import gc
import sys


def main() -> int:
    """Run one command; its exit status.

    What a program imports stays until its end. To look for garbage among that, while it is imported and once more at
    the end, takes a fifth of a short command's time.
    """
    gc.disable()
    from edge_asl_device.cli.main import main as run_command

    gc.freeze()
    gc.enable()
    try:
        return run_command()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
