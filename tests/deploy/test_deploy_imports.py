"""Deploying needs neither TensorFlow nor pictures: what it imports, and how soon it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import edge_asl.deploy

FOLDER = Path(edge_asl.deploy.__file__).parent
MODULES = sorted(
    "edge_asl." + ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
    for path in (*FOLDER.glob("*.py"), *FOLDER.glob("steps/*.py"))
    if path.stem != "__init__"
)
HEAVY = {"tensorflow", "keras", "ai_edge_litert", "tflite_runtime", "matplotlib", "sklearn", "typer", "ansible"}
PICTURES = {"numpy", "cv2"}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(run.stdout))


def test_all_of_deploying_imports_nothing_heavy():
    assert {"edge_asl.deploy.agent", "edge_asl.deploy.deployment", "edge_asl.deploy.operate"} <= set(MODULES)

    assert not loaded_by("\n".join(f"import {name}" for name in MODULES)) & HEAVY


@pytest.mark.parametrize("name", MODULES)
def test_no_part_of_it_imports_pictures(name: str):
    assert not loaded_by(f"import {name}") & (PICTURES | HEAVY)


@pytest.mark.parametrize("command", [[], ["deploy"], ["status"], ["rollback"], ["logs"], ["keys"], ["keys", "init"]])
def test_help_answers_at_once(command: list[str]):
    words = [sys.executable, "-X", "importtime", "-m", "edge_asl", *command, "--help"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines()}

    assert "usage" in run.stdout.lower()
    assert not imported & ((HEAVY - {"typer"}) | PICTURES)
