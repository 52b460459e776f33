"""Several data folders as one: whose pictures they are, and what each is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.listing import Listing
from edge_asl.datasets.signers import person_of
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError


def source_names(roots: Sequence[Path]) -> list[str]:
    """Each folder's name, with as many of the folders above as tell it from the others: ``a-train``, ``b-train``.

    Raises:
        DataError: a folder twice, or one within another: its pictures would count twice.
    """
    whole = [root.resolve() for root in roots]
    for index, path in enumerate(whole):
        for other in whole[:index]:
            if path == other or path in other.parents or other in path.parents:
                both = f"{roots[whole.index(other)]} and {roots[index]}"
                raise DataError(f"{both}: expected folders apart from each other, found one within the other; name one")
    names = [_shortest(path, whole) for path in whole]
    if len(set(names)) < len(names):
        raise DataError(f"{', '.join(map(str, roots))}: two of these folders share a name; rename one")
    return names


def _shortest(path: Path, among: Sequence[Path]) -> str:
    for depth in range(1, len(path.parts)):
        if sum(other.parts[-depth:] == path.parts[-depth:] for other in among) == 1:
            return "-".join(path.parts[-depth:])
    return "-".join(path.parts[1:]) or "root"


def combine(listings: Sequence[tuple[str, Path, Listing]]) -> Listing:
    """One listing of several (source, folder, listing), sorted by path.

    Of several sources, paths and bursts begin with the source's name, so that equal file names stay apart, and a source
    that names nobody counts as one person: held out as a whole or not at all.
    """
    roots = {name: root for name, root, _ in listings}
    if len(listings) == 1:
        name, _, only = listings[0]
        pictures = [picture._replace(source=name) for picture in only.pictures]
        return only._replace(pictures=_sorted(pictures), roots=roots)
    return Listing(
        " + ".join(sorted({listing.layout for _, _, listing in listings})),
        _sorted([picture for name, _, listing in listings for picture in _from_source(name, listing.pictures)]),
        [issue._replace(path=f"{name}/{issue.path}") for name, _, listing in listings for issue in listing.issues],
        {f"{name}/{path}": grey for name, _, listing in listings for path, grey in listing.pixels.items()},
        roots,
        encoded={f"{name}/{path}": found for name, _, listing in listings for path, found in listing.encoded.items()},
    )


def _from_source(name: str, pictures: Sequence[Picture]) -> list[Picture]:
    anybody = any(picture.signer for picture in pictures)
    return [
        Picture(
            f"{name}/{picture.path}",
            picture.label,
            picture.signer if anybody else person_of(name),
            picture.block,
            picture.box,
            f"{name}/{picture.burst}" if picture.burst else None,
            name,
        )
        for picture in pictures
    ]


def _sorted(pictures: list[Picture]) -> list[Picture]:
    return sorted(pictures, key=lambda picture: picture.path)


def keep_labels(listing: Listing, choice: Choice) -> Listing:
    """Leave out the pictures of other labels, counted in ``Listing.left_out``.

    Raises:
        DataError: a label that was asked for by its name has no picture.
    """
    found = {picture.label for picture in listing.pictures}
    if missing := order_labels(choice.named - found):
        has = ", ".join(order_labels(found))
        raise DataError(
            f"labels: found no picture of {', '.join(missing)}, only of {has}; correct the list (--labels, or "
            "data.labels in the recipe)"
        )
    left_out = Counter(picture.label for picture in listing.pictures if not choice.has(picture.label))
    kept = [picture for picture in listing.pictures if choice.has(picture.label)]
    return listing._replace(pictures=kept, left_out=left_out)
