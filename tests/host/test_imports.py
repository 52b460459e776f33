"""What is not imported: small commands stay quick, the device stays small, the contract stays pure."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_asl
import edge_asl_device
from edge_asl_device.cli.main import COMMANDS
from edge_asl_device.outputs import OUTPUTS

HOST = Path(edge_asl.__file__).parent
DEVICE = Path(edge_asl_device.__file__).parent

HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "ai_edge_litert", "tflite_runtime"}
MAY_IMPORT_TENSORFLOW = ("training/", "pipeline/quantize.py")
CONTRACT = {"numpy", "cv2", "msgspec"}


def module_name(path: Path) -> str:
    parts = path.relative_to(HOST.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def loaded_by(statement: str) -> set[str]:
    """Top-level names of all modules in a fresh interpreter after ``statement``."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Names of the modules that a file imports anywhere, or only those it imports when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _outside_functions(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    typing_only = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _outside_functions(child)


def may_import_tensorflow(path: Path) -> bool:
    return path.relative_to(HOST).as_posix().startswith(MAY_IMPORT_TENSORFLOW)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of names that import each other, first and last the same; empty where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def import_graph(*packages: Path) -> dict[str, set[str]]:
    """Which module imports which, anywhere in its text: inside functions and under TYPE_CHECKING, too."""
    modules = {}
    for package in packages:
        for path in files(package):
            parts = path.relative_to(package.parent).with_suffix("").parts
            modules[".".join(part for part in parts if part != "__init__")] = path
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                named = (below & modules.keys()) or {node.module}
            else:
                continue
            graph[name] |= (named & modules.keys()) - {name}
    for module, _ in OUTPUTS.values():  # imported by name
        graph["edge_asl_device.outputs"].add(f"edge_asl_device.outputs.{module.partition(':')[0]}")
    for module in COMMANDS.values():
        graph["edge_asl_device.cli.main"].add(f"edge_asl_device.cli.{module.partition(':')[0]}")
    return graph


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def top(name: str) -> str:
    return name.partition(".")[0]


def quick_modules() -> list[str]:
    """Every module of the workstation's program that must not bring TensorFlow."""
    paths = [path for path in files(HOST) if not may_import_tensorflow(path)]
    return [module_name(path) for path in paths if path.name != "__main__.py"]


def test_no_module_but_the_training_brings_heavy_packages():
    names = quick_modules()
    assert {
        "edge_asl.cli.main",
        "edge_asl.recipes.recipe",
        "edge_asl.datasets.readers",
        "edge_asl.tflite.inspect",
    } <= set(names)

    assert not loaded_by("\n".join(f"import {name}" for name in names)) & HEAVY


def test_the_command_line_brings_not_even_numpy():
    assert not loaded_by("import edge_asl.cli.main") & (HEAVY | {"numpy", "cv2", "msgspec", "rich", "jinja2"})


def test_the_devices_command_line_brings_not_even_numpy():
    loaded = loaded_by(
        "import edge_asl_device.cli.main, edge_asl_device.cli.parser; edge_asl_device.cli.parser.parser()"
    )

    assert "edge_asl_device" in loaded
    assert not loaded & (HEAVY | {"numpy", "cv2", "msgspec", "edge_asl"})


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["recipes"], ["data", "check", "--help"]])
def test_small_commands_start_nothing_heavy(arguments: list[str]):
    command = [sys.executable, "-X", "importtime", "-m", "edge_asl", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "edge_asl.cli.main" in imported
    assert not {name for name in imported if top(name) in HEAVY | {"cv2"}}


def test_only_the_training_imports_tensorflow_at_import():
    for path in files(HOST):
        if not may_import_tensorflow(path):
            assert not {top(name) for name in imports(path, at_import=True)} & {"tensorflow", "keras"}, path


def test_the_device_never_imports_the_workstation():
    for path in files(DEVICE):
        assert not {top(name) for name in imports(path)} & {"edge_asl", "tensorflow", "keras", "torch"}, path


def test_the_contract_imports_three_packages_and_the_standard_library():
    allowed = set(sys.stdlib_module_names) | CONTRACT | {"edge_asl_device"}
    for path in files(DEVICE / "contract"):
        assert {top(name) for name in imports(path)} <= allowed, path
        for name in imports(path):
            if top(name) == "edge_asl_device":
                assert name.startswith(("edge_asl_device.contract", "edge_asl_device.errors", "edge_asl_device.files"))


def test_what_the_contract_loads_is_as_small():
    statement = "\n".join(
        f"import edge_asl_device.contract.{path.stem}" for path in files(DEVICE / "contract") if path.stem != "__init__"
    )
    packages = loaded_by(statement) - loaded_by("import numpy, cv2, msgspec")

    assert {name for name in packages if name not in sys.stdlib_module_names} == {"edge_asl_device"}


def test_no_import_goes_in_a_circle():
    graph = import_graph(HOST, DEVICE)

    assert "edge_asl_device.contract.manifest" in graph["edge_asl_device.inference.classifier"]
    assert not circle(graph)


def test_the_test_of_circles_sees_one():
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


@pytest.mark.parametrize("package", [HOST, DEVICE])
def test_at_the_top_of_a_package_lie_only_its_errors_and_what_everything_uses(package: Path):
    loose = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}

    assert loose <= {"errors.py", "files.py", "progress.py"}


def test_the_test_of_imports_sees_imports(tmp_path: Path):
    """A check that cannot fail checks nothing."""
    path = tmp_path / "sample.py"
    path.write_text(
        "import keras.layers\nfrom tensorflow import lite\ntry:\n    import cv2\nexcept ImportError:\n    pass\n"
        "def f():\n    import torch\nif TYPE_CHECKING:\n    import sklearn\n"
    )

    assert set(imports(path)) == {"keras.layers", "tensorflow", "cv2", "torch", "sklearn"}
    assert set(imports(path, at_import=True)) == {"keras.layers", "tensorflow", "cv2"}
    assert {"json", "decimal"} <= loaded_by("import decimal")
