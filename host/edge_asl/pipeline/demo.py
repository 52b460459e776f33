"""``edge-asl demo``: everything on this machine, with drawn hands: pictures → bundle → film → text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

from edge_asl.datasets.synthetic.film import normalise, write_film
from edge_asl.datasets.synthetic.pictures import LETTERS, write_pictures
from edge_asl.errors import DataError
from edge_asl.pipeline.build import build
from edge_asl.pipeline.context import BuildRequest
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import load_recipe
from edge_asl_device.errors import EdgeAslError

PICTURES_PER_SIGN = 400
# One picture of each sign per person: new hands teach more than more pictures of the same ones.
PEOPLE = 400
SEED = 7
# Not the people of the training pictures: the film's hand is drawn from another seed.
FILM_SEED = 1234
DRAWN = (
    "The hands in these pictures are drawn. The figures show that the parts work together; they say nothing about "
    "real people."
)


class DemoResult(Struct, frozen=True):
    """What the demo showed."""

    word: str
    """What the drawn hand spelled."""
    read: str
    """What ``edge-asl-device`` made of the film."""
    accuracy: float
    """Of the int8 model on drawn people it never saw, 0 to 1."""
    bundle: str
    report: str
    film: str


def demo(folder: Path, word: str, progress: Progress) -> DemoResult:
    """Draw pictures, build a bundle, film a hand spelling ``word``, have the device program read the film.

    Whatever ``folder`` already holds is reused.

    Raises:
        DataError: a word with letters that the model does not know.
        EdgeAslError: a step failed.
    """
    text = normalise(word)
    if strange := sorted(set(text) - set(LETTERS) - {" "}):
        raise DataError(
            f"word: expected letters signed without motion ({''.join(LETTERS)}), found {', '.join(strange)}"
        )
    pictures, film, bundle = folder / "pictures", folder / f"{text.replace(' ', '_')}.mp4", folder / "models" / "demo"
    if not pictures.exists():
        signs = [*LETTERS, "nothing"]
        with progress.task("drawn pictures", len(signs) * PICTURES_PER_SIGN) as advance:
            write_pictures(pictures, signs, PICTURES_PER_SIGN, seed=SEED, people=PEOPLE, advance=advance)
    request = BuildRequest(
        [pictures], "demo", load_recipe("demo"), "none", bundle, folder / "calibration_data", warnings=(DRAWN,)
    )
    evaluation = build(request, progress)
    if not film.exists():
        with progress.task(f"film of {text}", 0) as advance:
            write_film(film, text, seed=FILM_SEED, advance=advance)
    progress.say("edge-asl-device run:")
    return DemoResult(
        text, _read(bundle, film), evaluation.accuracy, str(bundle), str(bundle / "report.html"), str(film)
    )


def _read(bundle: Path, film: Path) -> str:
    """Run the device program in a process of its own, as on a device."""
    command = [sys.executable, "-m", "edge_asl_device", "run", str(bundle), "--source", str(film)]
    command += ["--headless", "--fast", "--json"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired as error:
        raise EdgeAslError("edge-asl-device run: the film did not end within 300 s") from error
    if run.returncode != 0:
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise EdgeAslError(f"edge-asl-device run: could not read the film: {last}")
    read: str = json.loads(run.stdout.splitlines()[-1])["text"]
    return read
