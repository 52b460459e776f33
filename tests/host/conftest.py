"""What the host's tests share: drawn hands, and one real build of them for everybody.

Functions live in ``tiny_build``: a test cannot import from a conftest, of which there are two.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_build import SIGNS, Built, build_arguments, edge_asl

from edge_asl.datasets.synthetic.pictures import write_pictures


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 drawn pictures: four signs, eight people, 64 px."""
    return write_pictures(tmp_path_factory.mktemp("drawn") / "hands", SIGNS, 24, size=64, seed=3, people=8)


@pytest.fixture(scope="session")
def built(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A tiny bundle, built once; do not change it, copy it."""
    folder = tmp_path_factory.mktemp("built")
    arguments = build_arguments(drawn, folder)
    run = edge_asl(*arguments, "--json")
    assert run.returncode == 0, run.stderr[-3000:]
    return Built(drawn, folder / "models" / "tiny", folder / "calibration" / "tiny", arguments, run)


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many megabytes in memory, gone after the test; needs root."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="edge-asl-disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "edge-asl-test", str(folder)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except FileNotFoundError:
            folder.rmdir()
            pytest.skip("no mount program here")
        if run.returncode != 0:
            folder.rmdir()
            pytest.skip(f"may not mount here: {run.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], timeout=30, check=True)
        folder.rmdir()
