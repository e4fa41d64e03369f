from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split, SplitName
from spotimes.ingestion.dataset_figure import draw
from spotimes.ingestion.dataset_report import report_of
from spotimes.ingestion.labelled_paths import Notes
from spotimes.ingestion.source import SourceFiles
from tests.spotimes.ingestion.sources import selection_of, source_of

CLASSES = ["class 0", "class 1", "class 2"]
NEAR = np.array([(0, 3)])


def drawn(
    images: npt.NDArray[np.uint8],
    path: Path,
    class_names: Sequence[str] = CLASSES,
    near: Any = None,
    **changes: Any,
) -> Path:
    """Draws images that take classes and splits in turn."""
    source = source_of(images, class_names, **changes)
    selection = selection_of(source, **({} if near is None else {"near": near}))
    draw(report_of(source, selection), source, selection, path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return picture.size


SIZES: dict[str, Callable[[int], npt.NDArray[np.int64]]] = {
    "all alike": lambda count: np.full((count, 2), 32),
    "two": lambda count: np.array([(640, 480), (480, 640)])[np.arange(count) % 2],
    "of one height": lambda count: np.stack([np.arange(count) + 1, np.full(count, 50)], axis=1),
    "from small to huge": lambda count: (
        np.random.default_rng(0).lognormal(6, 1.5, (count, 2)).astype(np.int64) + 1
    ),
}


@pytest.mark.parametrize("kind", SIZES)
def test_the_same_dataset_gives_the_same_picture(
    cifar10: dict[SplitName, Split], tmp_path: Path, kind: str
) -> None:
    images, sizes = cifar10["train"].images[:120], SIZES[kind](120)
    first = drawn(images, tmp_path / "first.png", near=NEAR, sizes=sizes).read_bytes()
    assert first == drawn(images, tmp_path / "again.png", near=NEAR, sizes=sizes).read_bytes()
    assert b"atplotlib" not in first


def test_near_pairs_and_different_sizes_are_shown(
    cifar10: dict[SplitName, Split], tmp_path: Path
) -> None:
    images = cifar10["train"].images[:120]
    plain = drawn(images, tmp_path / "plain.png")
    pairs = drawn(images, tmp_path / "pairs.png", near=NEAR)
    sizes = drawn(images, tmp_path / "sizes.png", sizes=SIZES["two"](120))
    assert size_of(plain)[1] < size_of(pairs)[1]
    assert size_of(plain) == size_of(sizes)
    assert plain.read_bytes() != sizes.read_bytes()


def test_examples_are_the_first_training_images(
    cifar10: dict[SplitName, Split], tmp_path: Path
) -> None:
    images = cifar10["train"].images[:120].copy()
    before = drawn(images, tmp_path / "before.png").read_bytes()
    images[3:9] = 0  # validation and test
    assert drawn(images, tmp_path / "others.png").read_bytes() == before
    images[0] = 0
    assert drawn(images, tmp_path / "first.png").read_bytes() != before


def test_of_many_classes_and_pairs_some_are_drawn(tmp_path: Path) -> None:
    near = np.stack([np.arange(0, 40), np.arange(100, 140)], axis=1)
    images = np.zeros((300, 8, 8, 3), np.uint8)
    sides = [
        size_of(drawn(images, tmp_path / f"{count}.png", [str(n) for n in range(count)], near))
        for count in (60, 100)
    ]
    assert sides[0] == sides[1]
    assert max(sides[1]) <= 2_200


def test_awkward_names_and_grey_images(cifar10: dict[SplitName, Split], tmp_path: Path) -> None:
    names = ["US$ $x^2$", "ein sehr langer Name, der nicht aufhört " * 4, "_猫"]
    paths = [f"{'folder/' * 30}{number}.png" for number in range(120)]
    long = SourceFiles(paths, groups=None, notes=Notes([], [], {}))
    grey = cifar10["train"].images[:120, :, :, :1]
    path = tmp_path / "picture.png"
    drawn(grey, path, names, NEAR, sizes=SIZES["two"](120), files=long)
    assert size_of(path)[0] == 1000
