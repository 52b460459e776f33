"""Which runtime a device gets, row by row, and what it is told where there is none."""

from __future__ import annotations

import pytest

from edge_asl.deploy.environment.platforms import PYTHONS, TABLE, Platform, choose
from edge_asl.deploy.environment.wheels import read_pins
from edge_asl.errors import PlatformError

BOOKWORM = Platform("debian", "bookworm", "aarch64", 64, "3.11", "2.36")
TRIXIE = Platform("debian", "trixie", "aarch64", 64, "3.13", "2.41")
UBUNTU = Platform("ubuntu", "noble", "x86_64", 64, "3.12", "2.39")
WRITE_64 = "install the 64-bit Raspberry Pi OS"
OTHER_DISTRIBUTION = "use Raspberry Pi OS"


@pytest.mark.parametrize(
    ("platform", "kind", "pins", "platform_name"),
    [
        (BOOKWORM, "auto", "litert-py311.txt", "linux_aarch64"),
        (BOOKWORM, "litert", "litert-py311.txt", "linux_aarch64"),
        (BOOKWORM, "tflite", "tflite-py311.txt", "linux_aarch64"),
        (TRIXIE, "auto", "litert-py313.txt", "linux_aarch64"),
        (UBUNTU, "auto", "litert-py312.txt", "linux_x86_64"),
        (UBUNTU._replace(machine="aarch64"), "auto", "litert-py312.txt", "linux_aarch64"),
        (BOOKWORM._replace(machine="x86_64"), "auto", "litert-py311.txt", "linux_x86_64"),
        (BOOKWORM._replace(machine="x86_64"), "tflite", "tflite-py311.txt", "linux_x86_64"),
        (TRIXIE._replace(machine="x86_64"), "auto", "litert-py313.txt", "linux_x86_64"),
        # ai-edge-litert's libraries ask for glibc 2.34 on aarch64 alone
        (BOOKWORM._replace(glibc="2.34"), "auto", "litert-py311.txt", "linux_aarch64"),
        (BOOKWORM._replace(glibc="2.31"), "tflite", "tflite-py311.txt", "linux_aarch64"),
        (BOOKWORM._replace(glibc="2.31", machine="x86_64"), "auto", "litert-py311.txt", "linux_x86_64"),
        # the codename is for people: a derivative is served by what it has
        (Platform("linuxmint", "", "x86_64", 64, "3.12", "2.39"), "auto", "litert-py312.txt", "linux_x86_64"),
    ],
)
def test_a_row_of_the_table(platform: Platform, kind: str, pins: str, platform_name: str):
    choice = choose(platform, kind)

    assert (choice.pins, choice.platform, choice.python) == (pins, platform_name, platform.python)
    assert choice.kind == pins.partition("-")[0]
    assert choice.interpreter == "/usr/bin/python3"


@pytest.mark.parametrize(
    ("platform", "kind", "expected", "found", "remedy"),
    [
        (
            Platform("raspbian", "bookworm", "armv7l", 32, "3.11", "2.36"),
            "auto",
            "expected a 64-bit system",
            "found a 32-bit one",
            "piwheels.org",
        ),
        (
            Platform("raspbian", "bookworm", "aarch64", 32, "3.11", "2.36"),
            "tflite",
            "expected a 64-bit system",
            "found a 32-bit one under a 64-bit kernel",
            WRITE_64,
        ),
        (
            Platform("raspbian", "trixie", "armv7l", 32, "3.13", "2.41"),
            "auto",
            "expected a 64-bit system",
            "for which no TensorFlow Lite runtime exists",
            WRITE_64,
        ),
        (Platform("alpine", "", "aarch64", 64, "3.12", ""), "auto", "with glibc", "another C library", "Debian"),
        (TRIXIE._replace(machine="riscv64"), "auto", "aarch64 or x86_64", "found riscv64", "no TensorFlow Lite"),
        (TRIXIE._replace(python="3.14"), "auto", "3.11, 3.12 or 3.13", "found 3.14", OTHER_DISTRIBUTION),
        (BOOKWORM._replace(python="3.9"), "auto", "3.11, 3.12 or 3.13", "found 3.9", OTHER_DISTRIBUTION),
        (TRIXIE, "tflite", "expected Python 3.11 for tflite", "found 3.13", "--runtime litert"),
        (BOOKWORM._replace(glibc="2.31"), "auto", "glibc 2.34 or later", "found 2.31", "--runtime tflite"),
        (BOOKWORM._replace(glibc="2.9"), "tflite", "glibc 2.27 or later", "found 2.9", OTHER_DISTRIBUTION),
        (TRIXIE._replace(glibc="2.31"), "auto", "glibc 2.34 or later", "found 2.31", OTHER_DISTRIBUTION),
        (UBUNTU._replace(glibc="2.27"), "auto", "glibc 2.28 or later", "found 2.27", OTHER_DISTRIBUTION),
        (BOOKWORM._replace(glibc="two"), "auto", "expected a version such as 2.36", "found 'two'", "report"),
        (BOOKWORM, "tensorflow", "auto, litert or tflite", "found 'tensorflow'", "found"),
    ],
)
def test_a_refusal_says_what_to_do(platform: Platform, kind: str, expected: str, found: str, remedy: str):
    with pytest.raises(PlatformError) as caught:
        choose(platform, kind)

    text = str(caught.value)
    assert expected in text
    assert found in text
    assert remedy in text
    assert "\n" not in text


def test_where_litert_does_not_fit_no_other_is_offered_but_one_that_does():
    for glibc, offered in (("2.31", True), ("2.20", False)):
        with pytest.raises(PlatformError) as caught:
            choose(BOOKWORM._replace(glibc=glibc))
        assert ("--runtime tflite" in str(caught.value)) is offered


def test_what_a_device_calls_itself_stays_on_its_line():
    with pytest.raises(PlatformError) as caught:
        choose(BOOKWORM._replace(distribution="x\n\x1b[31mroot#", bits=32))

    assert str(caught.value).isprintable()


def test_bookworm_is_told_why_its_numpy_is_old():
    assert "picamera2" in choose(BOOKWORM).notes[0]
    assert choose(TRIXIE).notes == ()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.pins)
def test_pins_are_complete(row):
    """Versions, hashes and nothing of a tester's or a compiler's; no index is named."""
    text = choose(BOOKWORM._replace(python=row.python), row.kind).pins_text()
    pins = {pin.name: pin for pin in read_pins(text)}

    assert len(pins) == text.count("==") == 12
    assert {"msgspec", "numpy", "opencv-python-headless", "prometheus-client", "starlette", "uvicorn"} <= set(pins)
    assert not set(pins) & {"pytest", "hypothesis", "edge-asl-device", "protobuf", "ml-dtypes"}
    assert text.count("--hash=sha256:") == sum(len(pin.hashes) for pin in pins.values())
    assert "://" not in text
    distribution = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}
    assert distribution[row.kind] in pins
    assert pins["numpy"].version.startswith("1." if row.python == "3.11" else "2.")


def test_every_python_has_a_default():
    assert [choose(BOOKWORM._replace(python=python)).kind for python in PYTHONS] == ["litert"] * 3
