"""``edge-asl data check``: examine every picture before a night of training does."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from edge_asl.datasets import findings
from edge_asl.datasets.digest import THREADS
from edge_asl.datasets.findings import Finding
from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.listing import Listing
from edge_asl.datasets.picture_facts import PictureFacts, examine_encoded, examine_file, examine_grey
from edge_asl.datasets.readers import list_dataset, to_dataset
from edge_asl.datasets.remarks import from_pictures
from edge_asl.datasets.splits import make_split
from edge_asl.datasets.types import Split, file_of
from edge_asl.errors import DataError
from edge_asl.progress import Advance, unwatched
from edge_asl_device.errors import visible

_BATCH = 64  # pictures between two calls of ``advance``
_RANK = {"error": 0, "warning": 1, "note": 2}


class DatasetSummary(msgspec.Struct, frozen=True):
    """What a data folder holds and what is wrong with it."""

    root: str
    """The folders, joined by commas."""
    layout: str
    pictures: int
    per_source: dict[str, int]
    """Data folder → its number of pictures."""
    per_class: dict[str, int]
    """In the order of the model's outputs."""
    per_person: dict[str, int]
    """Empty if no person is known."""
    left_out: dict[str, int]
    """Label → its number of pictures, which were left out because other labels were asked for."""
    unknown_person: int
    """Number of pictures whose person is not known."""
    gaps: dict[str, tuple[str, ...]]
    """Person → classes that person does not show; only people who lack some."""
    split: str | None
    """How the pictures were split to look for leaks; None if they could not be."""
    findings: tuple[Finding, ...]
    """Errors first, then warnings, then notes."""

    @property
    def has_errors(self) -> bool:
        """Whether anything found would stop or spoil training."""
        return any(finding.severity == "error" for finding in self.findings)


def check_dataset(
    data: Path | Sequence[Path],
    layout: str = "auto",
    *,
    signer_pattern: str | None = None,
    labels: Choice | None = None,
    split: Split | None = None,
    advance: Advance = unwatched,
) -> DatasetSummary:
    """Decode every picture of data folders and list their problems, each with its remedy.

    Args:
        data: the folders; as for ``read_dataset``.
        layout: as for ``read_dataset``.
        signer_pattern: as for ``read_dataset``.
        labels: as for ``read_dataset``.
        split: look for leaks across this split; None: across the one that ``make_split(by="auto")`` makes.
        advance: called from the calling thread.

    Raises:
        DataError: no such folder, no layout fits, or its tables cannot be read. Anything else is a finding.
    """
    listing = list_dataset(data, layout, signer_pattern=signer_pattern, labels=labels)
    facts = _examine_all(listing, advance)
    found = list(_findings(listing, facts))
    try:
        split = split or make_split(to_dataset(listing, [fact.sha256 for fact in facts]), by="auto", seed=0)
        found.extend(findings.leaks(listing.pictures, facts, split))
    except DataError as error:
        found.append(Finding("split", "warning", str(error), "fix this first; leaks could not be looked for"))
    found.sort(key=lambda finding: _RANK[finding.severity])
    return _summary_of(listing, split, found)


def _examine_all(listing: Listing, advance: Advance) -> list[PictureFacts]:
    total = len(listing.pictures)
    facts: list[PictureFacts] = []

    def examine(index: int) -> PictureFacts:
        picture = listing.pictures[index]
        if (grey := listing.pixels.get(picture.path)) is not None:
            return examine_grey(grey)
        if (encoded := listing.encoded.get(picture.path)) is not None:
            return examine_encoded(encoded, picture.path)
        return examine_file(Path(file_of(picture, listing.roots)))

    # Pillow warns of pictures of 89 megapixels and more; here they are findings. Warning filters belong to the
    # whole process, so they are set once around all threads.
    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.filterwarnings("ignore", module="PIL")
        for start in range(0, total, _BATCH):
            facts.extend(pool.map(examine, range(start, min(start + _BATCH, total))))
            advance(len(facts), total=total)
    return facts


