"""What goes after a switch, and what is another deployment's and stays."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from edge_asl_device.releases.installation import Installation, Mode
from edge_asl_device.releases.prune import prune
from edge_asl_device.releases.release import FORMAT, Release

BEGUN_S = 1_000_000.0


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """With three releases, each with an environment and an object of its own; the third one is served."""
    installation = Installation.at(tmp_path, Mode.PLAIN)
    for folder in (installation.objects, installation.environments, installation.releases):
        folder.mkdir()
    digests = [staged(installation, letter, age_s) for letter, age_s in (("a", 300), ("b", 200), ("c", 100))]
    installation.point(installation.current, digests[2])
    return installation


def staged(installation: Installation, letter: str, age_s: float) -> str:
    release = Release(FORMAT, letter * 64, letter * 64)
    (installation.objects / (letter * 64)).write_text(letter)
    environment, folder = installation.environments / (letter * 64), installation.releases / release.digest
    environment.mkdir()
    (environment / "program").hardlink_to(installation.objects / (letter * 64))
    folder.mkdir()
    (folder / "release.json").write_bytes(msgspec.json.encode(release))
    for path in (environment, folder, installation.objects / (letter * 64)):
        os.utime(path, (BEGUN_S - age_s, BEGUN_S - age_s))
    return release.digest


def uploaded(installation: Installation, name: str, age_s: float) -> Path:
    path = installation.objects / name
    path.write_bytes(b"half")
    os.utime(path, (BEGUN_S - age_s, BEGUN_S - age_s))
    return path


def environments(installation: Installation) -> str:
    return "".join(sorted(path.name[0] for path in installation.environments.iterdir()))


def test_the_oldest_goes_with_all_that_only_it_needs(installation: Installation):
    assert prune(installation, 2, BEGUN_S).startswith("kept 2 of 3 releases")
    assert environments(installation) == "bc"
    assert sorted(path.name[0] for path in installation.objects.iterdir()) == ["b", "c"]
    assert len(installation.staged()) == 2


def test_what_serves_stays_however_few_are_kept(installation: Installation):
    prune(installation, 0, BEGUN_S)
    assert environments(installation) == "c"


def test_what_was_cut_off_goes_and_what_another_sends_stays(installation: Installation):
    old = [uploaded(installation, ".partial-" + "d" * 64, 10), uploaded(installation, "e" * 64, 10)]
    new = [uploaded(installation, ".partial-" + "f" * 64, -10), uploaded(installation, "0" * 64, -10)]
    staged(installation, "9", -10)
    for name, age_s in (("d" * 64 + ".new", 10), ("e" * 64 + ".old", 10), ("f" * 64 + ".new", -10)):
        for place in (installation.environments, installation.releases):
            (place / name / "half").mkdir(parents=True)
            os.utime(place / name, (BEGUN_S - age_s, BEGUN_S - age_s))
    prune(installation, 0, BEGUN_S)

    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)
    assert environments(installation) == "9cf"
    assert {path.name[0] for path in installation.releases.glob("*.*")} == {"f"}
