"""What a process in the unit's sandbox may do, as one line of JSON: ``ExecStartPre=`` of a drop-in runs it there.

    sandbox.py ADDRESS

ADDRESS is this machine's, but not of 127.0.0.0/8.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from pathlib import Path

FOLDERS = ("/", "/etc", "/home", "/opt", "/root", "/run", "/srv", "/usr", "/var", "/var/lib", "/var/lib/edge-asl")


def attempt(action: object) -> str:
    """``yes``, or the name of the error."""
    try:
        action()  # type: ignore[operator]
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "yes"


def connect(address: str) -> None:
    with socket.create_connection((address, 1), timeout=3):
        pass


def main(address: str) -> None:
    found = {
        "uid": os.getuid(),
        "write": {folder: attempt(lambda f=folder: Path(f, "written").write_text("")) for folder in FOLDERS},
        "disk": attempt(lambda: os.close(os.open("/dev/vda", os.O_RDONLY))),
        "console": attempt(lambda: os.close(os.open("/dev/tty0", os.O_RDONLY))),
        "kernel": attempt(lambda: Path("/proc/sys/kernel/panic").write_text("0")),
        "raw": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "elsewhere": attempt(lambda: connect(address)),
        "here": attempt(lambda: connect("127.0.0.1")),
    }
    sys.stdout.write("sandbox " + json.dumps(found) + "\n")


main(sys.argv[1])
