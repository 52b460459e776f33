"""What goes after a switch, and what is another deployment's and stays."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from edge_asl_device.releases.place import Mode, Place
from edge_asl_device.releases.prune import prune
from edge_asl_device.releases.release import FORMAT, Release

BEGUN_S = 1_000_000.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With three releases, each with a runtime and an object of its own; the third one is served."""
    place = Place(tmp_path, Mode.PLAIN)
    for folder in (place.objects, place.runtimes, place.releases):
        folder.mkdir()
    digests = [staged(place, letter, age_s) for letter, age_s in (("a", 300), ("b", 200), ("c", 100))]
    place.point(place.current, digests[2])
    return place


def staged(place: Place, letter: str, age_s: float) -> str:
    release = Release(FORMAT, letter * 64, letter * 64)
    (place.objects / (letter * 64)).write_text(letter)
    runtime, folder = place.runtimes / (letter * 64), place.releases / release.digest
    runtime.mkdir()
    (runtime / "program").hardlink_to(place.objects / (letter * 64))
    folder.mkdir()
    (folder / "release.json").write_bytes(msgspec.json.encode(release))
    for path in (runtime, folder, place.objects / (letter * 64)):
        os.utime(path, (BEGUN_S - age_s, BEGUN_S - age_s))
    return release.digest


def uploaded(place: Place, name: str, age_s: float) -> Path:
    path = place.objects / name
    path.write_bytes(b"half")
    os.utime(path, (BEGUN_S - age_s, BEGUN_S - age_s))
    return path


def runtimes(place: Place) -> str:
    return "".join(sorted(path.name[0] for path in place.runtimes.iterdir()))


def test_the_oldest_goes_with_all_that_only_it_needs(place: Place):
    assert prune(place, 2, BEGUN_S).startswith("2 of 3 releases stay")
    assert runtimes(place) == "bc"
    assert sorted(path.name[0] for path in place.objects.iterdir()) == ["b", "c"]
    assert len(place.staged()) == 2


def test_what_serves_stays_however_few_are_kept(place: Place):
    prune(place, 0, BEGUN_S)
    assert runtimes(place) == "c"


def test_what_was_cut_off_goes_and_what_another_sends_stays(place: Place):
    old = [uploaded(place, ".partial-" + "d" * 64, 10), uploaded(place, "e" * 64, 10)]
    new = [uploaded(place, ".partial-" + "f" * 64, -10), uploaded(place, "0" * 64, -10)]
    staged(place, "9", -10)
    prune(place, 0, BEGUN_S)

    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)
    assert runtimes(place) == "9c"
