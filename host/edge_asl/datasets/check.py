"""``edge-asl data check``: look at every picture before a night of training does."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from edge_asl.datasets import findings
from edge_asl.datasets.digest import THREADS
from edge_asl.datasets.findings import Finding
from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.listing import Listing
from edge_asl.datasets.picture_facts import Probe, probe_file, probe_grey
from edge_asl.datasets.readers import list_dataset, to_dataset
from edge_asl.datasets.splits import make_split
from edge_asl.datasets.types import Split
from edge_asl.errors import DataError

_BATCH = 64  # pictures between two reports of progress; no more than that many results wait
_RANK = {"error": 0, "warning": 1, "note": 2}


class CheckReport(msgspec.Struct, frozen=True):
    """What a data folder holds and what is wrong with it."""

    root: str
    layout: str
    pictures: int
    per_class: dict[str, int]
    """In the order of the model's outputs."""
    per_person: dict[str, int]
    """Empty where nobody is known."""
    unknown_person: int
    """Pictures whose person is not known."""
    gaps: dict[str, tuple[str, ...]]
    """Person → classes that person does not show, of those who miss any."""
    split: str | None
    """How the pictures were divided to look for leaks; None where they could not be."""
    findings: tuple[Finding, ...]
    """Errors first, then warnings, then notes."""

    @property
    def has_errors(self) -> bool:
        """Whether anything found would stop or spoil a training."""
        return any(finding.severity == "error" for finding in self.findings)


def check_dataset(
    root: Path,
    layout: str = "auto",
    *,
    signer_pattern: str | None = None,
    split: Split | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Decode every picture of a data folder and report what is wrong, with what to do about each.

    Args:
        root: the folder, or a single CSV file.
        layout: as for ``read_dataset``.
        signer_pattern: as for ``read_dataset``.
        split: look for leaks across this split; None takes the one that ``make_split(by="auto")`` makes.
        progress: called with (pictures looked at, pictures in all) from the calling thread.

    Raises:
        DataError: no such folder, no layout fits, or its tables cannot be read. Everything else is a finding.
    """
    listing = list_dataset(root, layout, signer_pattern=signer_pattern)
    probes = _probe_all(listing, root, progress or (lambda done, total: None))
    found = list(_look_over(listing, probes))
    try:
        split = split or _own_split(listing, root, probes)
        found.extend(findings.leaks(listing.pictures, probes, split))
    except DataError as error:
        found.append(Finding("split", "warning", str(error), "leaks could not be looked for until this is mended"))
    found.sort(key=lambda finding: _RANK[finding.severity])
    return _report(listing, root, split, found)


def _probe_all(listing: Listing, root: Path, progress: Callable[[int, int], None]) -> list[Probe]:
    total = len(listing.pictures)
    probes: list[Probe] = []

    def probe(index: int) -> Probe:
        if listing.pixels is not None:
            return probe_grey(listing.pixels[index])
        return probe_file(root / listing.pictures[index].path)

    # Pillow warns of pictures of 89 megapixels and more; they are findings here. Filters are the
    # process's, so they are set once around all threads.
    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.filterwarnings("ignore", module="PIL")
        for start in range(0, total, _BATCH):
            probes.extend(pool.map(probe, range(start, min(start + _BATCH, total))))
            progress(len(probes), total)
    return probes


def _look_over(listing: Listing, probes: list[Probe]) -> Iterator[Finding]:
    pictures = listing.pictures
    yield from findings.from_oddities(listing.oddities)
    yield from findings.from_probes(pictures, probes)
    yield from findings.copies(pictures, probes)
    yield from findings.balance(listing)
    yield from findings.people(listing)
    yield from findings.names(listing)
    yield from findings.sizes(pictures, probes)


def _own_split(listing: Listing, root: Path, probes: list[Probe]) -> Split:
    return make_split(to_dataset(listing, root, [probe.content for probe in probes]), by="auto", seed=0)


def _report(listing: Listing, root: Path, split: Split | None, found: list[Finding]) -> CheckReport:
    per_class = Counter(picture.label for picture in listing.pictures)
    signers = Counter(picture.signer for picture in listing.pictures)
    unknown = signers.pop(None, 0)
    shown = {(picture.signer, picture.label) for picture in listing.pictures}
    labels = order_labels(per_class)
    people = sorted(name for name in signers if name is not None)
    missing = {name: tuple(label for label in labels if (name, label) not in shown) for name in people}
    return CheckReport(
        root=str(root),
        layout=listing.layout,
        pictures=len(listing.pictures),
        per_class={label: per_class[label] for label in labels},
        per_person={name: signers[name] for name in people},
        unknown_person=unknown,
        gaps={name: gap for name, gap in missing.items() if gap},
        split=split.how if split else None,
        findings=tuple(found),
    )


def format_report(report: CheckReport, width: int = 100) -> str:
    """A report as plain text for a terminal ``width`` columns wide, ending in a newline."""
    return "\n".join([*_summary(report, width), "", *_listed(report), _verdict(report)]) + "\n"


def _summary(report: CheckReport, width: int) -> Iterator[str]:
    yield f"{report.root}: {report.pictures} pictures, {len(report.per_class)} classes, layout {report.layout}"
    cells = [f"{label} {count}" for label, count in report.per_class.items()]
    yield from _columns("classes", cells, width)
    if report.per_person:
        counts = sorted(report.per_person.values())
        spread = f"{counts[0]} to {counts[-1]} pictures each" if counts[0] < counts[-1] else f"{counts[0]} each"
        gaps = f"; {len(report.gaps)} do not show every class" if report.gaps else "; all show every class"
        unknown = f"; {report.unknown_person} pictures of unknown people" if report.unknown_person else ""
        yield f"  people   {len(counts)}, {spread}{gaps}{unknown}"
    else:
        yield "  people   unknown"


def _columns(title: str, cells: list[str], width: int) -> Iterator[str]:
    cell = max((len(text) for text in cells), default=0) + 2
    across = max(1, (width - 11) // cell)
    for start in range(0, len(cells), across):
        row = "".join(text.ljust(cell) for text in cells[start : start + across]).rstrip()
        yield f"  {title if not start else '':<8} {row}"


def _listed(report: CheckReport) -> Iterator[str]:
    for finding in report.findings:
        times = f" ({finding.count})" if finding.paths else ""
        yield f"{finding.severity:<8} {finding.kind}{times}: {finding.what}"
        yield from (f"{'':<11}{path}" for path in finding.paths)
        if finding.count > len(finding.paths) and finding.paths:
            yield f"{'':<11}… and {finding.count - len(finding.paths)} more"
        yield f"{'':<9}→ {finding.fix}"


def _verdict(report: CheckReport) -> str:
    counts = Counter(finding.severity for finding in report.findings)
    said = [f"{counts[s]} {s}{'s' if counts[s] != 1 else ''}" for s in ("error", "warning", "note") if counts[s]]
    return ", ".join(said) if said else "nothing to mend"
