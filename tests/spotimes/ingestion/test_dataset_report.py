import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split, SplitName
from spotimes.ingestion import dataset_report
from spotimes.ingestion.dataset_report import FEW_IMAGES, Report, draw, lines, look, without_exact

NO_PAIRS = np.empty((0, 2), np.int64)


def look_at(count: int = 120, classes: int = 3, **changes: Any) -> Report:
    """At images that take classes and splits in turn, all 32 x 32."""
    arguments: dict[str, Any] = {
        "class_names": [f"class {label}" for label in range(classes)],
        "labels": np.arange(count) % classes,
        "split_of": (np.arange(count) // classes % 3).astype(np.int8),
        "names": [f"{place}.png" for place in range(count)],
        "sizes": np.full((count, 2), 32),
        "modes": ["RGB"] * count,
        "animated": 0,
        "left_out": {},
        "passed_over": [],
        "exact": [],
        "near": NO_PAIRS,
        "near_all": True,
    }
    return look(**{**arguments, **changes})


def examples_of(
    cifar10: dict[SplitName, Split], report: Report, count: int
) -> dict[str, npt.NDArray[np.uint8]]:
    images = cifar10["train"].images[:]
    return {
        name: np.roll(images, -place, axis=0)[:count] for place, name in enumerate(report.images)
    }


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return picture.size


def test_every_image_is_counted_in_its_class_and_split() -> None:
    report = look_at(
        labels=np.array([0, 0, 1, 1, 1, 0] * 20),
        split_of=np.array([0, 0, 0, 1, 2, 2] * 20, np.int8),
    )
    assert report.images == {
        "class 0": {"train": 40, "validation": 0, "test": 20},
        "class 1": {"train": 20, "validation": 20, "test": 20},
        "class 2": {"train": 0, "validation": 0, "test": 0},
    }
    assert report.few_images == {"class 2": 0}


def test_sizes_and_modes_are_counted_the_commonest_first() -> None:
    report = look_at(
        count=6,
        sizes=np.array([(640, 480), (20, 30), (640, 480), (1000, 25), (20, 30), (640, 480)]),
        modes=["P", "RGB", "L", "RGB", "RGB", "L"],
    )
    assert list(report.sizes.commonest.items()) == [
        ("640 x 480", 3),
        ("20 x 30", 2),
        ("1000 x 25", 1),
    ]
    assert report.sizes.distinct == 3
    assert report.sizes.width.model_dump() == {"min": 20, "median": 640, "max": 1000}
    assert report.sizes.height.model_dump() == {"min": 25, "median": 255, "max": 480}
    assert list(report.modes.items()) == [("RGB", 3), ("L", 2), ("P", 1)]


def test_of_many_sizes_the_ten_commonest_are_kept() -> None:
    report = look_at(sizes=np.stack([np.arange(120) // 2 + 5, np.full(120, 9)], axis=1))
    assert report.sizes.distinct == 60
    assert len(report.sizes.commonest) == 10


def test_near_pairs_do_not_repeat_the_exact_ones() -> None:
    exact = [np.array([0, 5, 9]), np.array([2, 3])]
    near = np.array([(0, 5), (2, 5), (2, 3), (7, 8), (8, 9)])
    assert without_exact(near, exact).tolist() == [[2, 5], [7, 8], [8, 9]]
    assert without_exact(NO_PAIRS, exact).shape == (0, 2)
    report = look_at(exact=exact, near=near)
    assert [[image.name for image in pair] for pair in report.near_pairs] == [
        ["2.png", "5.png"],
        ["7.png", "8.png"],
        ["8.png", "9.png"],
    ]
    assert (report.near_pairs_found, report.near_pairs_all) == (3, True)
    assert [image.split for image in report.exact_groups[0]] == ["train", "validation", "train"]


def test_of_very_many_near_pairs_some_are_listed_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dataset_report, "LISTED_PAIRS", 20)
    near = np.stack([np.arange(30), np.arange(31, 61)], axis=1)
    report = look_at(near=near[:29])
    assert (len(report.near_pairs), report.near_pairs_found, report.near_pairs_all) == (
        20,
        29,
        True,
    )
    assert lines(report)[-1] == "  and 19 more"
    report = look_at(near=near, near_all=False)
    assert (report.near_pairs_found, report.near_pairs_all) == (30, False)
    assert lines(report)[-2:] == [
        "  and 20 more",
        "  and others: with so many found, copies among them, the search ended",
    ]


def test_the_report_is_plain_json() -> None:
    report = look_at(exact=[np.array([0, 5])], near=np.array([(1, 6)]), left_out={"a": "b"})
    assert Report.model_validate(json.loads(json.dumps(report.model_dump()))) == report


def test_a_dataset_without_fault_is_told_in_a_few_lines() -> None:
    assert lines(look_at(count=1800, classes=3)) == [
        "1,800 images of 3 classes: 600 train, 600 validation, 600 test",
        "of each class 600",
        "picture size: 32 x 32",
        "pixels: RGB 1,800",
        "left out: none",
        "the same image in different splits: none",
        "the same image within a split: none",
        "nearly the same image in different splits: none",
    ]


def test_all_that_may_be_wrong_is_told() -> None:
    said = lines(
        look_at(
            count=12,
            sizes=np.arange(24).reshape(12, 2) + 1000,
            modes=["RGB"] * 11 + ["P"],
            animated=2,
            left_out={"cat/bad.jpg": "cannot be decoded"},
            passed_over=[".git", "notes.md"],
            exact=[np.array([0, 3]), np.array([1, 10])],
            near=np.array([(2, 6)]),
        )
    )
    assert said == [
        "12 images of 3 classes: 6 train, 3 validation, 3 test",
        "of each class 4",
        f"classes of fewer than {FEW_IMAGES} images: class 0 4, class 1 4, class 2 4",
        "picture sizes: 12; width 1,000 to 1,022 (median 1,011), height 1,001 to 1,023 (median "
        "1,012); most often 1000 x 1001 (1), 1002 x 1003 (1), 1004 x 1005 (1)",
        "pixels: RGB 11, P 1; 2 animated",
        "passed over, as not meant as data: 2: .git, notes.md",
        "left out: 1 file",
        "  cat/bad.jpg: cannot be decoded",
        "the same image in different splits: 1 group",
        "  0.png (train), 3.png (validation)",
        "the same image within a split: 1 group",
        "  1.png (train), 10.png (train)",
        "nearly the same image in different splits: 1 pair",
        "  2.png (train), 6.png (test)",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    report = look_at(
        count=3000,
        classes=100,
        left_out={f"{place}.jpg": "is empty" for place in range(1234)},
        exact=[np.arange(40)],
        near=np.stack([np.arange(100, 125), np.arange(400, 425)], axis=1),
    )
    said = lines(report)
    assert len(said) < 40
    assert max(map(len, said)) < 300
    few, left_out, group, near = (
        next(place for place, line in enumerate(said) if line.startswith(begin))
        for begin in ("classes of", "left out", "the same image within", "nearly the same")
    )
    assert said[few].endswith("class 9 30 and 90 more")
    assert said[left_out] == "left out: 1,234 files"
    assert said[left_out + 10 : left_out + 12] == ["  9.jpg: is empty", "  and 1,224 more"]
    assert said[group + 1].endswith("9.png (train) and 30 more")
    assert said[near] == "nearly the same image in different splits: 25 pairs"
    assert said[near + 11] == "  and 15 more"


SIZES: dict[str, Callable[[int], npt.NDArray[np.int64]]] = {
    "all alike": lambda count: np.full((count, 2), 32),
    "two": lambda count: np.array([(640, 480), (480, 640)])[np.arange(count) % 2],
    "of one height": lambda count: np.stack([np.arange(count) + 1, np.full(count, 50)], axis=1),
    "from small to huge": lambda count: (
        np.random.default_rng(0).lognormal(6, 1.5, (count, 2)).astype(np.int64) + 1
    ),
}


@pytest.mark.parametrize("kind", SIZES)
def test_the_same_look_is_the_same_picture(
    cifar10: dict[SplitName, Split], tmp_path: Path, kind: str
) -> None:
    sizes = SIZES[kind](120)
    report = look_at(sizes=sizes, near=np.array([(0, 3)]))
    examples = examples_of(cifar10, report, 1)
    pairs = cifar10["test"].images[:2][None]
    for name in ("first.png", "again.png"):
        draw(report, sizes, examples, pairs, tmp_path / name)
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "again.png").read_bytes()
    assert b"atplotlib" not in first


def test_a_picture_shows_pairs_examples_and_sizes(
    cifar10: dict[SplitName, Split], tmp_path: Path
) -> None:
    report = look_at(near=np.array([(0, 3)]))
    alike, examples = SIZES["all alike"](120), examples_of(cifar10, report, 2)
    pairs = cifar10["test"].images[:2][None]
    none = np.empty((0, 2, 32, 32, 3), np.uint8)
    draw(report, alike, {}, none, tmp_path / "bars.png")
    draw(report, SIZES["two"](120), {}, none, tmp_path / "sizes.png")
    draw(report, alike, examples, none, tmp_path / "examples.png")
    draw(report, alike, examples, pairs, tmp_path / "pairs.png")
    heights = [size_of(tmp_path / f"{name}.png")[1] for name in ("bars", "examples", "pairs")]
    assert heights == sorted(set(heights))
    assert (tmp_path / "bars.png").read_bytes() != (tmp_path / "sizes.png").read_bytes()


def test_of_many_classes_and_pairs_some_are_drawn(tmp_path: Path) -> None:
    near = np.stack([np.arange(0, 40), np.arange(100, 140)], axis=1)
    image = np.zeros((96, 96, 3), np.uint8)
    sides = {}
    for classes in (60, 100):
        report = look_at(count=600, classes=classes, near=near)
        examples = dict.fromkeys(report.images, image[None].repeat(3, axis=0))
        path = tmp_path / f"{classes}.png"
        draw(report, np.full((600, 2), 32), examples, np.stack([[image, image]] * 40), path)
        sides[classes] = size_of(path)
    assert sides[60] == sides[100]
    assert max(sides[100]) <= 2_200


def test_awkward_names_and_grey_images(cifar10: dict[SplitName, Split], tmp_path: Path) -> None:
    names = ["US$ $x^2$", "ein sehr langer Name, der nicht aufhört " * 4, "_猫"]
    long = [f"{'folder/' * 30}{place}.png" for place in range(120)]
    report = look_at(class_names=names, names=long, near=np.array([(0, 3)]))
    grey = cifar10["train"].images[:2, :, :, :1]
    sizes = SIZES["two"](120)
    draw(report, sizes, dict.fromkeys(names[:2], grey), grey[None], tmp_path / "picture.png")
    assert size_of(tmp_path / "picture.png")[0] == 1000
