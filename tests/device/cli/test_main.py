"""The program on the device, on a real bundle: answers, their JSON, and what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_asl_device import __version__
from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.picamera import INSTALL
from edge_asl_device.cli import doctor
from edge_asl_device.cli.doctor import examine
from edge_asl_device.cli.main import main
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MODEL
from edge_asl_device.contract.pictures import SUFFIXES
from edge_asl_device.inference.engine import RUNTIMES, Runtime
from edge_asl_device.inference.probe import probe

DATA = Path(__file__).parents[2] / "data"
PICTURES = DATA / "pictures"
FILM = DATA / "BALLY.mp4"
SIGNS = ["A", "B", "L", "Y", "nothing"]
INSTALLED = [name for name, runtime in RUNTIMES.items() if importlib.util.find_spec(runtime.module.partition(".")[0])]

# Of the packages that the program needs these, and no runtime.
NEEDED = ("numpy", "numpy.libs", "cv2", "opencv_python_headless.libs", "msgspec", "edge_asl_device")


def run(*arguments: object, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own; with ``site`` that folder is all there is to import from."""
    options = ["-S"] if site else []
    environment = os.environ | ({"PYTHONPATH": str(site)} if site else {})
    command = [sys.executable, *options, "-m", "edge_asl_device", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def errors(text: str) -> list[str]:
    """The program's own lines; runtimes write to stderr, too."""
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("edge-asl-device: ")]


@pytest.fixture
def bare_site(tmp_path: Path) -> Path:
    """A folder of links to everything that the program needs but a runtime."""
    site = tmp_path / "site"
    site.mkdir()
    for name in NEEDED:
        spec = importlib.util.find_spec(name) if "." not in name else None
        if spec and spec.origin:
            (site / name).symlink_to(Path(spec.origin).parent)
        elif name.endswith(".libs"):
            numpy = importlib.util.find_spec("numpy")
            assert numpy is not None
            assert numpy.origin is not None
            if (libraries := Path(numpy.origin).parents[1] / name).is_dir():
                (site / name).symlink_to(libraries)
    return site


def fake_runtime(site: Path, code: str) -> None:
    """A package of the first runtime's name that pip would call installed and that does ``code`` on import."""
    package = site / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text(code)
    about = site / "ai_edge_litert-9.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ai-edge-litert\nVersion: 9.9\n")


# classify


