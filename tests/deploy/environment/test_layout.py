"""A device's environment from real wheels: fetched by the real pip, laid out, the same everywhere, and it runs."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

import edge_asl
import edge_asl_device
from edge_asl.deploy.environment.download import fill_wheelhouse
from edge_asl.deploy.environment.layout import LaidOut, device_files, environment_for
from edge_asl.deploy.environment.platforms import MACHINES, TABLE, Platform, choose
from edge_asl.deploy.environment.wheels import pick, read_pins
from edge_asl.errors import PlatformError
from edge_asl.progress import Quiet
from edge_asl.workstation.pip import environment, reason

BOOKWORM = Platform("debian", "bookworm", "aarch64", 64, "3.11", "2.36")
TRIXIE = Platform("debian", "trixie", "aarch64", 64, "3.13", "2.41")
PC = BOOKWORM._replace(machine="x86_64")
HERE = Platform(
    "this", "", platform.machine(), 64, f"3.{sys.version_info.minor}", "2.36", os.path.realpath(sys.executable)
)
IN_WHEELHOUSE = {
    "pi": choose(BOOKWORM),
    "pi-tflite": choose(BOOKWORM, "tflite"),
    "pc": choose(PC),
    "pc-tflite": choose(PC, "tflite"),
    "here": choose(HERE),
}
PI = IN_WHEELHOUSE["pi"]

# Any use of the network, or of a child process that might use it, ends the process.
NO_NETWORK = """
import os, sys
banned = {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"}
sys.addaudithook(lambda event, arguments: event in banned and os._exit(9))
"""
LAY_OUT = """
import ast, sys
from pathlib import Path
from edge_asl.deploy.environment.layout import environment_for
from edge_asl.deploy.environment.platforms import Platform, choose
where, wheelhouse, cache = sys.argv[1:]
choice = choose(Platform(*ast.literal_eval(where)))
laid_out = environment_for(choice, Path(wheelhouse) if wheelhouse else None, cache=Path(cache))
print(laid_out.folder, laid_out.digest)
"""


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels for Bookworm on a Pi and a PC, and for this machine."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    wanted = {(choice.pins, choice.machine): choice for choice in IN_WHEELHOUSE.values()}
    for choice in wanted.values():
        fill_wheelhouse(choice, folder, Quiet())
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def bookworm(wheelhouse: Path, cache: Path) -> LaidOut:
    return environment_for(PI, wheelhouse, cache=cache)


@pytest.fixture(scope="session")
def trixie(cache: Path) -> LaidOut:
    """From the network, as most users have it."""
    return environment_for(choose(TRIXIE), cache=cache)


@pytest.fixture(scope="session")
def here(wheelhouse: Path, cache: Path) -> LaidOut:
    if HERE.machine not in MACHINES:
        pytest.skip(f"no environment for {HERE.machine}")
    return environment_for(IN_WHEELHOUSE["here"], wheelhouse, cache=cache)


def copy_of(wheelhouse: Path, target: Path, without: Iterable[str] = ()) -> Path:
    """A wheelhouse of links, less the wheels whose names start with ``without``."""
    target.mkdir()
    for wheel in wheelhouse.iterdir():
        if not wheel.name.startswith(tuple(without)):
            (target / wheel.name).hardlink_to(wheel)
    return target


def damage(wheelhouse: Path, name: str) -> Path:
    """Change one byte of one wheel; its size stays."""
    wheel = next(wheelhouse.glob(f"{name}-*.whl"))
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.unlink()
    wheel.write_bytes(content)
    return wheel


def child(code: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    variables = {name: value for name, value in os.environ.items() if name not in variables} | variables
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def laid_out_in_child(where: Platform, wheelhouse: object, cache: Path, setup: str = NO_NETWORK, **variables: str):
    run = child(setup + LAY_OUT, repr(tuple(where)), wheelhouse, cache, **variables)
    assert run.returncode == 0, (run.returncode, run.stderr)
    folder, digest = run.stdout.split()
    return Path(folder), digest


@pytest.mark.parametrize("name", ["bookworm", "trixie", "here"])
def test_the_list_is_what_lies_there(name: str, request: pytest.FixtureRequest):
    laid_out: LaidOut = request.getfixturevalue(name)
    folder, manifest = laid_out.folder, laid_out.manifest

    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    assert found == {"environment.json", *manifest.files, *manifest.links}
    for path, file in manifest.files.items():
        content = (folder / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size), path
        assert (folder / path).stat().st_mode & 0o777 == file.mode, path
    assert hashlib.sha256((folder / "environment.json").read_bytes()).hexdigest() == laid_out.digest
    assert str((folder / "bin/python").readlink()) == manifest.links["bin/python"]
    assert 60e6 < manifest.size < 240e6


def test_versions_are_those_of_the_platform(bookworm: LaidOut, trixie: LaidOut):
    for laid_out, python, numpy, opencv in (
        (bookworm, "3.11", "1.26.", "4.11."),
        (trixie, "3.13", "2.", "5."),
    ):
        manifest = laid_out.manifest
        assert (manifest.python, manifest.platform, manifest.kind) == (python, "linux_aarch64", "litert")
        assert manifest.packages["numpy"].startswith(numpy)
        assert manifest.packages["opencv-python-headless"].startswith(opencv)
        assert manifest.packages["edge-asl-device"] == edge_asl_device.__version__
        assert f"lib/python{python}/site-packages/ai_edge_litert/interpreter.py" in manifest.files
        assert manifest.links == {"bin/python": "/usr/bin/python3"}


def test_every_library_is_built_for_the_device(bookworm: LaidOut, trixie: LaidOut):
    for laid_out in (bookworm, trixie):
        libraries = [path for path in laid_out.manifest.files if re.search(r"\.so(\.|$)", path)]
        assert len(libraries) > 20
        for path in libraries:
            header = (laid_out.folder / path).read_bytes()[:20]
            assert header[:5] == b"\x7fELF\x02", path
            assert int.from_bytes(header[18:20], "little") == 183, path  # EM_AARCH64


def test_what_no_kiosk_uses_stays_behind(bookworm: LaidOut):
    site = "lib/python3.11/site-packages/"
    names = {path.removeprefix(site) for path in bookworm.manifest.files}

    assert {name for name in names if "/" not in name} == {"typing_extensions.py", "pyvenv.cfg"}
    assert {name for name in names if name.startswith("bin/")} == {"bin/edge-asl-device"}
    for word in ("/tests/", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "__pycache__", ".pyi", "WebGpu"):
        assert not [name for name in names if word in name], word
    # What the licences ask for is sent.
    for package in ("numpy", "ai_edge_litert", "opencv_python_headless", "uvicorn"):
        assert [name for name in names if name.startswith(f"{package}-") and "licen" in name.lower()], package


def test_no_path_of_this_workstation_is_sent(bookworm: LaidOut, cache: Path, wheelhouse: Path):
    ours = [str(cache), str(wheelhouse), sys.prefix, str(Path(edge_asl.__file__).parents[2]), str(Path.home()) + "/"]
    for path in [*bookworm.manifest.files, "environment.json"]:
        if not re.search(r"\.so(\.|$)", path):
            content = (bookworm.folder / path).read_bytes()
            assert not [word for word in ours if word.encode() in content], path


def test_it_runs_and_finds_its_own_packages(here: LaidOut, golden_bundle: Path, tmp_path: Path):
    """Copied elsewhere, started through a link from a folder with misleading modules, and with nobody's variables."""
    environment = tmp_path / "environments" / here.digest
    shutil.copytree(here.folder, environment, symlinks=True)
    (tmp_path / "current").symlink_to(environment)
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    clean = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}

    def answer(*command: object) -> str:
        run = subprocess.run(
            [tmp_path / "current" / "bin" / command[0], *map(str, command[1:])],
            env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return run.stdout

    said = answer("edge-asl-device", "doctor", golden_bundle)
    assert re.search(r"^runtime litert +2\.\S+ loads, runs the bundle in ", said, re.MULTILINE), said
    assert answer("edge-asl-device", "--version").split() == ["edge-asl-device", edge_asl_device.__version__]
    statement = "import numpy, cv2, msgspec, starlette, uvicorn, prometheus_client, numpy.testing, sys; "
    modules = "[numpy, cv2, msgspec, starlette, uvicorn, prometheus_client]"
    paths = answer("python", "-P", "-c", f"{statement}print(*[m.__file__ for m in {modules}], sep='\\n')").split()
    assert len(paths) == 6
    assert all(Path(path).resolve().is_relative_to(environment) for path in paths), paths


def test_tflite_runs_too(wheelhouse: Path, cache: Path, golden_bundle: Path):
    if (HERE.machine, HERE.python) != ("x86_64", "3.11"):
        pytest.skip("tflite-runtime's last wheels are for Python 3.11")
    laid_out = environment_for(choose(HERE, "tflite"), wheelhouse, cache=cache)

    command = [laid_out.folder / "bin" / "edge-asl-device", "doctor", golden_bundle]
    clean = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60, check=False)
    assert re.search(r"^runtime tflite +2\.14\.0 loads, runs the bundle", run.stdout, re.MULTILINE), run.stderr


