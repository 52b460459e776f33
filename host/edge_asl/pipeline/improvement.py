"""``edge-asl build --from``: a bundle learns from pictures taken where it is used, and keeps what it knew.

Read the pictures with the bundle's own hand stage → train its float network further, while hands that it learned from
are rehearsed → take as much of the change as other people allow → quantize → compare with the old one → bundle. It
takes a minute, so no step is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_asl.errors import AccuracyError, DataError
from edge_asl.evaluation.comparison import FALL_POINTS, Improvement, compared
from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.bundle import check_bundle_path, keep_split, work_folder, write_bundle
from edge_asl.pipeline.compatibility import check_model
from edge_asl.pipeline.hand_models import violations
from edge_asl.pipeline.improved import REPORT, Improved, report_on, write_improved
from edge_asl.pipeline.sign_training import CALIBRATION, int8_answer
from edge_asl.pipeline.site import SEED, Site, Start, open_start, read_site
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Quantization
from edge_asl_device.contract.hand_features import standardised
from edge_asl_device.contract.manifest import MODEL

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.sign_network import SignNet


class ImprovementRequest(NamedTuple):
    """What the user asked for."""

    bundle: Path
    """The one to improve."""
    data: Sequence[Path]
    """Folders of pictures from the site."""
    out: Path
    version: str | None = None
    force: bool = False
    """Write the bundle whatever the comparison says."""


def improve(request: ImprovementRequest, progress: Progress) -> Improvement:
    """Train a bundle further with pictures from its site; returns what that brought.

    Raises:
        AccuracyError: it is no improvement; the bundle at ``request.out`` is then as it was.
        EdgeAslError: anything else that a user can fix; likewise.
    """
    _check(request)
    start = open_start(request.bundle)
    site = read_site(request.data, start, progress)
    net = _tuned(start, site, progress)
    work = work_folder(request.out)
    work.mkdir(parents=True, exist_ok=True)
    improved = Improved(request.out, request.version, start, site, net, _quantized(net, start, site, progress))
    write_bundle(work / "draft", improved.manifest(None), improved.contents())
    predictions = _predictions(work / "draft", net, site, progress)
    improvement = _compared(request, improved, predictions, progress)
    report_on(work, improved, improvement, predictions)
    if improvement.objection and not request.force:
        raise AccuracyError(
            f"{request.out}: not written: {improvement.objection} (see {work / REPORT}); "
            "take pictures of more people and signs, or use --force"
        )
    keep_split(work, site.split, site.dataset)
    write_improved(work, improved, improvement)
    return improvement


def _check(request: ImprovementRequest) -> None:
    check_bundle_path(request.out)
    if request.out.absolute() == request.bundle.absolute():
        raise DataError(f"{request.out}: would replace the bundle that is improved; choose another --out")


def _tuned(start: Start, site: Site, progress: Progress) -> SignNet:
    from edge_asl.training.sign_network import SignNet, build_branches
    from edge_asl.training.tuning import EPOCHS, Lesson, tune

    training, rehearsal = start.training, start.training.rehearsal
    branches = build_branches(len(start.bundle.labels))
    if [array.shape for array in training.weights] != [array.shape for array in branches.get_weights()]:
        raise DataError(f"{start.bundle.folder}: its network is another version's; build the bundle again")
    branches.set_weights(training.weights)
    rows, rehearsed = site.learned, np.flatnonzero(~rehearsal.held)
    new = Lesson(site.readings.some(rows), site.truth[rows])
    old = Lesson(rehearsal.readings.some(rehearsed), rehearsal.labels[rehearsed])
    net = SignNet(branches, start.scaling, training.temperature)
    with progress.task("sign network", EPOCHS) as advance:
        tuned = tune(net, new, old, training.settings, SEED, advance)
    return _spared(net, tuned, start, progress)


def _spared(old: SignNet, new: SignNet, start: Start, progress: Progress) -> SignNet:
    """As much of the change as the people held back allow; all of it if they allow none: then the comparison objects.

    Half of the fall that the comparison allows: chosen with the same hands, a network looks better on them than it is.
    """
    from edge_asl.training.tuning import as_far_as

    labels, rehearsal = start.bundle.labels, start.training.rehearsal
    held = np.flatnonzero(rehearsal.held)
    truth, before = rehearsal.labels[held], old.answer(rehearsal.readings, held)

    def bearable(net: SignNet) -> bool:
        return compared(labels, before, net.answer(rehearsal.readings, held), truth).points >= -FALL_POINTS / 2

    net, share = as_far_as(old, new, bearable)
    if share < 1:
        progress.say(f"  {share:.0%} of the change is taken: with more, people elsewhere are read worse")
    return net


def _quantized(net: SignNet, start: Start, site: Site, progress: Progress) -> bytes:
    """Full int8, with ranges from both kinds of hands that it was trained on."""
    from edge_asl.pipeline.quantize import quantize_sign_network

    rng, rehearsal = np.random.default_rng(SEED), start.training.rehearsal
    both = (site.readings, site.learned), (rehearsal.readings, np.flatnonzero(~rehearsal.held))
    features = [readings.features(rng.permutation(rows)[: CALIBRATION // 2]) for readings, rows in both]
    content = quantize_sign_network(net.network(), standardised(np.concatenate(features), net.scaling))
    classes = len(start.bundle.labels)
    check_model(content, lambda facts: violations(facts, classes), Quantization().runtime, progress)
    return content


def _predictions(draft: Path, net: SignNet, site: Site, progress: Progress) -> Predictions:
    """What a device says of the pictures held back, and the float network."""
    found = predict(draft, site.dataset, site.held_pictures, progress)
    row_of = {picture.path: row for row, picture in enumerate(site.dataset.pictures)}
    rows = np.array([row_of[picture.path] for picture in site.held_pictures])
    plain = np.zeros_like(found.probabilities)
    plain[site.readings.found[rows]] = net.answer(site.readings, site.held)
    return found._replace(probabilities_float=plain)


def _compared(
    request: ImprovementRequest, improved: Improved, predictions: Predictions, progress: Progress
) -> Improvement:
    start, site = improved.start, improved.site
    old = predict(request.bundle, site.dataset, site.held_pictures, progress)
    rehearsal = start.training.rehearsal
    rows = np.flatnonzero(rehearsal.held)
    models = (start.bundle.content(MODEL), improved.model)
    labels = start.bundle.labels
    before, after = (int8_answer(model, start.scaling, len(labels))(rehearsal.readings, rows) for model in models)
    return Improvement(
        site=compared(labels, old.probabilities, predictions.probabilities, predictions.truth),
        others=compared(labels, before, after, rehearsal.labels[rows]),
        evaluation=evaluate_predictions(predictions, f"{site.dataset.title}, held back"),
    )
