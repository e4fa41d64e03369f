import numpy as np
import pytest

from spotimes.dataset import Split
from spotimes.errors import InputError
from spotimes.split import first_of_each_class, split_validation, validation_count

NAMES = ["cat", "dog", "owl"]


def numbered(labels: list[int]) -> Split:
    """Images whose every pixel is their place, so that they can be told apart."""
    places = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Split(np.broadcast_to(places, (len(labels), 2, 2, 3)).copy(), np.array(labels))


def places(split: Split) -> list[int]:
    return [int(image[0, 0, 0]) for image in split.images]


def test_validation_has_the_same_share_of_each_class() -> None:
    train, validation = split_validation(
        numbered([0, 1, 2] * 20 + [0] * 20 + [1] * 10), 0.1, 1, NAMES
    )
    assert np.bincount(validation.labels).tolist() == [4, 3, 2]
    assert np.bincount(train.labels).tolist() == [36, 27, 18]


def test_every_image_is_in_one_split_with_its_label_and_in_order() -> None:
    whole = numbered([2, 1, 0, 0, 1, 2] * 10)
    train, validation = split_validation(whole, 0.3, 1, NAMES)
    assert sorted(places(train) + places(validation)) == list(range(60))
    for split in (train, validation):
        assert places(split) == sorted(places(split))
        np.testing.assert_array_equal(split.labels, whole.labels[places(split)])


def test_the_seed_makes_the_choice() -> None:
    whole = numbered([0, 1, 2] * 40)
    first = places(split_validation(whole, 0.25, 7, NAMES)[1])
    assert first == places(split_validation(whole, 0.25, 7, NAMES)[1])
    assert first != places(split_validation(whole, 0.25, 8, NAMES)[1])


def test_the_choice_is_the_same_for_everyone() -> None:
    _, validation = split_validation(numbered([0, 1, 2] * 10), 0.2, 1, NAMES)
    assert places(validation) == [1, 4, 5, 11, 12, 24]


def test_a_smaller_validation_is_part_of_a_larger() -> None:
    whole = numbered([0, 1, 2] * 40)
    small = places(split_validation(whole, 0.1, 1, NAMES)[1])
    large = places(split_validation(whole, 0.5, 1, NAMES)[1])
    assert set(small) < set(large)


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
    assert validation_count(images, fraction) == count


def test_a_class_of_one_image_cannot_be_split() -> None:
    with pytest.raises(InputError, match="train has 1 images of owl; a class needs 2 or more"):
        split_validation(numbered([0, 0, 1, 1, 2]), 0.5, 1, NAMES)


def test_subset_takes_the_first_of_each_class_in_their_order() -> None:
    subset = first_of_each_class(numbered([2, 2, 0, 2, 1, 1, 0, 1, 0]), 2, NAMES, "train")
    assert places(subset) == [0, 1, 2, 4, 5, 6]
    assert subset.labels.tolist() == [2, 2, 0, 1, 1, 0]


def test_subset_larger_than_a_class_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        first_of_each_class(numbered([0, 0, 0, 1, 1, 2, 2, 2]), 3, NAMES, "test")
    assert str(caught.value) == (
        "prepare.images_per_class: is 3, but test has only 2 images of dog"
    )
