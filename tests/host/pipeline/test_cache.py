"""Steps remember what they used; nothing else may make them skip work, and nothing may hide a failure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_asl.pipeline.cache import StepCache
from edge_asl.progress import Lines, Quiet


class Workbench:
    """A folder, a fresh ``StepCache`` for every build as in real life, and a count of what was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[str] = []

    def run(self, name: str, digest: str, outputs: Sequence[str]) -> bool:
        paths = [self.folder / output for output in outputs]

        def make() -> None:
            self.made.append(name)
            for path in paths:
                path.write_text(f"{name} from {digest}")

        return StepCache(self.folder, Quiet()).run(name, digest, paths, make)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def test_the_same_inputs_are_not_worked_on_twice(bench: Workbench):
    assert bench.run("pictures", "d1", ["a", "b"])
    assert not bench.run("pictures", "d1", ["a", "b"])
    assert bench.made == ["pictures"]


def test_another_digest_is_worked_on(bench: Workbench):
    bench.run("pictures", "d1", ["a"])
    assert bench.run("pictures", "d2", ["a"])
    assert bench.run("pictures", "d1", ["a"])  # what d1 made is gone
    assert (bench.folder / "a").read_text() == "pictures from d1"


def test_steps_do_not_disturb_each_other(bench: Workbench):
    bench.run("pictures", "d1", ["a"])
    bench.run("training", "d1", ["b"])

    assert not bench.run("pictures", "d1", ["a"])
    assert bench.run("training", "d2", ["b"])
    assert not bench.run("pictures", "d1", ["a"])
    assert bench.made == ["pictures", "training", "training"]


def _remove(path: Path) -> None:
    path.unlink()


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _grow(path: Path) -> None:
    before = path.stat()
    path.write_text(path.read_text() + "!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("spoil", [_remove, _touch, _grow])
@pytest.mark.parametrize("which", ["a", "b"])
def test_an_output_that_is_not_as_it_was_left_is_made_again(
    bench: Workbench, which: str, spoil: Callable[[Path], None]
):
    bench.run("pictures", "d1", ["a", "b"])
    spoil(bench.folder / which)

    assert bench.run("pictures", "d1", ["a", "b"])
    assert not bench.run("pictures", "d1", ["a", "b"])


def test_another_set_of_outputs_is_made(bench: Workbench):
    bench.run("pictures", "d1", ["a"])

    assert bench.run("pictures", "d1", ["a", "b"])


def test_a_step_that_fails_leaves_no_record(bench: Workbench):
    def fails() -> None:
        (bench.folder / "a").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        StepCache(bench.folder, Quiet()).run("pictures", "d1", [bench.folder / "a"], fails)

    assert bench.run("pictures", "d1", ["a"])
    assert (bench.folder / "a").read_text() == "pictures from d1"


def test_a_step_that_fails_after_a_success_is_done_again(bench: Workbench):
    """The old record must not vouch for the half-made new output, nor be lost for the other steps."""

    def fails() -> None:
        (bench.folder / "a").write_text("half")
        raise OSError("disk full")

    bench.run("split", "d1", ["s"])
    bench.run("pictures", "d1", ["a"])
    with pytest.raises(OSError, match="disk full"):
        StepCache(bench.folder, Quiet()).run("pictures", "d2", [bench.folder / "a"], fails)

    assert bench.run("pictures", "d1", ["a"])
    assert not bench.run("split", "d1", ["s"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pictures": null}', "\x00"])
def test_a_damaged_record_means_work_and_no_crash(bench: Workbench, content: str):
    bench.run("pictures", "d1", ["a"])
    (bench.folder / "steps.json").write_text(content)

    assert bench.run("pictures", "d1", ["a"])
    assert set(json.loads((bench.folder / "steps.json").read_text())) == {"pictures"}


def test_what_is_said_tells_work_from_none(bench: Workbench, capsys: pytest.CaptureFixture[str]):
    path = bench.folder / "a"
    for _ in range(2):
        StepCache(bench.folder, Lines()).run("pictures", "d1", [path], lambda: path.write_text("x") and None)

    assert capsys.readouterr().err.splitlines() == ["pictures:", "pictures: unchanged"]


def test_a_file_that_others_may_change_only_has_to_be_there(bench: Workbench):
    """compile-edgetpu writes a bundle's manifest anew; that is no reason to write the bundle again."""
    made, touched = bench.folder / "made", bench.folder / "touched"

    def make() -> None:
        made.write_text("x")
        touched.write_text("x")

    def again() -> bool:
        return StepCache(bench.folder, Quiet()).run("bundle", "d1", [made], make, present=[touched])

    assert again()
    touched.write_text("changed")
    assert not again()
    touched.unlink()
    assert again()
