"""Recipes and settings: what loads, what is refused and in which words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge_asl.errors import RecipeError
from edge_asl.recipes.recipe import Dense, Recipe, digest_of, load_recipe, recipe_names, scaled

MINIMAL = 'description = "mine"\n'


def test_every_shipped_recipe_loads_and_says_what_it_is():
    names = recipe_names()

    assert {
        "cnn-sign-mnist",
        "demo",
        "digits",
        "digits-mobilenet",
        "letters",
        "letters-mobilenet",
        "letters-small",
    } <= set(names)
    for tutorial in ("alexnet-letters", "mobilenet-digits", "resnet50-sign-mnist", "vgg16-letters"):
        assert {tutorial, f"{tutorial}-modern"} <= set(names)
    for name in names:
        recipe = load_recipe(name)
        assert len(recipe.description) > 20
        assert recipe.data.validation + recipe.data.test < 0.5


def test_a_recipe_file_fills_what_it_does_not_say(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL + "[training]\nepochs = 3\nlayers = 23\n")

    recipe = load_recipe(str(path))

    assert recipe == Recipe("mine", training=msgspec.structs.replace(Recipe("").training, epochs=3, layers=23))


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("training.learning_rate=1e-3", ("training", "learning_rate"), 0.001),
        ("training.learning_rate=1", ("training", "learning_rate"), 1.0),
        ("training.layers=23", ("training", "layers"), 23),
        ("training.layers=all", ("training", "layers"), "all"),
        ('training.layers="all"', ("training", "layers"), "all"),
        ("training.batch_norm=frozen", ("training", "batch_norm"), "frozen"),
        ("data.allow_shared_people=true", ("data", "allow_shared_people"), True),
        ("data.counts=[10, 2, 3]", ("data", "counts"), (10, 2, 3)),
        ("data.signer_pattern='^(p[0-9]+)'", ("data", "signer_pattern"), "^(p[0-9]+)"),
        (" model.size = 96 ", ("model", "size"), 96),
        ('data.counts=["rest", 2, 3]', ("data", "counts"), ("rest", 2, 3)),
        ("model.dense=[{units=8, dropout=0.5}]", ("model", "dense"), (Dense(8, 0.5),)),
        ("description=a plain text", ("description",), "a plain text"),
    ],
)
def test_a_setting_takes_the_type_of_its_field(text: str, where: tuple[str, ...], value: object):
    found: object = load_recipe("demo", [text])
    for name in where:
        found = getattr(found, name)

    assert found == value
    assert type(found) is type(value)


def test_none_takes_back_what_a_recipe_says():
    recipe = load_recipe("mobilenet-digits", ["data.counts=none", "training.steps=none", "data.split=signer"])

    assert (recipe.data.counts, recipe.training.steps, recipe.data.split) == (None, None, "signer")
    with pytest.raises(RecipeError, match=r"training\.epochs: expected `int`, got `null`"):
        load_recipe("demo", ["training.epochs=none"])


def test_settings_apply_in_order():
    assert load_recipe("demo", ["training.epochs=5", "training.epochs=7"]).training.epochs == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["training.epoch=5"], "recipe demo: unknown key training.epoch; did you mean training.epochs?"),
        (["trainig.epochs=5"], "recipe demo: unknown key trainig; did you mean training?"),
        (
            ["augmentation.mirrored=1"],
            "recipe demo: unknown key augmentation.mirrored; did you mean augmentation.mirror?",
        ),
        (
            ["quantization.xyz=1"],
            "recipe demo: unknown key quantization.xyz; known: quantization.pictures, quantization.runtime",
        ),
        (["training.epochs=-1"], "recipe demo: training.epochs: expected `int` >= 0"),
        (["training.epochs=many"], "recipe demo: training.epochs: expected `int`, got `str`"),
        (["training.epochs="], "recipe demo: training.epochs: expected `int`, got `str`"),
        (["training.epochs=1.5"], "recipe demo: training.epochs: expected `int`, got `float`"),
        (["model.size=31"], "recipe demo: model.size: expected `int` >= 32"),
        (["augmentation.mirror=1.5"], "recipe demo: augmentation.mirror: expected `float` <= 1.0"),
        (["training.learning_rate=0"], "recipe demo: training.learning_rate: expected `float` > 0.0"),
        (["data.counts=[1, 2]"], "recipe demo: data.counts: expected `array` of length 3, got 2"),
        (["model.backbone=resnet"], "recipe demo: model.backbone: expected one of alexnet, "),
        (["model.backbone=vgg16"], "recipe demo: model.alpha: expected 1, the only width of vgg16, found 0.75"),
        (
            ["model.backbone=alexnet", "model.alpha=1", "model.size=214"],
            "recipe demo: model.size: expected 215 or more for alexnet, found 214",
        ),
        (["model.dense=[{units=0}]"], "recipe demo: model.dense[0].units: expected `int` >= 1"),
        (["model.dense=[{width=8}]"], "recipe demo: model.dense[0]: object contains unknown field `width`"),
        (["data.counts=['all', 1, 1]"], "recipe demo: data.counts[0]: invalid enum value 'all'"),
        (["model=3"], "recipe demo: model: expected `object`, got `int`"),
        (["training.epochs"], "--set: expected table.key=value such as training.epochs=5, found 'training.epochs'"),
        (["=5"], "--set: expected table.key=value such as training.epochs=5, found '=5'"),
        (
            ["training..epochs=5"],
            "--set: expected table.key=value such as training.epochs=5, found 'training..epochs=5'",
        ),
        (
            ["description.long=x"],
            "--set description.long=x: description is not a table but the value",
        ),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_in_one_line(settings: list[str], message: str):
    with pytest.raises(RecipeError) as caught:
        load_recipe("demo", settings)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_no_number_is_not_a_number_in_range():
    """TOML writes nan and inf; neither compares as too small or too large."""
    for value in ("nan", "inf", "-inf"):
        for key in ("training.learning_rate", "training.warmup_epochs", "augmentation.noise", "training.averaging"):
            with pytest.raises(RecipeError, match=key):
                load_recipe("demo", [f"{key}={value}"])


def test_an_unknown_recipe_names_the_known_and_the_nearest():
    with pytest.raises(RecipeError) as caught:
        load_recipe("digit")

    for name in recipe_names():
        assert name in str(caught.value)
    assert str(caught.value).endswith("found 'digit'; did you mean digits?")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"description = ", "not valid TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"[training]\nepochs = 3\n", "recipe: object missing required field `description`"),
        (b'description = "x"\n[decoder]\nhold = 1\n', "unknown key decoder.hold; did you mean decoder.hold_s?"),
        (b'description = "x"\n[training]\nepochs = 3\nepochs = 4\n', "not valid TOML"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)

    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path))

    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read: No such file"):
        load_recipe(str(tmp_path / "none.toml"))


def test_the_same_recipe_has_the_same_digest_in_every_process(tmp_path: Path):
    """Digests decide which steps are done again, so they must not depend on hash seeds or on the order of keys."""
    code = "from edge_asl.recipes.recipe import *; print(digest_of(load_recipe('demo'), {'b': 1, 'a': [2, 3]}, None))"
    here = digest_of(load_recipe("demo"), {"a": [2, 3], "b": 1}, None)
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert run.stdout.strip() == here
    path = tmp_path / "swapped.toml"
    path.write_text('description = "x"\n[training]\nbatch = 8\nepochs = 3\n')
    other = tmp_path / "order.toml"
    other.write_text('description = "x"\n[training]\nepochs = 3\nbatch = 8\n')
    assert digest_of(load_recipe(str(path))) == digest_of(load_recipe(str(other)))


def test_every_setting_changes_the_digest():
    demo = digest_of(load_recipe("demo"))
    changed = [
        digest_of(load_recipe("demo", [text]))
        for text in ("training.seed=2", "model.alpha=0.5", "augmentation.zoom=0.06", "decoder.hold_s=0.4")
    ]

    assert len({demo, *changed}) == 5


def test_pieces_of_a_digest_do_not_run_together():
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of(("a", "b")) != digest_of("a", "b")


def test_scaling_multiplies_batch_and_learning_rate():
    """By Goyal et al. 2017: both, with a warm-up."""
    recipe = load_recipe("digits-mobilenet", ["training.warmup_epochs=0"])
    four = scaled(recipe, 4)
    assert (four.training.batch, four.training.learning_rate) == (64, pytest.approx(2e-3))
    assert four.training.warmup_epochs == 1
    assert msgspec.structs.replace(four, training=recipe.training) == recipe
    assert scaled(load_recipe("demo", ["training.warmup_epochs=3"]), 2).training.warmup_epochs == 3
    assert scaled(recipe, 1) == recipe
    with pytest.raises(RecipeError, match="--scale: expected a recipe that sees a square"):
        scaled(load_recipe("letters"), 2)
