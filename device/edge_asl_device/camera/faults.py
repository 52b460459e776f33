"""What a camera's software says when it fails → the state that a page shows, the reason in words, and what to do.

picamera2, libcamera, OpenCV and the kernel report faults as exceptions of every kind, often with the reason at the end
of a chain, in a number or in words. Here each becomes one ``CameraError``.
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.other_programs.sayings import shortened


class Meaning(NamedTuple):
    """How a fault is known, and what is made of it."""

    pattern: str
    """Of the error's own words, with its kind before them: ``OSError: [Errno 12] Cannot allocate memory``."""
    state: CameraState
    what: str
    advice: str


MEMORY = (
    "close other programs that use a camera or the screen; if there are none, restart the device; with 512 MB of "
    "memory write dtoverlay=vc4-kms-v3d,cma-128 to /boot/firmware/config.txt"
)
VIDEO_GROUP = "sudo usermod -aG video USER, then restart the program"
UPGRADE = (
    "sudo apt update && sudo apt full-upgrade, and remove a picamera2 that pip installed: pip uninstall picamera2 "
    "(Debian's python3-picamera2 and python3-libcamera belong together)"
)
RIBBON = "switch the device off, push the ribbon cable into both ends again"

# In this order: a fault that is several things is the first of them.
MEANINGS = (
    Meaning(
        r"Cannot allocate memory|MemoryError|Out of memory|[Ff]ailed to allocate|cma_alloc|error:? -12\b",
        CameraState.FAILED,
        "there is not enough contiguous memory for its pictures",
        MEMORY,
    ),
    Meaning(
        r"dma_heap.*No such file|No such file.*dma_heap",
        CameraState.FAILED,
        "this system has no memory set aside for its pictures (/dev/dma_heap)",
        "update the system (sudo apt full-upgrade); in a container, pass /dev/dma_heap on",
    ),
    Meaning(
        r"tuning file|Configuration file .* not found for IPA|IPA module|ipa_\w+\.so|/ipa/",
        CameraState.FAILED,
        "libcamera has no settings for this sensor",
        "sudo apt update && sudo apt full-upgrade; a camera that is not Raspberry Pi's own needs its maker's packages",
    ),
    Meaning(
        r"No module named '(?:libcamera|picamera2|pykms|kms)|libcamera\S*\.so\S*: cannot open shared object",
        CameraState.FAILED,
        "picamera2 and libcamera are not installed, or not for this Python",
        "sudo apt install python3-picamera2 --no-install-recommends, and remove a picamera2 that pip installed",
    ),
    Meaning(
        r"Permission denied|Operation not permitted|PermissionError|[Cc]ould not open any dma",
        CameraState.FAILED,
        "this user may not use it",
        VIDEO_GROUP,
    ),
    Meaning(
        r"unexpected code: None|has no attribute|cannot import name|unexpected keyword|incompatible (?:func|constr)"
        r"|undefined symbol|_ARRAY_API|size changed",
        CameraState.FAILED,
        "picamera2, libcamera and numpy on this device do not fit together",
        UPGRADE,
    ),
    Meaning(
        r"\bbusy\b|requiring state Available|in use by another|[Ff]ailed to acquire|(?:code|error):? -16\b",
        CameraState.BUSY,
        "another program is using it",
        "close the other program; fuser -v /dev/media* /dev/video* shows which",
    ),
    Meaning(
        r"[Ff]rontend has timed out|Dequeue timer|Connection timed out|timed? ?out",
        CameraState.FROZEN,
        "no picture comes from its sensor",
        RIBBON,
    ),
    Meaning(
        r"Input/output error|Remote I/O error|(?:code|error):? -(?:5|121)\b",
        CameraState.FAILED,
        "its sensor does not answer",
        RIBBON,
    ),
    Meaning(
        r"No space left on device",
        CameraState.FAILED,
        "its pictures do not fit through this USB port",
        "plug it straight into the computer and unplug other cameras",
    ),
    Meaning(
        r"Protocol error|Value too large for defined data type",
        CameraState.FAILED,
        "its USB connection fails",
        "plug it straight into another port with a short cable; check that the power supply is strong enough",
    ),
    Meaning(
        r"Too many open files",
        CameraState.FAILED,
        "the program has too many files open",
        "restart the program",
    ),
    Meaning(
        r"No camera number|not found|no cameras available|list index out of range|IndexError",
        CameraState.MISSING,
        "not found",
        "check its cable, then run rpicam-hello --list-cameras",
    ),
    Meaning(
        r"No such device|No such file or directory: '/dev/|(?:code|error):? -19\b",
        CameraState.LOST,
        "it is no longer there",
        "plug it in again",
    ),
)