def _findings(listing: Listing, facts: list[PictureFacts]) -> Iterator[Finding]:
    pictures = listing.pictures
    yield from findings.from_issues([*listing.issues, *from_pictures(pictures, listing.left_out)])
    yield from findings.defects(pictures, facts)
    yield from findings.copies(pictures, facts)
    yield from findings.thumbnails(pictures, facts)
    yield from findings.balance(listing)
    yield from findings.people(listing)
    yield from findings.names(listing)
    yield from findings.sizes(pictures, facts)


def _summary_of(listing: Listing, split: Split | None, found: list[Finding]) -> DatasetSummary:
    per_class = Counter(picture.label for picture in listing.pictures)
    signers = Counter(picture.signer for picture in listing.pictures)
    unknown = signers.pop(None, 0)
    shown = {(picture.signer, picture.label) for picture in listing.pictures}
    labels = order_labels(per_class)
    people = sorted(name for name in signers if name is not None)
    missing = {name: tuple(label for label in labels if (name, label) not in shown) for name in people}
    return DatasetSummary(
        root=", ".join(map(str, listing.roots.values())),
        layout=listing.layout,
        pictures=len(listing.pictures),
        per_source=dict(Counter(picture.source for picture in listing.pictures)),
        left_out=dict(listing.left_out),
        per_class={label: per_class[label] for label in labels},
        per_person={name: signers[name] for name in people},
        unknown_person=unknown,
        gaps={name: gap for name, gap in missing.items() if gap},
        split=split.method if split else None,
        findings=tuple(found),
    )


def format_summary(summary: DatasetSummary) -> str:
    """A summary as plain text for a terminal 100 columns wide, ending in a newline."""
    return "\n".join([*_counts(summary), "", *_finding_lines(summary), _verdict(summary)]) + "\n"


def _counts(summary: DatasetSummary) -> Iterator[str]:
    yield f"{summary.root}: {summary.pictures} pictures, {len(summary.per_class)} classes, layout {summary.layout}"
    if len(summary.per_source) > 1:
        sources = [f"{name} {count}" for name, count in summary.per_source.items()]
        yield from _rows("folders", sources)
    yield from _rows("classes", [f"{label} {count}" for label, count in summary.per_class.items()])
    if summary.left_out:
        yield from _rows("left out", [f"{label} {count}" for label, count in summary.left_out.items()])
    if summary.per_person:
        counts = sorted(summary.per_person.values())
        spread = f"{counts[0]} to {counts[-1]} pictures each" if counts[0] < counts[-1] else f"{counts[0]} each"
        gaps = f"; {len(summary.gaps)} do not show every class" if summary.gaps else "; all show every class"
        unknown = f"; {summary.unknown_person} pictures of unknown people" if summary.unknown_person else ""
        yield f"  people   {len(counts)}, {spread}{gaps}{unknown}"
    else:
        yield "  people   unknown"


def _rows(name: str, cells: list[str]) -> Iterator[str]:
    cell = max((len(text) for text in cells), default=0) + 2
    across = max(1, 89 // cell)
    for start in range(0, len(cells), across):
        row = "".join(text.ljust(cell) for text in cells[start : start + across]).rstrip()
        yield f"  {'' if start else name:<8} {row}"


def _finding_lines(summary: DatasetSummary) -> Iterator[str]:
    for finding in summary.findings:
        times = f" ({finding.count})" if finding.paths else ""
        yield f"{finding.severity:<8} {finding.kind}{times}: {visible(finding.what)}"
        yield from (f"{'':<11}{visible(path)}" for path in finding.paths)
        if finding.count > len(finding.paths) and finding.paths:
            yield f"{'':<11}… and {finding.count - len(finding.paths)} more"
        yield f"{'':<9}→ {finding.fix}"


def _verdict(summary: DatasetSummary) -> str:
    counts = Counter(finding.severity for finding in summary.findings)
    parts = [f"{counts[s]} {s}{'s' if counts[s] != 1 else ''}" for s in ("error", "warning", "note") if counts[s]]
    return ", ".join(parts) if parts else "no problems found"
