from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.errors import InputError
from spotimes.ingestion.division import divided, set_aside, share_of, some_of_each_class
from spotimes.ingestion.groups import Groups
from spotimes.ingestion.split import EXCLUDED, NOT_GIVEN, TEST, TRAIN, VALIDATION
from tests.spotimes.ingestion.sources import params_with, source_of

NAMES = ["cat", "dog", "owl"]


def division(
    labels: npt.NDArray[np.int64], given: npt.NDArray[np.int8], **shares: Any
) -> npt.NDArray[np.int8]:
    source = source_of(np.zeros((len(labels), 2, 2, 3), np.uint8), NAMES, labels=labels)
    return divided(source, given, params_with(**shares))


def chosen(labels: list[int], fraction: float, seed: int = 1) -> list[int]:
    """The indices that are set aside for validation."""
    mask = set_aside(np.array(labels), fraction, seed, len(NAMES))
    return [int(index) for index in np.flatnonzero(mask)]


def test_the_same_share_of_each_class_is_set_aside() -> None:
    labels = np.array([0, 1, 2] * 20 + [0] * 20 + [1] * 10)
    mask = set_aside(labels, 0.1, 1, len(NAMES))
    assert np.bincount(labels[mask]).tolist() == [4, 3, 2]


def test_the_seed_makes_the_choice() -> None:
    labels = [0, 1, 2] * 40
    assert chosen(labels, 0.25, 7) == chosen(labels, 0.25, 7)
    assert chosen(labels, 0.25, 7) != chosen(labels, 0.25, 8)


def test_the_choice_is_the_same_for_everyone() -> None:
    assert chosen([0, 1, 2] * 10, 0.2) == [1, 4, 5, 11, 12, 24]


def test_a_smaller_choice_is_part_of_a_larger() -> None:
    labels = [0, 1, 2] * 40
    assert set(chosen(labels, 0.1)) < set(chosen(labels, 0.5))


@pytest.mark.parametrize(
    ("images", "fraction", "count"),
    [
        (5000, 0.1, 500),
        (25, 0.1, 3),  # 2.5, halves up
        (24, 0.1, 2),
        (50, 0.29, 15),  # 14.5 exactly; in binary floating point a little less
        (2, 0.1, 1),  # never none
        (2, 0.9, 1),  # never all
    ],
)
def test_count_is_the_nearest_whole_number(images: int, fraction: float, count: int) -> None:
    assert share_of(images, fraction) == count


@pytest.mark.parametrize(("said", "needed"), [(NOT_GIVEN, 3), (TEST, 2)])
def test_a_class_needs_an_image_for_each_split_that_is_made(said: int, needed: int) -> None:
    labels = np.array([0] * 5 + [1] * 5 + [2] * (needed - 1) + [0, 1, 2])
    given = np.repeat(np.array([NOT_GIVEN, said], np.int8), [len(labels) - 3, 3])
    if said == NOT_GIVEN:
        labels, given = labels[:-1], given[:-1]
    with pytest.raises(InputError) as caught:
        division(labels, given, test_fraction=0.2, validation_fraction=0.2)
    assert str(caught.value) == (
        f"mine: the class owl has too few images for the splits that are made of them: "
        f"{needed - 1}; it needs {needed} or more, one for each"
    )


def test_so_many_of_each_class_are_drawn_by_the_seed() -> None:
    labels = np.array([0, 1, 2] * 40)

    def drawn(count: int, seed: int) -> set[int]:
        found = some_of_each_class(labels, count, seed, NAMES, "train").tolist()
        assert found == sorted(found)
        assert np.bincount(labels[found]).tolist() == [count] * 3
        return set(found)

    assert drawn(5, 1) == drawn(5, 1)
    assert drawn(5, 1) != drawn(5, 2)
    assert drawn(5, 1) < drawn(9, 1)


def test_the_draw_is_the_same_for_everyone() -> None:
    labels = np.array([0, 1, 2] * 10)
    assert some_of_each_class(labels, 2, 1, NAMES, "train").tolist() == [1, 4, 5, 11, 12, 24]


def test_more_than_a_class_has_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        some_of_each_class(np.array([0, 0, 0, 1, 1, 2, 2, 2]), 3, 1, NAMES, "test")
    assert str(caught.value) == (
        "params.yaml: prepare.images_per_class.test: 3 is not allowed: test has only 2 images of "
        "dog"
    )


LABELS = np.array([0, 1, 2] * 40)


def counts(split_of: npt.NDArray[np.int8], split: int) -> list[int]:
    """Images of each class in a split."""
    return [int(count) for count in np.bincount(LABELS[split_of == split], minlength=3)]


def test_a_source_without_splits_gets_test_and_then_validation() -> None:
    split_of = division(LABELS, np.full(120, NOT_GIVEN, np.int8), validation_fraction=0.1)
    assert counts(split_of, TEST) == [10, 10, 10]
    assert counts(split_of, VALIDATION) == [3, 3, 3]
    assert counts(split_of, TRAIN) == [27, 27, 27]


@pytest.mark.parametrize("said", [NOT_GIVEN, TEST])
def test_few_training_images_leave_the_test_split_as_it_is(said: int) -> None:
    given = np.repeat(np.array([NOT_GIVEN, said], np.int8), [90, 30])
    whole = division(LABELS, given, validation_fraction=0.1)
    some = {"train": 10, "test": None}
    split_of = division(LABELS, given, validation_fraction=0.1, images_per_class=some)
    np.testing.assert_array_equal(split_of == TEST, whole == TEST)
    assert counts(split_of, TRAIN) == [9, 9, 9]
    assert counts(split_of, VALIDATION) == [1, 1, 1]