def fault_of(
    error: BaseException, what: str = "the camera", otherwise: CameraState = CameraState.FAILED
) -> CameraError:
    """The fault that an exception stands for.

    Args:
        error: from opening a camera or reading from it; a ``CameraError`` stays what it is.
        what: the camera as the message names it.
        otherwise: the state where nothing is known of the exception.
    """
    if isinstance(error, CameraError):
        return error
    chain = [*_chain(error)]
    for said in map(_words, reversed(chain)):  # the end of the chain is where it began
        meaning = next((meaning for meaning in MEANINGS if re.search(meaning.pattern, said)), None)
        if meaning:
            return CameraError(meaning.state, f"{what}: {meaning.what} ({_shown(said)}); {meaning.advice}")
    said = _shown(_words(chain[-1]))
    return CameraError(otherwise, f"{what}: {said}{_place(chain[-1])}; trying again")


def crash_reason(returncode: int, said: str) -> str:
    """Why a capture process ended without a word of its own.

    Args:
        returncode: as ``subprocess`` gives it; negative: the signal.
        said: the end of what it wrote to its standard error.
    """
    telling = telling_line(said)
    meaning = next((meaning for meaning in MEANINGS if telling and re.search(meaning.pattern, telling)), None)
    if meaning:
        return f"{meaning.what} ({_shown(telling)}); {meaning.advice}"
    told = f": {_shown(telling)}" if telling else ""
    if returncode == -9:
        return f"the capture process was ended from outside (signal 9){told}; if that happens again, memory is short"
    if returncode < 0:
        return f"the camera's driver or library crashed the capture process (signal {-returncode}){told}; {UPGRADE}"
    return f"the capture process ended (exit status {returncode}){told}"


def telling_line(said: str) -> str:
    """Of what libcamera, OpenCV or Python wrote before the end, the line that says why; empty if none does.

    libcamera: ``[0:11:33.3] [5938] ERROR V4L2 v4l2_videodevice.cpp:1248 /dev/video14[22:cap]: Unable to …``. C++ says
    ``what():`` before it aborts, Python the error on its last line.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for pattern in (r"^what\(\): *(?P<why>.+)", r"\b(?:FATAL|ERROR) \S+ \S+\.\w+:\d+ (?P<why>.+)"):
        found = [match["why"] for match in (re.search(pattern, line) for line in lines) if match]
        if found:
            return found[0]
    raised = [line for line in lines if re.match(r"^[\w.]+(?:Error|Exception)\b", line)]
    return raised[-1] if raised else ""


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error, and those that it came from; older picamera2 raises without ``from``."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _words(error: BaseException) -> str:
    text = re.sub(r" at 0x[0-9a-f]+", "", str(error))  # the same fault has the same words
    number = error.errno if isinstance(error, OSError) else _number_in(text)
    named = os.strerror(number) if number is not None and number in errno.errorcode else ""
    named = "" if named in text else named
    return ": ".join(filter(None, (type(error).__name__, text, named)))


def _number_in(text: str) -> int | None:
    """libcamera's functions return −16 for "busy"."""
    found = re.search(r"(?:code|error|returned|:)[: ]+-(\d{1,3})\b", text)
    return int(found[1]) if found else None


def _shown(said: str) -> str:
    return shortened(next(iter(said.splitlines()), "").strip())


def _place(error: BaseException) -> str:
    """Where it was raised: a bug of the program keeps its place in the log."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
