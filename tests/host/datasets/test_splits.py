"""Splits: properties that hold for any data, the promises about people, and the file."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.split_files import read_split, write_split
from edge_asl.datasets.splits import BLOCK_SIZE, PARTS, describe_split, make_split
from edge_asl.datasets.types import Dataset, Frame, Picture, Split
from edge_asl.errors import DataError

REAL = os.environ.get("EDGE_ASL_DATA")
needs_data = pytest.mark.skipif(REAL is None, reason="EDGE_ASL_DATA names no folder of real pictures")


def blank(picture: Picture) -> Frame:
    return np.zeros((8, 8, 3), np.uint8)


def dataset(pictures: list[Picture]) -> Dataset:
    labels = order_labels(p.label for p in pictures)
    return Dataset("made", "folders", labels, tuple(pictures), "0" * 64, blank)


def numbered(labels: str = "ABC", each: int = 40, people: int = 0) -> Dataset:
    """``each`` pictures of every label; with ``people``, everyone shows every class in turn."""
    return dataset(
        [
            Picture(f"{label}/{label}{n}.jpg", label, f"s{n % people}" if people else None, n)
            for label in labels
            for n in range(each)
        ]
    )


@st.composite
def any_data(draw: st.DrawFn) -> Dataset:
    people = draw(st.integers(3, 12))
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from("ABC"), st.integers(0, people - 1), st.integers(0, 30), st.integers(0, 99)),
            min_size=30,
            max_size=120,
        )
    )
    named, bursts = draw(st.booleans()), draw(st.booleans())
    return dataset(
        [
            Picture(
                f"{label}/{label}{block}-{n}.jpg",
                label,
                f"s{person}" if named else None,
                block,
                burst=f"{label}{burst % 9}" if bursts and burst < 40 else None,
            )
            for n, (label, person, block, burst) in enumerate(rows)
        ]
    )


def part_of(split: Split) -> dict[str, str]:
    return {path: part for part in PARTS for path in split.parts[part]}


def in_several_parts(data: Dataset, split: Split, field: str) -> set[str]:
    part = part_of(split)
    found: dict[str, set[str]] = {}
    for picture in data.pictures:
        if (name := getattr(picture, field)) is not None and picture.path in part:
            found.setdefault(name, set()).add(part[picture.path])
    return {name for name, parts in found.items() if len(parts) > 1}


@given(any_data(), st.sampled_from(["auto", "signer", "block", "fraction"]), st.integers(0, 5), st.randoms())
@settings(max_examples=150, deadline=None)
def test_properties(data: Dataset, by: str, seed: int, random: object) -> None:
    try:
        split = make_split(data, by=by, seed=seed, allow_shared_people=True)
    except DataError:
        return  # too few people, or bursts that tie everything together
    listed = Counter(path for part in PARTS for path in split.parts[part])
    assert set(listed.values()) == {1}, "disjoint"
    assert set(listed) == {p.path for p in data.pictures}, "complete"
    assert not in_several_parts(data, split, "burst")
    assert all(list(split.parts[part]) == sorted(split.parts[part]) for part in PARTS)
    if split.method == "signer":
        assert not in_several_parts(data, split, "signer")
        assert not split.shares_people
    else:
        assert split.shares_people
    mixed = list(data.pictures)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    again = make_split(data._replace(pictures=tuple(mixed)), by=by, seed=seed, allow_shared_people=True)
    assert again == split, "the order of the input decides nothing"


@given(any_data(), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_counts_properties(data: Dataset, seed: int) -> None:
    try:
        split = make_split(data, by="counts", seed=seed, counts=(4, 2, 1), allow_shared_people=True)
    except DataError:
        return
    label = {p.path: p.label for p in data.pictures}
    assert not in_several_parts(data, split, "burst")
    for part, count in zip(PARTS, (4, 2, 1), strict=True):
        assert len(split.parts[part]) == count * len(data.labels)
        assert set(Counter(label[path] for path in split.parts[part]).values()) == {count}


def test_by_signer_is_near_the_fractions_and_covers_classes() -> None:
    data = numbered("ABCDE", each=200, people=25)
    split = make_split(data, by="signer", seed=1)
    sizes = {part: len(paths) for part, paths in split.parts.items()}
    assert sizes["train"] == pytest.approx(700, abs=60)
    assert sizes["test"] == pytest.approx(150, abs=45)
    label = {p.path: p.label for p in data.pictures}
    assert all({label[path] for path in split.parts[part]} == set("ABCDE") for part in PARTS)


@pytest.mark.parametrize("by", ["signer", "block", "fraction", "counts"])
def test_another_seed_is_another_split(by: str) -> None:
    counts = (10, 5, 5) if by == "counts" else None
    data = numbered(each=100, people=20)
    drawn = {
        make_split(data, by=by, seed=seed, counts=counts, allow_shared_people=True).parts["test"] for seed in range(4)
    }
    assert len(drawn) > 1


def test_three_people_give_three_parts() -> None:
    split = make_split(numbered(people=3), by="signer", seed=0)
    assert [len(split.parts[part]) > 0 for part in PARTS] == [True] * 3


def test_a_class_that_few_show_is_trained_before_it_is_tested() -> None:
    pictures = [Picture(f"{label}/{n}.jpg", label, f"s{n % 9}") for label in "AB" for n in range(90)]
    pictures += [Picture(f"C/{n}.jpg", "C", "s1") for n in range(10)]
    for seed in range(10):
        split = make_split(dataset(pictures), by="signer", seed=seed)
        assert any(path.startswith("C/") for path in split.parts["train"])


def test_pictures_of_unknown_people_train_and_weaken_the_claim() -> None:
    data = numbered(people=6)
    data = data._replace(pictures=(*data.pictures, Picture("A/odd.jpg", "A")))
    split = make_split(data, by="signer", seed=0)
    assert "A/odd.jpg" in split.parts["train"]
    assert split.shares_people


def test_who_is_left_out_in_turn_is_a_stranger_only_among_several_people() -> None:
    for data, shares in ((numbered(people=2), False), (numbered(people=1), True), (numbered(), True)):
        split = make_split(data, by="left-out", seed=0)
        assert (len(split.parts["train"]), split.shares_people) == (len(data.pictures), shares)
        who = "some are" if shares else "2 people are"
        assert describe_split(split, data) == f"all 120 pictures train; {who} left out in turn for the figures"


def test_known_people_are_not_put_into_several_parts_unasked() -> None:
    for by in ("fraction", "block"):
        with pytest.raises(DataError, match=r"would put known people .* into several parts"):
            make_split(numbered(people=6), by=by, seed=0)
        assert make_split(numbered(people=6), by=by, seed=0, allow_shared_people=True).shares_people
    with pytest.raises(DataError, match="expected 3 people or more to split by signer, found 2"):
        make_split(numbered(people=2), by="auto", seed=0)
    assert make_split(numbered(people=2), by="auto", seed=0, allow_shared_people=True).method == "block"
    assert make_split(numbered(people=2), by="signer", seed=0, validation=0).parts["validation"] == ()


def test_auto() -> None:
    assert make_split(numbered(people=6), by="auto", seed=0).method == "signer"
    assert make_split(numbered(), by="auto", seed=0).method == "block"
    plain = dataset([p._replace(block=None) for p in numbered().pictures])
    assert make_split(plain, by="auto", seed=0).method == "fraction"
    burst = dataset([p._replace(burst=f"{p.label}{(p.block or 0) // 3}") for p in numbered().pictures])
    assert make_split(burst, by="auto", seed=0).method == "fraction"


def test_blocks_are_runs_of_neighbours() -> None:
    for seed in range(5):
        split = make_split(
            numbered(each=200),
            by="block",
            seed=seed,
        )
        for label in "ABC":
            held = sorted(int(p[3:-4]) for p in split.parts["test"] if p[0] == label)
            assert held == list(range(held[0], held[-1] + 1)), "one run"
            assert len(held) == 2 * BLOCK_SIZE
    starts = {make_split(numbered(each=200), by="block", seed=s).parts["test"][0] for s in range(8)}
    assert len(starts) > 3, "the seed chooses where"


def test_numbers_are_neighbours_only_within_a_series() -> None:
    pictures = [Picture(f"A/{name}{n}.jpg", "A", None, n) for name in ("cat", "dog") for n in range(50)]
    pictures += [Picture(f"B/B{n}.jpg", "B", None, n) for n in range(100)]
    for seed in range(6):
        held = [p for p in make_split(dataset(pictures), by="block", seed=seed).parts["test"] if p[0] == "A"]
        numbers = sorted((p[2:5], int(p[5:-4])) for p in held)
        jumps = sum(a[0] == b[0] and b[1] != a[1] + 1 for a, b in pairwise(numbers))
        assert jumps == 0


def test_counts() -> None:
    split = make_split(numbered(each=40), by="counts", seed=0, counts=(30, 5, 0))
    assert [len(split.parts[part]) for part in PARTS] == [90, 15, 0]
    with pytest.raises(
        DataError, match=r"class A: expected 30\+5\+10 pictures \(train, .*\), found 40; .*rest\", 6, 6\]'"
    ):
        make_split(numbered(each=40), by="counts", seed=0, counts=(30, 5, 10))
    for by, counts in (("counts", None), ("block", (1, 1, 1)), ("counts", (0, 1, 1)), ("counts", (1, -1, 1))):
        with pytest.raises(DataError):
            make_split(numbered(), by=by, seed=0, counts=counts)


def test_what_the_counts_leave() -> None:
    split = make_split(numbered(each=40), by="counts", seed=0, counts=("rest", 5, 2))
    assert [len(split.parts[part]) for part in PARTS] == [99, 15, 6]
    for counts in (("rest", "rest", 1), (10, 10, 40), ("rest", 40, 0)):
        with pytest.raises(DataError):
            make_split(numbered(each=40), by="counts", seed=0, counts=counts)


def test_the_first_pictures_by_number() -> None:
    split = make_split(numbered(each=40), by="first", seed=0, counts=(20, 8, "rest"))
    for part, wanted in zip(PARTS, (range(20), range(20, 28), range(28, 40)), strict=True):
        numbers = [int(path.removeprefix("A/A").removesuffix(".jpg")) for path in split.parts[part] if path[0] == "A"]
        assert sorted(numbers) == list(wanted)
    with pytest.raises(DataError, match="counts"):
        make_split(numbered(each=40), by="first", seed=0)


@pytest.mark.parametrize(
    ("paths", "sizes"),
    [
        (("train/A/1.jpg", "valid/A/2.jpg", "test/A/3.jpg"), (1, 1, 1)),
        (("set/Training/A/1.jpg", "set/validation/A/2.jpg"), (1, 1, 0)),
        (("asl_alphabet_train/A/A_test1.jpg", "asl_alphabet_test/B/B_train_1.jpg"), (1, 0, 1)),
        (("sign_mnist_train.csv#1", "sign_mnist_train.csv#2", "sign_mnist_test.csv#1"), (2, 0, 1)),
    ],
)
def test_the_split_that_the_data_bring(paths: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    data = dataset([Picture(path, "AB"[i % 2]) for i, path in enumerate(paths)])
    split = make_split(data, by="given", seed=0, validation=0.0)
    assert tuple(len(split.parts[part]) for part in PARTS) == sizes


@pytest.mark.parametrize("path", ["A/train1.jpg", "train/test/A/1.jpg"])
def test_data_that_bring_no_split(path: str) -> None:
    with pytest.raises(DataError, match=f"named train, valid or test, found {path}; rename"):
        make_split(dataset([Picture("train/A/0.jpg", "A"), Picture(path, "A")]), by="given", seed=0)


def test_validation_is_taken_from_the_training_part_if_the_data_have_none() -> None:
    pictures = [
        Picture(f"{part}/{label}/{n}.jpg", label) for part in ("train", "test") for label in "AB" for n in range(20)
    ]
    split = make_split(dataset(pictures), by="given", seed=0, validation=0.1)
    assert [len(split.parts[part]) for part in PARTS] == [36, 4, 40]
    assert all(path.startswith("train/") for path in (*split.parts["train"], *split.parts["validation"]))


def test_fractions_and_methods_that_cannot_be() -> None:
    for wrong in ({"validation": 0.5, "test": 0.5}, {"test": -0.1}, {"validation": 1.0}):
        with pytest.raises(DataError, match="expected fractions"):
            make_split(numbered(), by="fraction", seed=0, **wrong)
    with pytest.raises(DataError, match="expected one of auto"):
        make_split(numbered(), by="room", seed=0)


def test_file(tmp_path: Path) -> None:
    data = numbered(people=6)
    split = make_split(data, by="signer", seed=3)
    path = tmp_path / "runs" / "split.json"
    write_split(path, split)
    assert read_split(path, data) == split
    assert [p.name for p in path.parent.iterdir()] == ["split.json"], "nothing half-written is left"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parts": {"train": ("A/A0.jpg",), "validation": ("A/A0.jpg",), "test": ()}}, "each picture once"),
        ({"parts": {"train": ("A/gone.jpg",), "validation": (), "test": ()}}, "pictures of made"),
        ({"parts": {"train": ("A/A0.jpg",), "validation": ("A/A6.jpg",), "test": ()}}, "each person in one part"),
        ({"parts": {"train": ("B/B0.jpg",), "validation": ("B/B1.jpg",), "test": ()}}, "each burst in one part"),
        ({"data_digest": "1" * 64}, "made for other data: expected digest 111111111111…, found 000000000000…"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    pictures = [p._replace(burst="b") if p.label == "B" else p for p in numbered(people=6).pictures]
    data = dataset(pictures)
    split = Split("counts", 0, data.digest, {"train": ("A/A0.jpg",), "validation": (), "test": ()}, False)
    write_split(tmp_path / "split.json", split._replace(**change))
    with pytest.raises(DataError, match=says):
        read_split(tmp_path / "split.json", data)


def test_parts_that_the_data_bring_along_may_share_a_burst(tmp_path: Path) -> None:
    """Of two classes whose shots are both called 0, or of one who split after augmenting."""
    pictures = [Picture(f"{part}/A/0.rf.{part}.jpg", "A", burst="A/0") for part in ("train", "valid", "test")]
    data = dataset(pictures)
    split = make_split(data, by="given", seed=0)
    write_split(tmp_path / "split.json", split)

    assert read_split(tmp_path / "split.json", data) == split


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1, "more": 2}'])
def test_a_file_that_is_no_split(tmp_path: Path, content: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(DataError, match=r"split.json: not a split file"):
        read_split(tmp_path / "split.json", numbered())
    with pytest.raises(DataError, match="No such file"):
        read_split(tmp_path / "gone.json", numbered())


@needs_data
@pytest.mark.parametrize(
    ("name", "how", "shares"),
    [
        ("digits", "signer", False),
        ("letters", "block", True),
        ("letters-boxes", "fraction", True),
    ],
)
def test_real_folders(name: str, how: str, shares: bool) -> None:
    data = read_dataset(Path(REAL or "") / name)
    split = make_split(data, by="auto", seed=0)
    assert (split.method, split.shares_people) == (how, shares)
    assert not in_several_parts(data, split, "burst")
    assert not (how == "signer" and in_several_parts(data, split, "signer"))
    label = {p.path: p.label for p in data.pictures}
    for part in PARTS:
        assert {label[path] for path in split.parts[part]} == set(data.labels)
    assert len(split.parts["test"]) == pytest.approx(0.15 * len(data.pictures), rel=0.2)