def test_few_test_images_leave_the_others_as_they_are() -> None:
    given = np.full(120, NOT_GIVEN, np.int8)
    whole = division(LABELS, given)
    split_of = division(LABELS, given, images_per_class={"train": None, "test": 2})
    assert counts(split_of, TEST) == [2, 2, 2]
    assert set(np.flatnonzero(split_of == TEST)) < set(np.flatnonzero(whole == TEST))
    for split in (TRAIN, VALIDATION):
        np.testing.assert_array_equal(split_of == split, whole == split)


def test_a_validation_split_of_the_source_is_taken_whole() -> None:
    given = np.repeat(np.array([TRAIN, VALIDATION, TEST], np.int8), 40)
    split_of = division(LABELS, given, images_per_class={"train": 5, "test": None})
    np.testing.assert_array_equal(split_of == VALIDATION, given == VALIDATION)
    assert counts(split_of, TRAIN) == [5, 5, 5]


def test_what_the_source_says_stands() -> None:
    given = np.repeat(np.array([TRAIN, VALIDATION, TEST], np.int8), 40)
    np.testing.assert_array_equal(division(LABELS, given, validation_fraction=0.1), given)


@pytest.mark.parametrize(("said", "other"), [(TEST, VALIDATION), (VALIDATION, TEST)])
def test_only_the_split_that_is_lacking_is_made(said: int, other: int) -> None:
    given = np.repeat(np.array([TRAIN, said], np.int8), [90, 30])
    split_of = division(LABELS, given, validation_fraction=0.1)
    np.testing.assert_array_equal(split_of == said, given == said)
    assert counts(split_of, other) == ([3, 3, 3] if other == VALIDATION else [8, 8, 8])


def test_what_is_excluded_stays_so_and_counts_nowhere() -> None:
    given = np.full(120, NOT_GIVEN, np.int8)
    given[:60] = EXCLUDED
    split_of = division(LABELS, given, validation_fraction=0.1)
    assert (split_of[:60] == EXCLUDED).all()
    assert counts(split_of, TEST) == [5, 5, 5]
    assert (given[60:] == NOT_GIVEN).all()


def grouped(labels: list[int], groups: list[int], **shares: Any) -> list[int]:
    """The splits of images of which those of the same number belong together; -1 is alone."""
    source = source_of(np.zeros((len(labels), 2, 2, 3), np.uint8), NAMES, labels=np.array(labels))
    assert source.files is not None
    of = np.array(groups)
    files = source.files._replace(groups=Groups(of, [f"g{each}" for each in range(of.max() + 1)]))
    split_of = divided(source._replace(files=files), source.given, params_with(**shares))
    for group in set(groups) - {-1}:
        assert len(np.unique(split_of[of == group])) == 1
    return [int(split) for split in split_of]


def test_groups_stay_together_and_each_class_gives_its_share() -> None:
    labels = np.repeat([0, 1, 2], 60).tolist()
    groups = np.repeat(np.arange(36), 5).tolist()
    split_of = np.array(grouped(labels, groups, test_fraction=0.25, validation_fraction=0.2))
    for split, count in ((TRAIN, 35), (VALIDATION, 10), (TEST, 15)):
        assert np.bincount(np.array(labels)[split_of == split]).tolist() == [count] * 3


def test_images_that_are_of_no_group_are_alone() -> None:
    split_of = grouped([0, 1, 2] * 20, [0, 1, 2] * 4 + [-1] * 48, test_fraction=0.3)
    assert np.bincount(np.array(split_of), minlength=3)[TEST] == 18


def test_a_class_of_too_few_groups() -> None:
    with pytest.raises(InputError) as caught:
        grouped([0, 1, 2] * 5, [*range(3), *[0, 1, 2] * 4])
    assert str(caught.value) == (
        "mine: the class cat has too few groups of images for the splits that are made of them: 1; "
        "it needs 3 or more, one for each"
    )


def test_groups_that_no_choice_divides() -> None:
    # Of the first three groups each two share a class: whatever is set aside, one class keeps none.
    labels, groups = np.array([0, 1, 0, 2, 1, 2, 0, 1, 2]), np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])
    source = source_of(np.zeros((9, 2, 2, 3), np.uint8), NAMES, labels=labels)
    assert source.files is not None
    files = source.files._replace(groups=Groups(groups, ["a", "b", "c", "validated"]))
    given = np.where(groups == 3, np.int8(VALIDATION), np.int8(TRAIN))
    with pytest.raises(InputError, match="mine: no way is found to divide the groups that leaves"):
        divided(source._replace(files=files), given, params_with())


def test_what_is_excluded_is_of_no_group() -> None:
    labels = np.array([0, 1, 2] * 20)
    source = source_of(np.zeros((60, 2, 2, 3), np.uint8), NAMES, labels=labels)
    assert source.files is not None
    files = source.files._replace(groups=Groups(np.arange(60) // 3, [str(n) for n in range(20)]))
    given = source.given.copy()
    given[::3] = EXCLUDED
    given[0] = NOT_GIVEN
    with pytest.raises(InputError, match="the class cat has too few images"):
        divided(source._replace(files=files), given, params_with())
