"""Documentation that is executed."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_asl_device.camera import CameraState

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "generate_cli.py"

sys.path.insert(0, str(GENERATOR.parent))

import generate_cli  # noqa: E402 - scripts beside their pages, not a package
import generate_figures  # noqa: E402

DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")})


def test_the_commands_page_is_up_to_date():
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == generate_cli.render()


def test_the_check_says_in_one_line_what_to_do(tmp_path: Path):
    """In a copy of the folder, whose page is another one, then none."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "generate_cli.py").write_bytes(GENERATOR.read_bytes())
    for content, problem in (("# Commands\n", "out of date with the programs' --help"), (None, "missing")):
        (docs / "cli.md").unlink(missing_ok=True)
        if content:
            (docs / "cli.md").write_text(content)
        run = subprocess.run(
            [sys.executable, str(docs / "generate_cli.py"), "--check"], capture_output=True, text=True, check=False
        )
        assert run.returncode == 1
        assert run.stderr.count("\n") == 1
        assert run.stderr == f"docs/cli.md: {problem}; run make fix\n"
    subprocess.run([sys.executable, str(docs / "generate_cli.py")], check=True)
    assert (docs / "cli.md").read_text(encoding="utf-8") == generate_cli.render()


def test_the_page_does_not_depend_on_the_terminal():
    code = "import sys, generate_cli; sys.stdout.write(generate_cli.render())"
    for columns, colour in (("40", "1"), ("300", "0")):
        environment = {
            "COLUMNS": columns,
            "FORCE_COLOR": colour,
            "PYTHONPATH": str(GENERATOR.parent),
            "LANG": "C.UTF-8",
        }
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert run.stdout == generate_cli.render()


def test_every_command_has_a_page_with_a_description():
    commands = generate_cli.commands()
    paths = {" ".join(command.path) for command in commands}
    assert {"edge-asl build", "edge-asl data check", "edge-asl synth film", "edge-asl-device run"} <= paths
    for command in commands:
        lines = command.page.splitlines()
        assert lines[0].startswith(f"Usage: {' '.join(command.path)}")
        assert len(lines[2].strip()) > 20
        assert max(map(len, lines)) <= generate_cli.WIDTH
    for option in ("--source", "--headless", "--runtime"):
        assert any(option in command.options for command in commands if command.path[0] == "edge-asl-device")


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("edge-asl build --data x --recipe digits", []),
        ("$ .venv/bin/edge-asl build --data x --wieghts y", ["edge-asl build: no option --wieghts"]),
        ("edge-asl build --data x \\\n  --recpie digits | tee log --no-such", ["edge-asl build: no option --recpie"]),
        ("edge-asl data chekc x", ["edge-asl data: no command chekc"]),
        ("edge-asl-device run models/x --source film.mp4 --headless  # --comment", []),
        ("edge-asl-device run models/x --camera 0", ["edge-asl-device run: no option --camera"]),
        ("edge-asl-devices run --x", []),
        ("edge-asl --version", []),
    ],
)
def test_a_document_that_types_what_does_not_exist_is_found_out(line: str, problems: list[str]):
    if line.endswith("--camera 0") and any("--camera" in command.options for command in generate_cli.commands()):
        pytest.skip("there is a --camera now")
    assert generate_cli.unknown_mentions(f"Text.\n\n```sh\n{line}\n```\n\nedge-asl nonsense\n") == problems


def test_documents_type_only_what_exists():
    assert ROOT / "docs" / "cli.md" in DOCUMENTS
    for document in DOCUMENTS:
        assert generate_cli.unknown_mentions(document.read_text(encoding="utf-8")) == [], document


def test_documents_link_only_what_exists():
    """Files in the repository, and headings in them, as GitHub names these."""
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            path, _, heading = target.partition("#")
            if path.startswith(("http://", "https://")):
                continue
            file = document.parent / path if path else document
            if not file.exists() or (heading and heading not in headings(file)):
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert broken == []


def headings(page: Path) -> set[str]:
    """``## Stopping and removing`` → ``stopping-and-removing``."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_architecture_names_every_folder():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for package in ("device/edge_asl_device", "host/edge_asl"):
        table = text.partition(f"| `{package}/` |")[2].partition("\n\n")[0]
        named = set(re.findall(r"^\| `(\w+)/`", table, flags=re.MULTILINE))
        assert named == {path.parent.name for path in ROOT.glob(f"{package}/*/*.py")}


def test_operations_explains_log_lines_and_camera_states_that_exist():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("device/edge_asl_device/**/*.py"))
    lines = re.findall(r"`([^`]+)`", text.partition("| log line |")[2].partition("| camera state |")[0])
    events = {re.split(r" \w+=", line)[0] for line in lines}
    assert len(events) >= 8
    assert {event for event in events if f'"{event}"' not in sources} == set()
    table = text.partition("| camera state |")[2].partition("\n\n")[0]
    states = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    assert states == set(CameraState) - {CameraState.ENDED}


def test_the_readme_is_short_and_its_picture_small():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110
    assert (ROOT / "docs" / "page.webp").stat().st_size <= 150 * 1024


# ── The figures ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_figures_are_those_that_were_measured():
    page = generate_figures.PAGE.read_text(encoding="utf-8")
    measured = json.loads(generate_figures.FIGURES.read_text(encoding="utf-8"))
    assert generate_figures.render(page, measured) == page
    newer = copy.deepcopy(measured)
    newer["figures"][0]["result"] = "0.123 s"
    assert "| 0.123 s |" in generate_figures.render(page, newer)


def test_a_figure_that_no_table_shows_is_found_out():
    row = {"name": "heat", "result": "41 °C", "required": "", "goal": "", "script": "bench/heat.py", "machine": "a Pi"}
    with pytest.raises(ValueError, match=r"no table in docs/figures\.md shows bench/heat\.py"):
        generate_figures.render("# Figures\n", {"figures": [row], "tables": []})


def test_the_check_of_the_figures_says_in_one_line_what_to_do(tmp_path: Path):
    for name in ("docs/generate_figures.py", "docs/figures.md", "bench/figures.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    script, page = tmp_path / "docs" / "generate_figures.py", tmp_path / "docs" / "figures.md"
    page.write_text(page.read_text(encoding="utf-8").replace("| 0.05 s |", "| 0.01 s |"), encoding="utf-8")
    command = [sys.executable, str(script)]
    run = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == "docs/figures.md: out of date with bench/figures.json; run make fix\n"
    subprocess.run(command, check=True)
    assert subprocess.run([*command, "--check"], check=False).returncode == 0


def test_every_bench_script_is_in_the_figures():
    page = generate_figures.PAGE.read_text(encoding="utf-8")
    scripts = set(re.findall(r"bench/\w+\.py", " ".join(re.findall(r"<!-- figures: (.*?) -->", page))))
    helpers = {"bench/all.py", "bench/common.py"}
    assert scripts == {str(path.relative_to(ROOT)) for path in ROOT.glob("bench/*.py")} - helpers
