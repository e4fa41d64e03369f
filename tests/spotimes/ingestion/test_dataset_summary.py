from typing import Any

import pytest

from spotimes.dataset.prepared import SPLITS
from spotimes.ingestion.dataset_report import (
    FEW_IMAGES,
    Extent,
    Named,
    Report,
    Sizes,
    WidePixels,
    WithoutLabels,
)
from spotimes.ingestion.dataset_summary import advice, lines


def report(**changes: Any) -> Report:
    """Of 1,800 images of 32 x 32 without a fault, but for `changes`."""
    one_size = Extent(min=32, median=32, max=32)
    faultless = Report(
        images={f"class {label}": dict.fromkeys(SPLITS, 200) for label in range(3)},
        few_images={},
        sizes=Sizes(distinct=1, commonest={"32 x 32": 1800}, width=one_size, height=one_size),
        modes={"RGB": 1800},
        animated=0,
        wide=None,
        cut_off={},
        excluded={},
        ignored=[],
        layout=[],
        groups=None,
        exact_groups=[],
        near_pairs_found=0,
        near_pairs_all=True,
        near_pairs=[],
        unlabelled=None,
    )
    return faultless.model_copy(update=changes)


def named(*names: str) -> list[Named]:
    """Images called `SPLIT NAME`."""
    return [
        Named.model_validate(dict(zip(("split", "name"), name.split(), strict=True)))
        for name in names
    ]


def test_a_faultless_dataset_takes_a_few_lines() -> None:
    assert lines(report()) == [
        "1,800 images of 3 classes: 600 train, 600 validation, 600 test",
        "of each class 600",
        "picture size: 32 x 32",
        "pixels: RGB 1,800",
        "excluded: none",
        "the same image in different splits: none",
        "the same image within a split: none",
        "nearly the same image in different splits: none",
    ]


def test_of_pictures_without_labels_it_says_what_is_used_and_why_others_are_not() -> None:
    found = WithoutLabels(
        images=1200, copies=0, cut_off={}, excluded={}, ignored=[], near={}, near_all=True
    )
    labelled = len(lines(report()))
    assert lines(report(unlabelled=found))[labelled:] == [
        "without labels: 1,200 images",
        "without labels, excluded: none",
        "without labels, nearly the same as in validation or test: none",
    ]
    odd = found.model_copy(
        update={
            "copies": 2,
            "cut_off": {"x/a.jpg": "1 row missing"},
            "excluded": {"b.png": "the same picture as 1.png (test)"},
            "ignored": ["notes.md"],
            "near": {"c.png": "2.png (validation)"},
            "near_all": False,
        }
    )
    assert lines(report(unlabelled=odd))[labelled:] == [
        "without labels: 1,200 images, 2 of them copies of training images, or of each other",
        "without labels, cut off, and used all the same: 1 file",
        "  x/a.jpg: 1 row missing",
        "without labels, ignored, as not meant as data: 1: notes.md",
        "without labels, excluded: 1 file",
        "  b.png: the same picture as 1.png (test)",
        "without labels, nearly the same as in validation or test: 1 file",
        "  c.png: 2.png (validation)",
        "  and others: with so many found, copies among them, the search ended",
    ]