def test_classify_names_the_signs(golden_bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["classify", str(golden_bundle), str(PICTURES)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[str(PICTURES / f"{sign}.jpg"), sign] for sign in SIGNS]
    assert all(line.endswith(" ms") for line in lines)


def test_classify_in_json(golden_bundle: Path, capsys: pytest.CaptureFixture[str]):
    pictures = [str(PICTURES / f"{sign}.jpg") for sign in ("Y", "A")]
    assert main(["classify", str(golden_bundle), *pictures, "--top", "3", "--json"]) == 0

    found = objects(capsys.readouterr().out)
    assert [line["file"] for line in found] == pictures
    for line, sign in zip(found, ("Y", "A"), strict=True):
        assert set(line) == {"file", "predictions", "milliseconds"}
        assert line["milliseconds"] > 0
        assert line["predictions"][0]["label"] == sign
        probabilities = [prediction["probability"] for prediction in line["predictions"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert len(probabilities) == 3
        assert all((256 * probability).is_integer() for probability in probabilities)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_classify_with_each_runtime(golden_bundle: Path, runtime: str):
    done = run("classify", golden_bundle, PICTURES, "--json", "--runtime", runtime)

    assert done.returncode == 0, done.stderr
    assert [line["predictions"][0]["label"] for line in objects(done.stdout)] == SIGNS


def test_one_bad_picture_does_not_stop_the_others(
    golden_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "pictures"
    shutil.copytree(PICTURES, folder)
    whole = (folder / "B.jpg").read_bytes()
    (folder / "B.jpg").write_bytes(whole[:20])
    (folder / "empty.jpg").touch()

    assert main(["classify", str(golden_bundle), str(folder), "--json"]) == 1

    told = capsys.readouterr()
    assert [Path(line["file"]).stem for line in objects(told.out)] == ["A", "L", "Y", "nothing"]
    assert errors(told.err) == [
        f"edge-asl-device: {folder}/B.jpg: a JPEG that is cut short, damaged or of a rare kind: no decoder accepts its "
        "20 bytes; copy it again from the original, or remove it",
        f"edge-asl-device: {folder}/empty.jpg: not a picture: the file is empty; remove it",
    ]


NO_PICTURE = "not a picture: no decoder accepts its 4 bytes; remove it"
NO_SOURCE = (
    "no such source; use auto, picamera2[:N], v4l2[:/dev/videoN], rehearsal:FOLDER, a video file or a folder of "
    "pictures"
)
NO_BUNDLE = (
    "not a bundle: manifest.json cannot be read (No such file or directory); name the folder that edge-asl build wrote"
)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("classify BUNDLE TMP/none.jpg", "TMP/none.jpg: no such picture or folder"),
        (
            "classify BUNDLE TMP/a.png",
            "TMP/a.png: not a picture: no decoder accepts its 4 bytes; remove it",
        ),
        ("classify BUNDLE TMP/empty", f"TMP/empty: no pictures in this folder ({', '.join(sorted(SUFFIXES))})"),
        ("classify TMP/none PICTURE", f"TMP/none: {NO_BUNDLE}"),
        ("bench TMP/empty", f"TMP/empty: {NO_BUNDLE}"),
        ("run BUNDLE --headless --source TMP/none.mp4", f"TMP/none.mp4: {NO_SOURCE}"),
        (
            "run BUNDLE --headless --source TMP/empty",
            f"TMP/empty: no pictures in this folder ({', '.join(sorted(SUFFIXES))})",
        ),
        ("run --headless", "no bundle given; name the folder that edge-asl build wrote"),
        ("run BUNDLE --headless --max-fps 5", "--max-fps has no effect with --headless; leave one out"),
        ("recover --root TMP/none --mode plain", "TMP/none: nothing is installed here"),
        ("recover --root TMP/a.png --mode plain", "TMP/a.png: nothing is installed here"),
        (
            "run BUNDLE --headless --source TMP/a.mp4",
            "TMP/a.mp4: not a video file that OpenCV can read; copy it again, or convert it to MP4",
        ),
    ],
)
def test_one_line_says_what_is_wrong(
    golden_bundle: Path, tmp_path: Path, command: str, said: str, capfd: pytest.CaptureFixture[str]
):
    for name in ("a.png", "a.mp4"):
        (tmp_path / name).write_text("text")
    (tmp_path / "empty").mkdir()
    for word, place in {"TMP": tmp_path, "BUNDLE": golden_bundle, "PICTURE": PICTURES / "A.jpg"}.items():
        command = command.replace(word, str(place))

    assert main(command.split()) == 1

    told = capfd.readouterr()
    assert errors(told.err) == [f"edge-asl-device: {said.replace('TMP', str(tmp_path))}"]
    assert told.out == ""


def test_pictures_that_cannot_be_read_end_it(golden_bundle: Path, tmp_path: Path):
    (tmp_path / "0.jpg").write_bytes(b"no picture")
    done = run("run", golden_bundle, "--headless", "--source", tmp_path)

    assert done.returncode == 1
    assert f"{tmp_path}/0.jpg: not a picture" in errors(done.stderr)[-1]


def test_a_changed_model_is_refused(golden_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bundle = tmp_path / "bundle"
    shutil.copytree(golden_bundle, bundle)
    data = bytearray((bundle / MODEL).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / MODEL).write_bytes(data)

    assert main(["classify", str(bundle), str(PICTURES)]) == 1
    assert errors(capsys.readouterr().err)[0].startswith(f"edge-asl-device: {bundle}/model.tflite: expected sha256 ")


# runtimes that are not there, do not load, die or hang


def test_without_a_runtime_one_line_says_how_to_get_one(golden_bundle: Path, bare_site: Path):
    done = run("classify", golden_bundle, PICTURES, site=bare_site)

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(errors(done.stderr)) == len(done.stderr.splitlines()) == 1
    assert "no TensorFlow Lite runtime can be loaded (ai-edge-litert: No module named " in done.stderr
    assert done.stderr.rstrip().endswith("install one: pip install 'edge-asl-device[litert]'")
    named = run("classify", golden_bundle, PICTURES, "--runtime", "tflite", site=bare_site)
    assert named.stderr.rstrip().endswith("install one: pip install 'edge-asl-device[tflite]'")


def test_the_doctor_says_so_too(golden_bundle: Path, bare_site: Path):
    done = run("doctor", golden_bundle, "--json", site=bare_site)

    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    for name, facts in report["runtimes"].items():
        reason = f"not installed; pip install 'edge-asl-device[{name}]'"
        assert facts == {"ok": False, "installed": False, "reason": reason}
    assert "not ready" in run("doctor", golden_bundle, site=bare_site).stdout


@pytest.mark.parametrize("code", ["raise ImportError('libfoo.so.1: cannot open\\nmore')", "import _none_such", "x = 1"])
def test_a_runtime_that_does_not_load_is_one_line(golden_bundle: Path, bare_site: Path, code: str):
    fake_runtime(bare_site, code)

    done = run("classify", golden_bundle, PICTURES, site=bare_site)

    assert done.returncode == 1
    assert len(errors(done.stderr)) == len(done.stderr.splitlines()) == 1
    assert "can be loaded (ai-edge-litert: " in done.stderr


def test_a_runtime_that_crashes_does_not_take_the_doctor_with_it(
    golden_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fake_runtime(tmp_path, "import os; os.kill(os.getpid(), 11)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))

    done = run("doctor", golden_bundle, "--json")

    facts = json.loads(done.stdout)["runtimes"]["litert"]
    assert facts == {"installed": True, "ok": False, "reason": "crashed with signal 11"}


def test_a_runtime_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake_runtime(tmp_path, "import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))

    assert probe(None, "litert", timeout_s=1.5) == {"ok": False, "reason": "no answer within 1.5 s"}


# doctor


def test_the_doctor_runs_the_bundle_with_every_runtime(golden_bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", str(golden_bundle), "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert {"machine", "system", "processors", "python", "glibc", "packages", "runtimes", "bundle"} < set(report)
    assert report["packages"]["edge-asl-device"] == __version__
    assert report["bundle"] == {
        "path": str(golden_bundle),
        "name": "hands",
        "digest": read_bundle(golden_bundle).digest,
        "models": "sign (1.14.0 or later)",
    }
    assert [name for name, facts in report["runtimes"].items() if facts["ok"]] == INSTALLED
    for name in INSTALLED:
        assert report["runtimes"][name]["milliseconds"] > 0


def test_the_doctor_in_words(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("ready"), "with or without a camera and a voice"
    for name in INSTALLED:
        assert any(line.startswith(f"runtime {name}") and line.endswith("loads") for line in lines)


def test_the_doctor_names_what_is_wrong_with_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", str(tmp_path), "--json"]) == 1

    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["bundle"]["problem"].startswith(f"{tmp_path}: not a bundle: manifest.json cannot be read (No such")


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kiosk's folder, in an environment of which this program seems to run."""
    environment = tmp_path / "environments" / "0"
    environment.mkdir(parents=True)
    (environment / "environment.json").touch()
    (tmp_path / "mode").write_text("plain\n")
    monkeypatch.setattr(sys, "prefix", str(environment))
    return tmp_path


def test_on_a_deployed_kiosk_the_doctor_advises_what_is_done_there(deployed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "RUNTIMES", RUNTIMES | {"none": Runtime("none", "none-such", "pip install none")})
    # Whatever this machine has.
    monkeypatch.setattr("edge_asl_device.camera.auto.find", _no_picamera2)
    report = examine(None)

    assert "pip" not in str(report["runtimes"])
    assert report["runtimes"]["none"]["reason"] == "not installed; edge-asl deploy --runtime none"
    assert report["camera"]["reason"] == "none; sudo apt install python3-picamera2 --no-install-recommends"


def _no_picamera2() -> str:
    raise CameraError(CameraState.MISSING, f"none; {INSTALL}")


def test_a_kiosk_that_reads_a_film_lacks_no_camera(deployed: Path):
    (deployed / "kiosk.env").write_text(f"EDGE_ASL_OPTIONS=--source {FILM} --loop\n")

    assert examine(None)["camera"] == {"found": f"none is asked for: --source {FILM}"}


def test_the_doctor_says_what_the_kiosk_s_language_has(deployed: Path):
    assert "suggestions and corrected reading are on" in examine(None)["language"]["en"]
    (deployed / "kiosk.env").write_text("EDGE_ASL_OPTIONS=--language de\n")

    report = examine(None)
    line = "voice de; word suggestions and corrected reading are on"
    assert report["language"] == {"de": line}
    assert f"language de             {line}" in doctor.format_report(report).splitlines()


# bench


def test_bench_in_json(golden_bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["bench", str(golden_bundle), "--runs", "20", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert {"runtime", "frame", "input", "runs", "raw_invoke_ms", "whole_path_ms", "ratio"} <= set(found)
    assert (found["runtime"], found["frame"], found["input"], found["runs"]) == (INSTALLED[0], "640x480", "64x64", 20)
    for name in ("raw_invoke_ms", "whole_path_ms"):
        assert 0 < found[name]["median"] <= found[name]["p95"]
    ratio = found["whole_path_ms"]["median"] / found["raw_invoke_ms"]["median"]
    assert found["ratio"] == pytest.approx(ratio, rel=0.02)


def test_bench_in_words(golden_bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["bench", str(golden_bundle), "--runs", "1"]) == 0

    first, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{INSTALLED[0]}, frame 640x480, input 64x64, 1 runs")
    names = [row[:18].strip() for row in rows[1:]]
    assert names == ["locate", "preprocess", "invoke", "decode", "bare inference", "whole path", "ratio"]


def test_bench_times_every_stage_of_a_bundle_that_reads_hands(hand_bundle: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["bench", str(hand_bundle), "--runs", "5", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["frame"], found["input"], found["runs"]) == ("320x320", "hand", 5)
    assert list(found["stages_ms"]) == ["palms", "landmarks", "features", "sign", "decode"]
    assert all(numbers["median"] > 0 for numbers in found["stages_ms"].values())
    assert found["searched_ms"]["median"] > 0
    ratio = found["whole_path_ms"]["median"] / found["raw_invoke_ms"]["median"]
    assert found["ratio"] == pytest.approx(ratio, rel=0.02)

    assert main(["bench", str(hand_bundle), "--runs", "1"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row[:18].strip() for row in rows] == [
        "palms", "landmarks", "features", "sign", "decode",
        "bare inference", "a frame searched", "a frame followed", "ratio",
    ]  # fmt: skip


def test_bench_needs_a_hand(hand_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bundle = shutil.copytree(hand_bundle, tmp_path / "bundle")
    (bundle / "check.json").unlink()
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["files"]["check.json"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    assert main(["bench", str(bundle)]) == 1
    assert capsys.readouterr().err.endswith("has no check.json, whose hand is measured; build the bundle again\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bench BUNDLE --runs 0", "argument --runs: expected a whole number of 1 or more, found '0'"),
        ("bench BUNDLE --runs -5", "argument --runs: expected a whole number of 1 or more, found '-5'"),
        ("bench BUNDLE --threads 1.5", "argument --threads: expected a whole number of 1 or more, found '1.5'"),
        ("classify BUNDLE PICTURE --top many", "argument --top: expected a whole number of 1 or more, found 'many'"),
        ("classify BUNDLE PICTURE --runtime onnx", "argument --runtime: invalid choice: 'onnx'"),
        ("classify BUNDLE", "the following arguments are required: pictures"),
        ("run BUNDLE --max-fps 0", "argument --max-fps: expected a number from 1 to 1000000, found '0'"),
        ("run BUNDLE --clear-after nan", "argument --clear-after: expected a number from 0 to 1000000, found 'nan'"),
        ("run BUNDLE --port 99999", "argument --port: expected a port from 0 to 65535, found '99999'"),
        ("run BUNDLE --output foo:x", "argument --output: expected voice or lines, found 'foo'"),
        ("run BUNDLE --decoder hold_s", "argument --decoder: expected NAME=VALUE such as hold_s=0.5, found 'hold_s'"),
        ("run BUNDLE --zoom 0.5", "argument --zoom: expected a number from 1 to 8, found '0.5'"),
        ("run BUNDLE --square 10,10", "argument --square: expected X,Y,SIDE in per cent, such as 30,10,60"),
        ("run BUNDLE --square 99,0,50", "argument --square: expected X,Y,SIDE in per cent, such as 30,10,60"),
        ("run BUNDLE --square a,0,50", "argument --square: expected a number from 0 to 100, found 'a'"),
        ("run BUNDLE --square 0,0,50 --zoom 2", "argument --zoom: not allowed with argument --square"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_options_that_cannot_be_are_refused_with_status_2(
    golden_bundle: Path, command: str, said: str, capsys: pytest.CaptureFixture[str]
):
    for word, place in {"BUNDLE": golden_bundle, "PICTURE": PICTURES / "A.jpg"}.items():
        command = command.replace(word, str(place))

    with pytest.raises(SystemExit) as caught:
        main(command.split())

    assert caught.value.code == 2
    told = capsys.readouterr()
    assert f"error: {said}" in told.err
    assert told.out == ""


# run


def test_run_reads_the_film(golden_bundle: Path):
    twice = ("--output", "lines", "--output", "lines")  # named twice, each line is printed once
    done = run("run", golden_bundle, "--source", FILM, "--headless", "--fast", *twice)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "text: BALLY"
    assert [line.split()[2] for line in lines[:-1]] == list("BALLY")


def test_run_in_json(golden_bundle: Path):
    done = run("run", golden_bundle, "--source", FILM, "--headless", "--fast", "--json")

    *letters, last = objects(done.stdout)
    assert last == {"text": "BALLY"}
    assert [letter["label"] for letter in letters] == list("BALLY")
    assert [letter["text"].strip() for letter in letters] == ["B", "BA", "BAL", "BALL", "BALLY"]
    assert all(set(letter) == {"time_s", "label", "probability", "text"} for letter in letters)
    times = [letter["time_s"] for letter in letters]
    assert times == sorted(times)


def test_run_reads_the_newest_frames_in_the_films_own_time(golden_bundle: Path):
    """As at a kiosk, through the capture process."""
    done = run("run", golden_bundle, "--source", FILM, "--headless", "--json")

    *letters, last = objects(done.stdout)
    assert last == {"text": "BALLY"}
    assert letters[-1]["time_s"] - letters[0]["time_s"] > 3, "four letters at one a second"


def test_run_reads_a_folder_of_pictures(golden_bundle: Path):
    done = run("run", golden_bundle, "--source", PICTURES, "--headless", "--fast", "--json")

    assert objects(done.stdout)[-1] == {"text": "ABLY"}


def test_run_with_a_longer_hold_reads_less(golden_bundle: Path):
    done = run("run", golden_bundle, "--source", FILM, "--headless", "--fast", "--json", "--decoder", "hold_s=3")

    assert objects(done.stdout) == [{"text": ""}]


def test_a_reader_that_leaves_is_no_crash(golden_bundle: Path):
    """``edge-asl-device classify … | head -1``."""
    command = [sys.executable, "-m", "edge_asl_device", "classify", str(golden_bundle), *[str(PICTURES)] * 400]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        told = running.stderr.read()
        assert running.wait(timeout=60) == 1

    assert errors(told) == []
    assert "BrokenPipeError" not in told


def test_help_and_version(capsys: pytest.CaptureFixture[str]):
    for arguments, wanted in ((["--version"], f"edge-asl-device {__version__}\n"), (["classify", "--help"], "usage: ")):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(wanted)


def test_a_picture_is_no_film(golden_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = golden_bundle.parent / "pictures" / "A.jpg"
    assert main(["run", str(golden_bundle), "--source", str(picture), "--headless"]) == 1
    assert capsys.readouterr().err == (
        f"edge-asl-device: {picture}: a picture, not a video file; use edge-asl-device classify\n"
    )


def test_doctor_names_the_models_of_a_bundle_and_runs_them(hand_bundle: Path, capsys: pytest.CaptureFixture[str]):
    main(["doctor", str(hand_bundle), "--json"])

    found = json.loads(capsys.readouterr().out)
    assert found["bundle"]["models"] == "palms (1.14.0 or later), landmarks (1.14.0 or later), sign (1.14.0 or later)"
    assert all(found["runtimes"][name]["ok"] for name in INSTALLED), found["runtimes"]


def test_closed_standard_streams_are_no_fault(golden_bundle: Path, tmp_path: Path):
    """Whoever starts it may have closed them: it works on, and no file that it opens gets their numbers."""
    code = (
        "import os, sys\n"
        "from edge_asl_device.cli.main import main\n"
        "status = main(sys.argv[2:])\n"
        "links = [os.readlink(f'/proc/self/fd/{number}') for number in range(3)]\n"
        "open(sys.argv[1], 'w').write(f'{status} {set(links)}')\n"
    )
    said = tmp_path / "said"
    command = [
        sys.executable,
        "-c",
        code,
        str(said),
        "run",
        str(golden_bundle),
        "--source",
        str(FILM),
        "--headless",
        "--fast",
    ]
    script = 'exec "$@" <&- >&- 2>&-'
    subprocess.run(["sh", "-c", script, "sh", *command], timeout=120, check=True)
    assert said.read_text() == "0 {'/dev/null'}"
