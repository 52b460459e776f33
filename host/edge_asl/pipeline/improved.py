"""Writing what came of an improvement: its report, the bundle, the training file for a further one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from edge_asl.datasets.public_data import public_data_of
from edge_asl.evaluation.comparison import Improvement
from edge_asl.evaluation.metrics import Predictions, to_manifest_metrics
from edge_asl.evaluation.predictions import hands_seen, most_confident_mistakes
from edge_asl.evaluation.report import write_metrics, write_report
from edge_asl.pipeline.bundle import git_commit, package_versions, version_of, write_bundle
from edge_asl.pipeline.hand_models import NOTICE
from edge_asl.pipeline.known_answer import make_known_answer
from edge_asl.pipeline.rehearsal import extended
from edge_asl.pipeline.site import SEED, Site, Start
from edge_asl.tflite.facts import facts_of
from edge_asl.tflite.manifest_model import manifest_model
from edge_asl.training.training_file import encode_training_file, training_path
from edge_asl_device.contract.known_answer import KNOWN_ANSWER
from edge_asl_device.contract.manifest import (
    MODEL,
    SCALING,
    SIGN,
    HandManifest,
    Metrics,
    Origin,
    Provenance,
    PublicData,
)
from edge_asl_device.files import sha256_of, write_atomically

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.sign_network import SignNet

METRICS, REPORT = "metrics.json", "report.html"


class Improved(NamedTuple):
    """An improved network, and what it came from."""

    out: Path
    version: str | None
    start: Start
    site: Site
    net: SignNet
    model: bytes
    """The same, full int8."""

    def contents(self) -> dict[str, bytes]:
        """The files of the bundle that make it run."""
        bundle = self.start.bundle
        kept = {model.file for name, model in bundle.models.items() if name != SIGN}
        kept |= {SCALING, NOTICE} & bundle.manifest.files.keys()
        return {name: bundle.content(name) for name in sorted(kept)} | {MODEL: self.model}

    def manifest(self, metrics: Metrics | None) -> HandManifest:
        """The manifest but for the list of files."""
        old, created = self.start.manifest, datetime.now(UTC).replace(microsecond=0)
        return msgspec.structs.replace(
            old,
            name=self.out.name,
            version=self.version or version_of(created),
            created=created.isoformat().replace("+00:00", "Z"),
            files={},
            models=old.models | {SIGN: manifest_model(SIGN, MODEL, facts_of(self.model, MODEL))},
            metrics=metrics,
            provenance=self._provenance(old),
        )

    def _provenance(self, old: HandManifest) -> Provenance:
        return msgspec.structs.replace(
            old.provenance,
            seed=SEED,
            data_digest=self.site.dataset.digest,
            packages=package_versions(),
            git_commit=git_commit(Path(__file__).parent),
            improved=Origin(old.name, old.version, self.start.bundle.digest),
            public_data=self._public_data(old),
        )

    def _public_data(self, old: HandManifest) -> tuple[PublicData, ...]:
        """What the bundle was made from, and what was added here."""
        added = public_data_of(self.site.dataset.roots.values())
        known = old.provenance.public_data
        return (*known, *(one for one in added if one not in known))


def report_on(work: Path, improved: Improved, improvement: Improvement, predictions: Predictions) -> None:
    """Write metrics and report into the working folder."""
    dataset, pictures = improved.site.dataset, improved.site.held_pictures
    old = improved.start.manifest.name
    write_metrics(work / METRICS, improvement.evaluation)
    write_report(
        work / REPORT,
        improvement.evaluation,
        title=improved.out.name,
        facts=_facts(improved, improvement),
        mistakes=most_confident_mistakes(dataset, pictures, predictions),
        shares_people=False,
        warnings=[
            f"This is {old}, trained further with pictures from its site. Of those held back, the share that is read "
            f"right went from {improvement.site.in_words}; the same people may be among those that it learned from.",
            f"Of {improvement.others.hands} hands of people whom {old} had learned from and who were not shown to it "
            f"again, from {improvement.others.in_words}.",
        ],
        alarm=None if improvement.objection is None else f"No improvement: {improvement.objection}.",
        hands=hands_seen(dataset, pictures, predictions),
    )


def _facts(improved: Improved, improvement: Improvement) -> dict[str, str]:
    """The rows of the report's last table."""
    bundle, site = improved.start.bundle, improved.site
    return {
        "improved from": f"{bundle.manifest.name} {bundle.manifest.version}, {bundle.digest[:16]}…",
        "at the site": f"{improvement.site} of {improvement.site.hands} pictures",
        "elsewhere": f"{improvement.others} of {improvement.others.hands} hands",
        "learned from": f"{len(site.learned)} pictures with a hand",
        "data": f"{site.dataset.digest[:16]}…",
        **package_versions(),
    }


def write_improved(work: Path, improved: Improved, improvement: Improvement) -> None:
    """Put the bundle and its training file in place; metrics and report lie in the working folder."""
    manifest = improved.manifest(to_manifest_metrics(improvement.evaluation))
    files = improved.contents() | {name: (work / name).read_bytes() for name in (METRICS, REPORT)}
    write_bundle(work / "draft", manifest, files)
    write_bundle(improved.out, manifest, files | {KNOWN_ANSWER: make_known_answer(work / "draft")})
    start, site = improved.start, improved.site
    more = extended(start.training.rehearsal, site.readings, site.truth, site.learned, site.held, SEED)
    weights = improved.net.branches.get_weights()
    file = start.training._replace(model=sha256_of(improved.out / MODEL), weights=weights, rehearsal=more)
    write_atomically(training_path(improved.out), encode_training_file(file))