@pytest.mark.parametrize("name", IN_WHEELHOUSE)
def test_the_table_knows_the_glibc_that_the_libraries_ask_for(name: str, wheelhouse: Path):
    """Of what is sent: pip goes by the wheels' names, the loader by the symbols."""
    choice = IN_WHEELHOUSE[name]
    row = next(row for row in TABLE if row.pins == choice.pins)

    asked = set()
    for wheel in pick(choice, read_pins(choice.pins_text()), wheelhouse):
        with zipfile.ZipFile(wheel) as file:
            for entry in file.namelist():
                if ".so" in entry:
                    asked |= {int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)\0", file.read(entry))}
    assert (2, max(asked)) == row.glibc[choice.machine]


def test_another_workstation_gives_the_same_environment(bookworm: LaidOut, wheelhouse: Path, tmp_path: Path):
    """Other user, umask, time zone, hash seed, cache and copy of the program; without any network."""
    program = tmp_path / "elsewhere" / "edge_asl_device"
    shutil.copytree(Path(edge_asl_device.__file__).parent, program, ignore=shutil.ignore_patterns("__pycache__"))
    (program / "__pycache__").mkdir()
    (program / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    (program / ".main.py.swp").write_bytes(b"x")

    folder, digest = laid_out_in_child(
        BOOKWORM, wheelhouse, tmp_path / "cache", "import os; os.umask(0o077)" + NO_NETWORK,
        HOME=str(tmp_path), USER="somebody", TZ="Pacific/Auckland", LC_ALL="C", PYTHONHASHSEED="7",
        PYTHONPATH=f"{program.parent}",
    )  # fmt: skip

    assert digest == bookworm.digest
    assert (folder / "environment.json").read_bytes() == (bookworm.folder / "environment.json").read_bytes()
    assert (folder / "bin/edge-asl-device").stat().st_mode & 0o777 == 0o755


def test_another_version_of_the_program_needs_neither_wheels_nor_network(
    bookworm: LaidOut, cache: Path, tmp_path: Path
):
    shutil.copytree(Path(edge_asl_device.__file__).parent, tmp_path / "edge_asl_device")
    (tmp_path / "edge_asl_device" / "new.py").write_text("NEW = 1\n")

    folder, digest = laid_out_in_child(BOOKWORM, "", cache, PYTHONPATH=str(tmp_path))

    assert digest != bookworm.digest
    site = "lib/python3.11/site-packages"
    assert (folder / site / "edge_asl_device/new.py").read_text() == "NEW = 1\n"
    # The packages are on the disk once.
    large = f"{site}/ai_edge_litert/libLiteRt.so"
    assert (folder / large).samefile(bookworm.folder / large)


def test_the_second_time_nothing_is_fetched(bookworm: LaidOut, cache: Path):
    assert laid_out_in_child(BOOKWORM, "", cache) == (bookworm.folder, bookworm.digest)


def test_the_ban_on_the_network_bites(tmp_path: Path):
    run = child(NO_NETWORK + LAY_OUT, repr(tuple(BOOKWORM)), "", tmp_path)
    assert run.returncode == 9, run.stderr


def test_a_spoilt_cache_is_made_anew(wheelhouse: Path, tmp_path: Path, bookworm: LaidOut):
    first = environment_for(PI, wheelhouse, cache=tmp_path)
    library = first.folder / "lib/python3.11/site-packages/cv2/__init__.py"
    library.unlink()  # in the environment: made again from its packages
    assert environment_for(PI, tmp_path / "none", cache=tmp_path) == first
    library.write_bytes(b"")  # in both, which share it: a full disk
    again = environment_for(PI, wheelhouse, cache=tmp_path)

    assert again.digest == first.digest == bookworm.digest
    assert hashlib.sha256(library.read_bytes()).hexdigest() == first.manifest.files[
        "lib/python3.11/site-packages/cv2/__init__.py"
    ].sha256  # fmt: skip
    assert [path.name for path in tmp_path.glob("*/.*")] == []


def test_what_nobody_used_for_a_month_goes(wheelhouse: Path, tmp_path: Path):
    for name, days in (("old", 31), ("young", 29)):
        (tmp_path / "environments" / name).mkdir(parents=True)
        (tmp_path / "environments" / name / "file").touch()
        stamp = (tmp_path / "environments" / name).stat().st_mtime - days * 86_400
        os.utime(tmp_path / "environments" / name, (stamp, stamp))

    laid_out = environment_for(PI, wheelhouse, cache=tmp_path)

    assert {path.name for path in (tmp_path / "environments").iterdir()} == {"young", laid_out.folder.name}


def test_a_wheelhouse_names_all_that_it_lacks(wheelhouse: Path, tmp_path: Path):
    folder = copy_of(wheelhouse, tmp_path / "wheels", without=("numpy", "h11"))

    with pytest.raises(PlatformError, match=r"of h11==\S+, numpy==1\.26\.4; download them on a machine") as caught:
        environment_for(PI, folder, cache=tmp_path / "cache")
    assert str(caught.value).startswith(f"{folder}: no wheels for Python 3.11 on linux_aarch64")


def test_wheels_of_another_platform_are_not_taken(wheelhouse: Path, tmp_path: Path):
    with pytest.raises(PlatformError, match=r"of ai-edge-litert==.*, msgspec==.*, numpy==.*, opencv") as caught:
        environment_for(choose(TRIXIE), wheelhouse, cache=tmp_path)
    assert "starlette" not in str(caught.value)  # pure Python serves everywhere


def test_a_damaged_wheel_is_refused(wheelhouse: Path, tmp_path: Path):
    folder = copy_of(wheelhouse, tmp_path / "wheels")
    wheel = damage(folder, "h11")

    with pytest.raises(
        PlatformError, match=r"expected one of the sha256 that are pinned for h11==.*delete it"
    ) as caught:
        environment_for(PI, folder, cache=tmp_path / "cache")
    assert str(wheel) in str(caught.value)
    assert not list(tmp_path.glob("cache/*/*"))


def test_a_file_that_is_no_wheel_is_named(wheelhouse: Path, tmp_path: Path):
    folder = copy_of(wheelhouse, tmp_path / "wheels")
    (folder / "notes.txt").touch()
    assert len(pick(PI, read_pins(PI.pins_text()), folder)) == 12

    (folder / "numpy.whl").touch()
    with pytest.raises(PlatformError, match=r"numpy\.whl: not a wheel's name"):
        pick(PI, read_pins(PI.pins_text()), folder)


FILL = """
import sys
from pathlib import Path
from edge_asl.deploy.environment.download import fill_wheelhouse
from edge_asl.deploy.environment.platforms import Platform, choose
from edge_asl.errors import PlatformError
from edge_asl.progress import Quiet
choice = choose(Platform("debian", "bookworm", "aarch64", 64, "3.11", "2.36"))
try:
    print(len(fill_wheelhouse(choice, Path(sys.argv[1]), Quiet())))
except PlatformError as error:
    print(error)
"""


def test_the_users_index_is_asked_and_nothing_else_of_the_settings_counts(wheelhouse: Path, tmp_path: Path):
    settings = tmp_path / "pip.conf"
    (tmp_path / "constraints.txt").write_text("numpy==2.0.0\n")
    settings.write_text(
        f"[global]\nno-index = true\nconstraint = {tmp_path / 'constraints.txt'}\nno-binary = :all:\n"
        f"require-virtualenv = true\n[install]\ntarget = {tmp_path / 'target'}\n"
        f"[download]\nfind-links =\n    {tmp_path / 'empty'}\n    {wheelhouse}\n"
    )
    (tmp_path / "empty").mkdir()
    variables = {"PIP_CONFIG_FILE": str(settings), "PIP_DEST": str(tmp_path / "dest"), "PIP_PLATFORM": "win32"}

    run = child(FILL, tmp_path / "filled", **variables, PIP_FIND_LINKS="")

    assert run.stdout.strip() == "12", run.stdout + run.stderr
    assert len(list((tmp_path / "filled").iterdir())) == 12
    assert not (tmp_path / "dest").exists()


def test_an_index_that_has_another_package_is_found_out(wheelhouse: Path, tmp_path: Path):
    folder = copy_of(wheelhouse, tmp_path / "wheels")
    damage(folder, "h11")

    run = child(FILL, tmp_path / "filled", PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(folder))

    assert run.stdout.startswith(
        "pip could not get wheels for Python 3.11 on linux_aarch64: the index has another h11"
    ), run
    assert run.stdout.count("\n") == 1


def test_without_internet_one_line_says_what_to_do(tmp_path: Path):
    refuses = "http://somebody:secret@localhost:9/"
    run = child(
        FILL, tmp_path, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=refuses, PIP_RETRIES="1", PIP_FIND_LINKS="",
        PIP_EXTRA_INDEX_URL="", PIP_NO_CACHE_DIR="1",
    )  # fmt: skip

    assert run.stdout.startswith("pip could not get wheels for Python 3.11 on linux_aarch64: no connection")
    assert run.stdout.endswith("on a workstation without internet: --wheelhouse DIR\n")
    assert run.stdout.count("\n") == 1
    assert "secret" not in run.stdout + run.stderr


def test_of_pips_settings_the_last_section_wins():
    listing = (
        ":env:.index-url='third'\nglobal.index-url='first'\nglobal.no-deps='true'\n"
        "download.index-url='second'\ninstall.find-links='/no'\nglobal.extra-index-url='\\na\\nb'\n"
    )

    variables = environment(listing, {"PATH": "/bin", "PIP_TARGET": "/elsewhere"})

    assert variables == {
        "PATH": "/bin", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1", "PIP_RETRIES": "2",
        "PIP_INDEX_URL": "third", "PIP_EXTRA_INDEX_URL": "a b",
    }  # fmt: skip


def test_passwords_stay_out_of_reasons():
    said = "WARNING: x\nERROR: 401 Client Error for url: https://me:secret@index.example/simple/h11/\n"

    assert reason(said) == "401 Client Error for url: https://…@index.example/simple/h11/"
    assert reason("") == "it gave no reason"
    assert reason("/usr/bin/python3: No module named pip\n") == "/usr/bin/python3: No module named pip"


def test_the_programs_files_are_those_of_the_package():
    files = device_files()

    package = Path(edge_asl_device.__file__).parent
    for name in (
        "edge_asl_device/cli/main.py",
        "edge_asl_device/web/static/index.html",
        "edge_asl_device/text/words.txt",
    ):
        assert files[name] == (package.parent / name).read_bytes()
    assert not [name for name in files if "__pycache__" in name or name.endswith(".pyc")]
    metadata = files[f"edge_asl_device-{edge_asl_device.__version__}.dist-info/METADATA"].decode()
    assert f"Name: edge-asl-device\nVersion: {edge_asl_device.__version__}\n" in metadata


def test_no_room_is_one_line(wheelhouse: Path, tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(
        PlatformError, match=r"cannot store an environment: Not a directory; free some space or set XDG"
    ):
        environment_for(PI, wheelhouse, cache=tmp_path / "file" / "below")
