"""Releases that must not serve: bad models, bad programs, bad options, wrong signatures, tampered bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bad_bundles
import make_bad_models
import pytest
from kiosk import HEALTH_LIMIT_S, Kiosk, Watch

from edge_asl_device.contract.bundle import read_bundle

pytestmark = pytest.mark.deployment

QUICK_S = 8
"""Health limit of releases that are to fail; a start takes two on a busy core."""


@pytest.fixture(autouse=True)
def serves_in_the_end(kiosk: Kiosk, base: Path):
    """Whatever was tried: the release from before serves, and nothing is left behind."""
    before = kiosk.linked(), kiosk.linked("previous")
    yield
    health = kiosk.health()
    assert health is not None
    assert health["ready"]
    assert health["bundle"]["digest"] == read_bundle(base).digest
    assert (kiosk.linked(), kiosk.linked("previous")) == before
    assert not (kiosk.root / "lock").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (bad_bundles.crashing, "self-test: crashed with signal 11"),
        (bad_bundles.wrong, "self-test: expected B with"),
        (bad_bundles.hanging, f"self-test: no answer within {QUICK_S} s"),
    ],
)
def test_a_bad_model_is_refused_before_the_switch(
    kiosk: Kiosk, tmp_path: Path, make: Callable[[Path], Path], said: str
):
    limit_s = QUICK_S if make is bad_bundles.hanging else HEALTH_LIMIT_S
    with Watch(kiosk) as watch:
        done = kiosk.deploy(make(tmp_path / "bad"), health=limit_s)

    assert f"refused: {said}" in done.error
    assert watch.uninterrupted
    assert kiosk.status()["activation"]["outcome"] == "refused"


def test_a_model_that_hangs_on_real_pictures_goes_back(kiosk: Kiosk, tmp_path: Path):
    done = kiosk.deploy(bad_bundles.late(tmp_path / "late"), health=QUICK_S)

    assert "rolled-back: health: " in done.error
    assert "is running again" in done.error
    assert "  | " in done.err  # the device's own log lines
    assert kiosk.status()["activation"]["outcome"] == "rolled-back"


def test_a_program_that_ends_after_it_was_ready_goes_back(kiosk: Kiosk, tmp_path: Path, base: Path):
    program = bad_bundles.program(tmp_path / "program", *bad_bundles.RAISES)
    done = kiosk.deploy(base, health=QUICK_S, PYTHONPATH=str(program))

    assert "rolled-back: health: " in done.error
    assert "broken on purpose" in done.err
    status = kiosk.run("status")
    assert status.status == 0, status.err
    assert "rolled-back" in status.out


def test_options_that_the_program_refuses_are_not_taken(kiosk: Kiosk, base: Path):
    settings = (kiosk.root / "kiosk.env").read_text()
    with Watch(kiosk) as watch:
        done = kiosk.deploy(base, "--options", kiosk.options_with("--clear-after", "never"))

        # The device says so, too, to a workstation of another version.
        (kiosk.root / "kiosk.env.next").write_text("EDGE_ASL_OPTIONS=--clear-after never\n")
        refused = kiosk.device("activate", kiosk.linked(), "--restart", "--configured")

    found = "edge-asl-device run does not accept them: argument --clear-after"
    assert f"--options: {found}" in done.error
    assert "1. lock" not in done.err
    assert refused.status == 1
    assert f"refused     EDGE_ASL_OPTIONS: {found}" in refused.out
    assert watch.uninterrupted
    assert (kiosk.root / "kiosk.env").read_text() == settings
    assert not list(kiosk.root.glob("kiosk.env.*"))


def test_options_with_which_nothing_starts_go_back(kiosk: Kiosk, base: Path):
    settings = (kiosk.root / "kiosk.env").read_text()
    taken = kiosk.options.replace(str(kiosk.port), str(kiosk.server.port))
    done = kiosk.deploy(base, "--options", taken, health=QUICK_S)

    assert "rolled-back: health: " in done.error
    assert "choose another --port" in done.err
    assert (kiosk.root / "kiosk.env").read_text() == settings
    assert not list(kiosk.root.glob("kiosk.env.*"))


def test_a_first_deployment_that_fails_leaves_nothing_running(new_kiosk: Callable[[], Kiosk], tmp_path: Path):
    kiosk = new_kiosk()
    done = kiosk.deploy(bad_bundles.late(tmp_path / "late"), "--options", kiosk.options, health=QUICK_S)

    assert "failed: health" in done.error
    assert "there is no earlier release, nothing is running" in done.error
    assert kiosk.health() is None
    assert kiosk.linked() is None
    assert not (kiosk.root / "kiosk.pid").exists()
    assert "last activation failed: health" in kiosk.run("status").error
    logs = kiosk.run("logs")
    assert logs.status == 0
    assert "ready" in logs.out


def test_the_stored_models_are_those_that_their_script_makes():
    stored = {path.stem: path.read_bytes() for path in bad_bundles.MODELS.glob("*.tflite")}

    assert stored == make_bad_models.models()


def test_a_bundle_that_is_damaged_here_is_not_even_sent(kiosk: Kiosk, tmp_path: Path):
    done = kiosk.deploy(bad_bundles.tampered(bad_bundles.bundle(tmp_path / "hands", "1.1")))

    assert "expected sha256" in done.error
    assert "done: lock" not in done.err


def test_paths_out_of_the_folder_are_refused(kiosk: Kiosk, tmp_path: Path):
    bundle = bad_bundles.bundle(tmp_path / "hands", "1.1")
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"report.html"', '"../report.html"'))

    assert "manifest.json" in kiosk.deploy(bundle).error


@pytest.mark.parametrize("runs", [True, False], ids=["its program runs", "its program does not even begin"])
def test_a_release_that_was_damaged_on_the_device_is_refused_and_healed_by_the_next_deployment(
    new_kiosk: Callable[[], Kiosk], tmp_path: Path, base: Path, *, runs: bool
):
    """A bundle's file and an environment's changed, one linked, one extra: the next deployment makes all of it anew."""
    kiosk = new_kiosk()
    program = {} if runs else {"PYTHONPATH": str(bad_bundles.program(tmp_path / "program", *bad_bundles.HARMLESS))}
    bundle = bad_bundles.bundle(tmp_path / "hands", "1.1", changed=True)
    kiosk.deployed(base, "--options", kiosk.options)
    assert kiosk.run("bench", bundle, "--runs", 1, **program).status == 0
    (release,) = [path for path in (kiosk.root / "releases").iterdir() if path.name != kiosk.linked()]
    packages = (release / "environment").resolve() / "lib/python3.11/site-packages"
    bad_bundles.tampered(release / "bundle")
    bad_bundles.tampered(packages / "msgspec", "inspect.py")
    (packages / "extra.py").write_text("raise SystemExit\n")
    if not runs:
        (packages / "msgspec" / "json.py").unlink()
        (packages / "msgspec" / "json.py").symlink_to("inspect.py")

    refused = kiosk.deploy(bundle, **program)
    assert ("expected sha256" if runs else "the release's program does not start") in refused.error
    assert "again" in refused.error
    with Watch(kiosk) as watch:
        report = kiosk.deployed(bundle, **program)
    (send,) = [step for step in report["plan"]["steps"] if step["step"] == "send"]
    assert send["repair"]
    assert len(watch.bundles) == 2
    assert not (packages / "extra.py").exists()
    assert kiosk.deployed(bundle, **program)["changed"] is False
