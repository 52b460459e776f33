"""Which models a search tries, and with which weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_asl.errors import RecipeError
from edge_asl.recipes.recipe import load_recipe
from edge_asl.search.candidates import IMAGENET_WIDTHS, Space, entries_of, searched_apart, without_weights

RECIPE = "digits-mobilenet"


def test_a_candidate_is_the_recipe_with_three_settings_changed():
    space = Space(["mobilenet_v2", "resnet50"], [0.35, 1.0], [96])
    entries = entries_of(RECIPE, ["training.epochs=3"], space, None)

    assert list(entries) == ["mobilenet_v2-0.35-96", "mobilenet_v2-1-96", "resnet50-96"]
    entry = entries["mobilenet_v2-0.35-96"]
    same = ("training.epochs=3", "model.backbone=mobilenet_v2", "model.alpha=0.35", "model.size=96")
    assert entry.recipe == load_recipe(RECIPE, same)
    assert entry.weights == "imagenet"
    assert entries["resnet50-96"].recipe.model.alpha is None
    assert searched_apart(entries).training.epochs == 3
    assert searched_apart(entries) == searched_apart(dict(reversed(entries.items())))


def test_what_is_tried_unless_something_is_said_has_imagenet_weights():
    entries = entries_of(RECIPE, (), Space(), None).values()

    assert {entry.weights for entry in entries} == {"imagenet"}
    assert all(entry.candidate.width in IMAGENET_WIDTHS[entry.candidate.backbone] for entry in entries)
    # Keras has no weights for narrower minimalistic MobileNetV3.
    assert {e.candidate.width for e in entries if e.candidate.backbone == "mobilenet_v3_small"} == {1.0}
    assert len(entries) == 36


def test_widths_without_weights_are_tried_only_from_nothing():
    space = Space(["mobilenet_v2"], [0.35, 0.4], [96])

    assert list(entries_of(RECIPE, (), space, "imagenet")) == ["mobilenet_v2-0.35-96"]
    assert without_weights(RECIPE, (), space, "imagenet") == ["mobilenet_v2 of width 0.4"]
    assert without_weights(RECIPE, (), space, "none") == without_weights(RECIPE, (), Space(), None) == []
    assert list(entries_of(RECIPE, (), space, "none")) == ["mobilenet_v2-0.35-96", "mobilenet_v2-0.4-96"]


def test_a_folder_gives_each_candidate_the_file_that_is_named_after_it(tmp_path: Path):
    files = ("mobilenet_0.25_224_no_top.weights.h5", "mobilenet_1_0_224_no_top.weights.h5", "mobilenet_v2_0.35_224.h5")
    for file in files:
        (tmp_path / file).touch()
    space = Space(["mobilenet", "mobilenet_v2"], [0.25, 0.35, 1.0], [96, 128])
    entries = entries_of(RECIPE, (), space, str(tmp_path))

    assert without_weights(RECIPE, (), space, str(tmp_path)) == [
        "mobilenet of width 0.35",
        "mobilenet_v2 of width 0.25",
        "mobilenet_v2 of width 1",
    ]
    found = {name: Path(entry.weights).name for name, entry in entries.items()}
    assert found == {
        "mobilenet-0.25-96": files[0],
        "mobilenet-0.25-128": files[0],
        "mobilenet-1-96": files[1],
        "mobilenet-1-128": files[1],
        "mobilenet_v2-0.35-96": files[2],
        "mobilenet_v2-0.35-128": files[2],
    }


@pytest.mark.parametrize(
    ("recipe", "space", "weights", "words"),
    [
        ("letters", Space(), None, ("letters", "sees a square", "digits-mobilenet", "full landmark model")),
        (RECIPE, Space(["mobilnet"]), None, ("--backbones", "mobilenet_v2", "'mobilnet'")),
        (RECIPE, Space(["mobilenet"], [1.0], [16]), None, ("model.size", "32")),
        (RECIPE, Space(), "nowhere", ("--weights nowhere", "no such folder", "name the folder")),
        (RECIPE, Space(), __file__, ("--weights", "found a file")),
        (RECIPE, Space(["alexnet"]), "imagenet", ("--weights imagenet", "none")),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(recipe: str, space: Space, weights: str | None, words: list[str]):
    with pytest.raises(RecipeError) as caught:
        entries_of(recipe, (), space, weights)

    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
