"""The program ``edge-asl``; also ``python -m edge_asl``."""

import gc


def main() -> None:
    """Run one command.

    What a program imports stays until its end. To look for garbage among that, while it is imported and once more at
    the end, takes a fifth of a short command's time.
    """
    gc.disable()
    from edge_asl.cli.main import main as run_command

    gc.freeze()
    gc.enable()
    try:
        run_command()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
