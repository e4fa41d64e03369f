from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.crossvalidation.pool import load_pool
from spotimes.dataset.prepared import Card, Split, SplitName, write_prepared
from spotimes.errors import InputError

CARD = Card(name="Two", class_names=["cat", "dog"], licence="", citation="", homepage="")
SIZES: dict[SplitName, int] = {"train": 5, "validation": 3, "test": 4}


def splits() -> dict[SplitName, Split]:
    generator = np.random.default_rng(1)
    return {
        name: Split(generator.integers(0, 256, (size, 2, 3, 3), np.uint8), np.arange(size) % 2)
        for name, size in SIZES.items()
    }


def test_it_holds_all_splits(tmp_path: Path) -> None:
    write_prepared(tmp_path / "prepared", CARD, splits())
    pool = load_pool(tmp_path / "prepared")
    images = np.concatenate([split.images for split in splits().values()])
    np.testing.assert_array_equal(pool.images[:], images)
    assert pool.labels.tolist() == [0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1]
    assert (pool.sizes, pool.group_count) == ((5, 3, 4), None)
    assert pool.validation_fraction == 3 / 8
    some = pool.split(np.array([1, 6, 11]))
    np.testing.assert_array_equal(some.images[:], images[[1, 6, 11]])
    assert some.labels.tolist() == [1, 1, 1]


def test_exact_copies_belong_together_and_bring_their_groups_together(tmp_path: Path) -> None:
    found = splits()
    found["test"].images[0] = found["train"].images[0]
    write_prepared(tmp_path / "prepared", CARD, found)
    groups = load_pool(tmp_path / "prepared").groups
    assert np.flatnonzero(groups == groups[0]).tolist() == [0, 8]

    of: dict[SplitName, npt.NDArray[np.int64]] = {
        "train": np.array([7, 7, 2, 3, 4]),
        "validation": np.array([5, 5, 5]),
        "test": np.array([9, 9, 4, 8]),
    }
    write_prepared(tmp_path / "prepared", CARD, found, groups=of)
    pool = load_pool(tmp_path / "prepared")
    together = [np.flatnonzero(pool.groups == group).tolist() for group in np.unique(pool.groups)]
    assert sorted(together) == [[0, 1, 8, 9], [2], [3], [4, 10], [5, 6, 7], [11]]
    assert pool.group_count == 6


def test_a_missing_dataset_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `dvc repro prepare`"):
        load_pool(tmp_path)
