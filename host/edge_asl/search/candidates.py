"""Which models a search tries: a finite grid of backbone, width and picture size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edge_asl.errors import RecipeError
from edge_asl.recipes.backbones import BACKBONES
from edge_asl.recipes.recipe import Recipe, load_recipe
from edge_asl.training.weights import IMAGENET, NO_WEIGHTS, default_weights

IMAGENET_WIDTHS = {
    "mobilenet": (0.25, 0.5, 0.75, 1.0),
    "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "mobilenet_v3_small": (0.75, 1.0),
    "mobilenet_v3_large": (0.75, 1.0),
}
"""Those for which ``keras.applications`` has weights; of minimalistic ones only 1."""
_USUAL_BACKBONES = ("mobilenet", "mobilenet_v2", "mobilenet_v3_small")
_USUAL_SIZES = (96, 128, 160, 224)
_WIDEST = 1.0


class Candidate(NamedTuple):
    """One model that may be tried."""

    backbone: str
    width: float | None
    """None: this backbone has only one."""
    size: int
    """Of the picture, in pixels."""

    @property
    def name(self) -> str:
        """``mobilenet_v2-0.35-128``: of its folder, and in a study."""
        width = () if self.width is None else (f"{self.width:g}",)
        return "-".join((self.backbone, *width, str(self.size)))

    @property
    def settings(self) -> tuple[str, ...]:
        """What ``edge-asl build --set`` takes for it."""
        width = "none" if self.width is None else f"{self.width:g}"
        return f"model.backbone={self.backbone}", f"model.alpha={width}", f"model.size={self.size}"


class Space(NamedTuple):
    """What is searched. ``None`` stands for the usual ones."""

    backbones: Sequence[str] | None = None
    widths: Sequence[float] | None = None
    sizes: Sequence[int] | None = None


class Entry(NamedTuple):
    """A candidate with everything that its build needs."""

    candidate: Candidate
    recipe: Recipe
    weights: str
    """As for a build."""


def entries_of(recipe: str, settings: Sequence[str], space: Space, weights: str | None) -> dict[str, Entry]:
    """Name → candidate, in a fixed order; those left out for which there are no weights.

    Args:
        recipe: by name or path, for all that is not searched.
        settings: overrides of it.
        space: what is searched.
        weights: ``imagenet``, ``none`` or a folder of files such as ``mobilenet_v2_0.35_224_no_top.weights.h5``; None:
            ``imagenet`` where there are such.

    Raises:
        RecipeError: the recipe reads hands, a value is out of range, or no candidate is left.
    """
    base = load_recipe(recipe, settings)
    _check_weights(weights)
    if base.reads == "hand":
        raise RecipeError(
            f"recipe {recipe}: expected one that sees a square, such as digits-mobilenet; of one that reads hands "
            "nothing can be searched: its sign network takes only the full landmark model's features"
        )
    found = {}
    for candidate in _grid(base, space, weights):
        chosen = _weights_for(candidate, weights)
        if chosen is not None:
            found[candidate.name] = Entry(candidate, load_recipe(recipe, [*settings, *candidate.settings]), chosen)
    if not found:
        raise RecipeError(
            f"--weights {weights or IMAGENET}: no weights for any of the candidates; change --backbones or --widths, "
            f"or train from nothing with --weights {NO_WEIGHTS}"
        )
    return found


def _check_weights(weights: str | None) -> None:
    if weights in (None, IMAGENET, NO_WEIGHTS) or Path(str(weights)).is_dir():
        return
    found = "a file" if Path(str(weights)).exists() else "neither, and no such folder"
    raise RecipeError(
        f"--weights {weights}: expected imagenet, none, or a folder of files such as "
        f"mobilenet_v2_0.35_224_no_top.weights.h5, found {found}; name the folder"
    )


def without_weights(recipe: str, settings: Sequence[str], space: Space, weights: str | None) -> list[str]:
    """What was asked for and is not searched: ``mobilenet_v2 of width 0.4``, as there are no weights for it."""
    base = load_recipe(recipe, settings)
    found = set()
    for backbone in space.backbones or _USUAL_BACKBONES:
        asked = space.widths if space.widths is not None and BACKBONES[backbone].widths else None
        widths = _widths(backbone, base, None, weights) if asked is None else asked
        tried = _widths(backbone, base, asked, weights)
        for width in widths:
            if width not in tried or _weights_for(Candidate(backbone, width, 0), weights) is None:
                found.add(backbone if width is None else f"{backbone} of width {width:g}")
    return sorted(found)


def _grid(base: Recipe, space: Space, weights: str | None) -> Iterable[Candidate]:
    for backbone in space.backbones or _USUAL_BACKBONES:
        if backbone not in BACKBONES:
            raise RecipeError(f"--backbones: expected some of {', '.join(BACKBONES)}, found {backbone!r}")
        for width in _widths(backbone, base, space.widths, weights):
            for size in space.sizes or _USUAL_SIZES:
                yield Candidate(backbone, width, size)


def _widths(
    backbone: str, base: Recipe, asked: Sequence[float] | None, weights: str | None
) -> Sequence[float] | tuple[None]:
    family = BACKBONES[backbone]
    if not family.widths:
        return (None,)
    known = IMAGENET_WIDTHS.get(backbone, (1.0,))
    if "minimalistic" in family.takes and base.model.minimalistic and weights in (None, IMAGENET):
        known = (1.0,)
    if asked is None:
        return [width for width in known if width <= _WIDEST]
    return [width for width in asked if width in known] if weights in (None, IMAGENET) else asked


def _weights_for(candidate: Candidate, weights: str | None) -> str | None:
    """What its build is told; None if there are none for it."""
    if weights == NO_WEIGHTS:
        return NO_WEIGHTS
    if weights in (None, IMAGENET):
        usual = default_weights(candidate.backbone)
        return usual if weights is None or usual == IMAGENET else None
    files = sorted(path for path in Path(str(weights)).glob("*.h5") if _names(path.name, candidate))
    return str(files[0]) if files else None


def _names(file: str, candidate: Candidate) -> bool:
    """Whether ``mobilenet_v2_0.35_224_no_top.weights.h5`` or ``mobilenet_1_0_…`` are a candidate's."""
    if candidate.width is None:
        return file.startswith(f"{candidate.backbone}_") or file == f"{candidate.backbone}.h5"
    written = {f"{candidate.width:g}", str(candidate.width)}
    written |= {text.replace(".", "_") for text in written}
    return any(re.match(rf"{candidate.backbone}_{re.escape(text)}_(?!\d_)", file) for text in written)


def searched_apart(entries: Mapping[str, Entry]) -> Recipe:
    """What all candidates' recipes have in common: that of the first, its model's searched keys at their defaults."""
    import msgspec

    recipe = next(iter(entries.values())).recipe
    usual = type(recipe.model)()
    same = msgspec.structs.replace(recipe.model, backbone=usual.backbone, alpha=usual.alpha, size=usual.size)
    return msgspec.structs.replace(recipe, model=same)
