import numpy as np
import pytest

from spotimes.dataset import image_file
from spotimes.dataset.prepared import Split, SplitName
from spotimes.ingestion.exact_copies import combined_digest, exact_groups, image_digests


def test_equal_images_are_grouped() -> None:
    images = np.random.default_rng(3).integers(0, 256, (9, 5, 4, 3), np.uint8)
    images[[2, 6]] = images[1]
    images[7] = images[0]
    assert [group.tolist() for group in exact_groups(image_digests(images))] == [[0, 7], [1, 2, 6]]


def test_one_other_pixel_is_another_image() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    images[1, 7, 7] = 1
    assert exact_groups(image_digests(images)) == []


def test_nothing_and_one_image() -> None:
    for count in (0, 1):
        digests = image_digests(np.zeros((count, 8, 9, 3), np.uint8))
        assert digests.shape == (count, 2)
        assert exact_groups(digests) == []


def test_digests_of_a_few_images_at_a_time_are_those_of_the_whole(
    cifar10: dict[SplitName, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = cifar10["test"].images[:]
    whole = image_digests(images)
    monkeypatch.setattr(image_file, "BYTES_AT_ONCE", 7 * 32 * 32 * 3)
    np.testing.assert_array_equal(image_digests(images), whole)


def test_one_digest_of_images_in_any_order(cifar10: dict[SplitName, Split]) -> None:
    digests = image_digests(cifar10["test"].images[:])
    assert combined_digest(digests) == combined_digest(digests[::-1])
    assert combined_digest(digests) != combined_digest(digests[1:])
    assert combined_digest(digests) != combined_digest(np.concatenate([digests, digests[:1]]))
