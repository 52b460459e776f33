"""Whose bundles a device takes: the first key, no other, nothing unsigned, nothing older."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import bad_bundles
import pytest
from kiosk import Kiosk

from edge_asl_device.contract.bundle import read_bundle

pytestmark = pytest.mark.deployment


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two people's."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("maria", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return {name: folder / name for name in ("maria", "eve")}


@pytest.fixture(scope="module")
def trusting(new_kiosk: Callable[[], Kiosk], keys: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Kiosk:
    """A kiosk that serves Maria's bundle 2.0, deployed with her key from the first time on."""
    kiosk = new_kiosk()
    bundle = bad_bundles.bundle(tmp_path_factory.mktemp("signed") / "hands", "2.0")
    report = kiosk.deployed(bundle, "--key", keys["maria"], "--options", kiosk.options)
    assert dict(report["log"])["signature"] == "by maria"
    assert "trust" in [step["step"] for step in report["plan"]["steps"]]
    return kiosk


@pytest.fixture(autouse=True)
def still_serves(trusting: Kiosk):
    before, run = trusting.linked(), trusting.health()["run"]  # type: ignore[index]
    yield
    health = trusting.health()
    assert health
    assert health["ready"]
    assert (trusting.linked(), health["run"]) == (before, run)
    assert trusting.status()["signers"] == ["maria"]


def test_the_first_key_is_trusted_and_shown(trusting: Kiosk):
    assert "trusts      maria" in trusting.run("status").out


def test_unsigned_is_refused(trusting: Kiosk, tmp_path: Path):
    done = trusting.deploy(bad_bundles.bundle(tmp_path / "hands", "2.1"))

    assert "the bundle is not signed, and this device accepts only bundles signed by maria" in done.error
    assert "1. lock" not in done.err


def test_another_key_is_refused_and_does_not_become_trusted(trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]):
    done = trusting.deploy(bad_bundles.bundle(tmp_path / "hands", "2.1"), "--key", keys["eve"])

    assert "not a signature of maria" in done.error


def test_a_key_of_somebody_elses_does_not_become_trusted_where_no_program_can_tell_of_the_signer(
    trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]
):
    bundle = bad_bundles.bundle(tmp_path / "hands", "2.1")
    program = (trusting.root / "current" / "environment" / "bin" / "edge-asl-device").resolve()
    kept = program.rename(tmp_path / "kept")
    try:
        planned = trusting.run("deploy", bundle, "--key", keys["eve"], "--dry-run")
    finally:
        shutil.move(kept, program)
    assert planned.status == 0, planned.err
    assert "every file checked again" in planned.out
    assert "trust" not in planned.out
    assert not (bundle / "manifest.json.sig").exists()
    asked = trusting.device("trust", keys["eve"].with_suffix(".pub").read_text().strip(), "--first")
    assert asked.status == 1
    assert "the device already trusts maria" in asked.err


def test_somebody_elses_signature_makes_nobody_trusted(
    new_kiosk: Callable[[], Kiosk], trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]
):
    """Neither who deploys, whose signature it is not, nor who signed: nobody here asked for that."""
    bundle = signed(trusting, tmp_path / "hands", keys["eve"])
    config = tmp_path / "config" / "edge-asl"
    config.mkdir(parents=True)
    shutil.copy(keys["maria"], config / "signing_key")
    shutil.copy(keys["maria"].with_suffix(".pub"), config / "signing_key.pub")
    planned = new_kiosk().run("deploy", bundle, "--dry-run", XDG_CONFIG_HOME=str(config.parent))
    assert planned.status == 0, planned.err
    assert "trust" not in planned.out


def signed(trusting: Kiosk, folder: Path, key: Path, version: str = "2.1") -> Path:
    bundle = bad_bundles.bundle(folder, version, changed=True)
    command = trusting.command("sign", bundle, "--key", key)[: -len(trusting.target_options) - 1]
    subprocess.run(command, env=trusting.environment, check=True, capture_output=True)
    return bundle


def test_a_signature_of_something_else_is_refused(trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]):
    ours = signed(trusting, tmp_path / "ours", keys["maria"])
    theirs = bad_bundles.bundle(tmp_path / "theirs", "2.2")
    shutil.copy(ours / "manifest.json.sig", theirs)

    assert "maria signed a different manifest.json" in trusting.deploy(theirs).error


def test_a_damaged_signature_is_refused(trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]):
    bundle = signed(trusting, tmp_path / "hands", keys["maria"])
    bad_bundles.tampered(bundle, "manifest.json.sig")

    assert "manifest.json.sig" in trusting.deploy(bundle).error


def test_what_is_changed_after_it_was_staged_is_refused_on_the_device(
    trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]
):
    """Staged by ``bench --on``; each file changed by itself; activated by hand at the kiosk."""
    bundle = signed(trusting, tmp_path / "hands", keys["maria"])
    staged = trusting.run("bench", bundle, "--runs", 1)
    assert staged.status == 0, staged.err
    digest = read_bundle(bundle).digest
    (release,) = [
        path for path in (trusting.root / "releases").iterdir() if digest in (path / "release.json").read_text()
    ]
    refusals = {"manifest.json": "expected the bundle", "model.tflite": "model.tflite: ", "manifest.json.sig": ".sig: "}
    for name, refusal in refusals.items():
        bad_bundles.tampered(release / "bundle", name)
        done = trusting.device("activate", release.name)
        assert done.status == 1, name
        assert "refused" in done.out
        assert refusal in done.out
        shutil.copy(bundle / name, release / "bundle")
    shutil.rmtree(release)


def test_an_older_version_is_refused_unless_it_is_wanted(trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]):
    older = signed(trusting, tmp_path / "older", keys["maria"], "1.9")
    refused = trusting.deploy(older)

    assert "hands: expected version 2.0 or later, found 1.9" in refused.error
    assert "--allow-downgrade" in refused.error


def test_an_older_version_that_is_wanted_serves_and_does_not_lower_what_is_taken(
    new_kiosk: Callable[[], Kiosk], trusting: Kiosk, tmp_path: Path, keys: dict[str, Path]
):
    """On a kiosk of its own, which learns of its signer through ``keys trust`` when it serves already."""
    kiosk = new_kiosk()
    newer, older = (
        bad_bundles.bundle(tmp_path / "newer", "2.0"),
        signed(kiosk, tmp_path / "older", keys["maria"], "1.9"),
    )
    kiosk.deployed(newer, "--options", kiosk.options)
    command = kiosk.command("trust", "--key", keys["maria"])
    command[command.index("trust") : command.index("trust") + 1] = ["keys", "trust"]
    trusted = subprocess.run(command, env=kiosk.environment, capture_output=True, text=True, check=True)
    assert "maria namespaces=" in trusted.stdout

    assert kiosk.deployed(older, "--allow-downgrade")["changed"]
    assert kiosk.status()["current"]["version"] == "1.9"
    assert kiosk.deployed(older)["changed"] is False
    assert "expected version 2.0 or later" in kiosk.deploy(signed(kiosk, tmp_path / "mid", keys["maria"], "1.95")).error