def test_all_that_may_be_wrong_is_said() -> None:
    said = lines(
        report(
            images={
                "class 0": {"train": 4, "validation": 1, "test": 1},
                "class 1": {"train": 2, "validation": 1, "test": 1},
            },
            few_images={"class 1": 4, "class 0": 6},
            sizes=Sizes(
                distinct=12,
                commonest={"1000 x 1001": 7, "1002 x 1003": 1, "1004 x 1005": 1, "9 x 9": 1},
                width=Extent(min=9, median=1011, max=1022),
                height=Extent(min=9, median=1012.5, max=1023),
            ),
            modes={"RGB": 11, "P": 1},
            animated=2,
            excluded={"cat/bad.jpg": "cannot be decoded"},
            ignored=[".git", "notes.md"],
            layout=["train is Train/"],
            groups={"train": 1200, "validation": 3, "test": 7},
            exact_groups=[
                named("train 0.png", "validation 3.png"),
                named("train 1.png", "train 10.png"),
            ],
            near_pairs=[named("train 2.png", "test 6.png")],
            near_pairs_found=1,
        )
    )
    assert said == [
        "10 images of 2 classes: 6 train, 2 validation, 2 test",
        "of each class 4 to 6, median 5",
        f"classes of fewer than {FEW_IMAGES} images: class 1 4, class 0 6",
        "picture sizes: 12; width 9 to 1,022 (median 1,011), height 9 to 1,023 (median 1,012); "
        "most often 1000 x 1001 (7), 1002 x 1003 (1), 1004 x 1005 (1)",
        "pixels: RGB 11, P 1; 2 animated",
        "folders: train is Train/",
        "groups that stay together: 1,210: 1,200 train, 3 validation, 7 test",
        "ignored, as not meant as data: 2: .git, notes.md",
        "excluded: 1 file",
        "  cat/bad.jpg: cannot be decoded",
        "the same image in different splits: 1 group",
        "  0.png (train), 3.png (validation)",
        "the same image within a split: 1 group",
        "  1.png (train), 10.png (train)",
        "nearly the same image in different splits: 1 pair",
        "  2.png (train), 6.png (test)",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    pair = named("train 1.png", "test 2.png")
    said = lines(
        report(
            few_images={f"class {label}": 30 for label in range(100)},
            excluded={f"{number}.jpg": "is empty" for number in range(1234)},
            exact_groups=[named(*(f"train {number}.png" for number in range(40)))],
            near_pairs=[pair] * 25,
            near_pairs_found=30,
            near_pairs_all=False,
        )
    )
    assert len(said) < 40
    assert max(map(len, said)) < 300
    few, excluded, group, near = (
        next(number for number, line in enumerate(said) if line.startswith(begin))
        for begin in ("classes of", "excluded", "the same image within", "nearly the same")
    )
    assert said[few].endswith("class 9 30 and 90 more")
    assert said[excluded] == "excluded: 1,234 files"
    assert said[excluded + 10 : excluded + 12] == ["  9.jpg: is empty", "  and 1,224 more"]
    assert said[group + 1].endswith("9.png (train) and 30 more")
    assert said[near] == "nearly the same image in different splits: 30 pairs"
    assert said[-2:] == [
        "  and 20 more",
        "  and others: with so many found, copies among them, the search ended",
    ]


def test_values_of_more_than_8_bits_are_said_and_that_few_are_used() -> None:
    wide = WidePixels(pictures=20, low=16, high=4080, black=0, white=65535)
    assert lines(report(wide=wide))[4:6] == [
        "more than 8 bits a channel: 20 pictures, with values 16 to 4,080; 0 becomes black and "
        "65,535 white",
        "  that is 6.2% of the range, about 16 of 256 levels; prepare.image.range: data spreads it "
        "over all",
    ]
    for changes in ({"high": 40_000}, {"white": 4095}, {"white": None}):
        said = lines(report(wide=wide.model_copy(update=changes)))
        assert said[4].startswith("more than 8 bits")
        assert said[5] == "excluded: none"
    fractions = WidePixels(pictures=1, low=-0.25, high=1.5, black=-0.25, white=1.5)
    assert "values -0.25 to 1.5; -0.25 becomes" in lines(report(wide=fractions))[4]


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [(50_000, 60_000, "100.0%"), (0, 65_535, "93.8%"), (-5, -1, "100.0%"), (9000, 9000, "100.0%")],
)
def test_a_range_that_is_not_of_these_values_is_said(low: int, high: int, share: str) -> None:
    wide = WidePixels(pictures=20, low=low, high=high, black=0, white=4095)
    assert lines(report(wide=wide))[5:7] == [
        f"  {share} of the values' range become black or white alike, as they are outside; is it "
        "these that",
        "  prepare.image.range is for? data takes them all",
    ]
    inside = WidePixels(pictures=20, low=16, high=5000, black=0, white=4095)
    assert lines(report(wide=inside))[5] == "excluded: none"


def test_files_that_are_cut_off_are_said() -> None:
    missing = {"a.jpg": "3 rows missing", "b.jpg": "1 row missing"}
    assert lines(report(cut_off=missing))[4:7] == [
        "cut off, and used all the same: 2 files",
        "  a.jpg: 3 rows missing",
        "  b.jpg: 1 row missing",
    ]


def test_few_images_are_better_learnt_from_by_trained_weights() -> None:
    counts = {"cat": 500, "dog": 499, "owl": 700}
    images = {name: dict.fromkeys(SPLITS, 40) | {"train": count} for name, count in counts.items()}
    said = " ".join(" ".join(advice(report(images=images))).split())
    assert said == (
        "few images to train on: 499 of dog; with fewer than 500 a class, let the network begin "
        "with weights that have learnt from ImageNet, which makes it far more accurate: make "
        "preset NAME=few_pictures"
    )
    del images["dog"]
    assert advice(report(images=images)) == []
