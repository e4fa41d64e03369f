import io
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset import image_file
from spotimes.dataset.prepared import Split, SplitName
from spotimes.ingestion import near_copies
from spotimes.ingestion.near_copies import MOST_BITS, NEAREST, difference_hashes, near_pairs

Images = npt.NDArray[np.uint8]
GENERATOR = np.random.default_rng(3)


def found_pairs(*arguments: Any) -> Any:
    return near_pairs(*arguments)[0]


def photos(cifar10: dict[SplitName, Split]) -> Images:
    return np.concatenate([split.images[:] for split in cifar10.values()])


def saved_again(images: Images, quality: int) -> Images:
    again = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        again.append(np.asarray(Image.open(stream)))
    return np.array(again)


def enlarged(images: Images, side: int) -> Images:
    return np.array([np.asarray(Image.fromarray(image).resize((side, side))) for image in images])


def flat(levels: list[int]) -> Images:
    return np.array(levels, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 12, 12, 3), np.uint8)


def in_splits(*counts: int) -> npt.NDArray[np.int8]:
    return np.repeat(np.arange(len(counts), dtype=np.int8), counts)


def found_between(one: Images, other: Images) -> list[tuple[int, int]]:
    images = np.concatenate([one, other])
    hashes = difference_hashes(images)
    pairs = found_pairs(images, hashes, in_splits(len(one), len(other)))
    return [(earlier, later) for earlier, later in pairs.tolist()]


class Counting:
    """Stands for images on a disk, and counts what is read."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self.shape = images.shape
        self.asked: list[int] = []
        self.most_at_once = 0

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Any) -> Images:
        chosen = np.arange(len(self))[index].reshape(-1)
        self.asked += chosen.tolist()
        self.most_at_once = max(self.most_at_once, len(chosen))
        images: Images = self._images[chosen]
        return images


def test_nothing_and_one_image() -> None:
    for count in (0, 1):
        images = np.zeros((count, 8, 9, 3), np.uint8)
        hashes = difference_hashes(images)
        assert hashes.shape == (count,)
        assert found_pairs(images, hashes, np.zeros(count, np.int8)).shape == (0, 2)


def test_the_hash_is_krawetz_difference_hash() -> None:
    grey = GENERATOR.integers(0, 256, (8, 9), np.uint8)
    bits = "".join(
        str(int(right > left + near_copies.MARGIN))
        for row in grey.astype(int)
        for left, right in pairwise(row)
    )
    # Any size that is a multiple reduces to the same areas, exactly.
    larger = grey.repeat(3, axis=0).repeat(2, axis=1)
    for image in (grey, larger):
        hashes = difference_hashes(np.stack([image] * 3, axis=2)[None])
        assert int(hashes[0]) == int(bits, 2)


def test_areas_that_cut_through_pixels_weigh_them(cifar10: dict[SplitName, Split]) -> None:
    images = cifar10["test"].images[:]
    enlarged_exactly = images.repeat(9, axis=2).repeat(8, axis=1)  # to whole pixels an area
    np.testing.assert_array_equal(difference_hashes(images), difference_hashes(enlarged_exactly))


@pytest.mark.parametrize("height", [2, 3, 7, 17])
@pytest.mark.parametrize("width", [2, 8, 10])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_is_compared(height: int, width: int, channels: int) -> None:
    shape = (6, height, width, channels)
    images = GENERATOR.integers(0, 256, shape, np.uint8)
    assert found_between(images[:3], images[:3]) == [(0, 3), (1, 4), (2, 5)]


@pytest.mark.parametrize(("quality", "share"), [(75, 0.96), (90, 0.99)])
def test_photos_saved_again_are_found(
    cifar10: dict[SplitName, Split], quality: int, share: float
) -> None:
    images = photos(cifar10)
    found = found_between(images, saved_again(images, quality))
    assert len(found) >= share * len(images)
    assert all(later - earlier == len(images) for earlier, later in found)


def test_brighter_and_resized_photos_are_found(cifar10: dict[SplitName, Split]) -> None:
    images = cifar10["train"].images[:]
    brighter = np.minimum(images.astype(int) + 5, 255).astype(np.uint8)
    assert len(found_between(images, brighter)) >= 0.98 * len(images)
    again = enlarged(enlarged(images, 96), 32)
    assert len(found_between(images, again)) >= 0.98 * len(images)


def test_large_photos_shifted_by_a_pixel_are_found_more_often_than_not(
    cifar10: dict[SplitName, Split],
) -> None:
    images = enlarged(cifar10["train"].images[:], 96)
    shifted = images[:, :, [0, *range(95)]]
    assert len(found_between(images, shifted)) > 0.5 * len(images)


def test_different_photos_are_not_found(cifar10: dict[SplitName, Split]) -> None:
    train, test = cifar10["train"].images[:], cifar10["test"].images[:]
    assert found_between(train, test) == []


def test_alike_hashes_of_different_images_are_not_enough(cifar10: dict[SplitName, Split]) -> None:
    images = photos(cifar10)[:40]
    same = np.full(40, 5, np.uint64)
    assert found_pairs(images, same, in_splits(20, 20)).tolist() == []


def test_a_small_thing_elsewhere_is_another_image() -> None:
    one, other = np.zeros((2, 1, 32, 32, 3), np.uint8)
    one[:, 4:8, 10:14] = 255
    other[:, 20:24, 10:14] = 255
    difference = 2 * 16 * 255 / 32**2
    assert difference <= near_copies.MOST_MEAN_DIFFERENCE
    images = np.concatenate([one, other])
    assert found_pairs(images, np.zeros(2, np.uint64), in_splits(1, 1)).tolist() == []


def test_only_pairs_in_different_splits_count() -> None:
    images = GENERATOR.integers(0, 256, (1, 16, 16, 3), np.uint8).repeat(5, axis=0)
    hashes = difference_hashes(images)
    splits = np.array([2, 0, 2, -1, 0], np.int8)
    assert found_pairs(images, hashes, splits).tolist() == [
        [0, 1], [0, 3], [0, 4], [1, 2], [1, 3], [2, 3], [2, 4], [3, 4],
    ]  # fmt: skip
    assert found_pairs(images, hashes, np.ones(5, np.int8)).tolist() == []


def test_flat_images_are_distinguished_by_their_level() -> None:
    assert found_between(flat([0, 100, 250]), flat([60, 103, 200])) == [(1, 4)]


def test_banding_finds_all_hashes_within_three_bits() -> None:
    # Families of hashes, so that many differ in 2, 3 or 4 bits.
    hashes = GENERATOR.integers(0, 1 << 63, 40, np.uint64).repeat(12)
    for step in (1, 2):
        hashes[::step] ^= np.uint64(1) << GENERATOR.integers(0, 64, len(hashes) // step, np.uint64)
    splits = GENERATOR.integers(0, 3, len(hashes)).astype(np.int8)
    images = np.zeros((len(hashes), 2, 2, 1), np.uint8)
    expected = [
        [one, other]
        for one in range(len(hashes))
        for other in range(one + 1, len(hashes))
        if splits[one] != splits[other]
        and int(hashes[one] ^ hashes[other]).bit_count() <= MOST_BITS
    ]
    differing = [int(hashes[one] ^ hashes[other]).bit_count() for one, other in expected]
    assert min(np.bincount(differing)[2:]) > 100
    assert found_pairs(images, hashes, splits).tolist() == expected


def test_of_a_crowd_each_image_is_in_a_pair_but_not_in_all() -> None:
    images = flat([0] * 400)
    hashes = difference_hashes(images)
    pairs = found_pairs(images, hashes, in_splits(300, 100))
    assert set(pairs.ravel().tolist()) == set(range(400))
    assert len(pairs) <= 400 * NEAREST
    np.testing.assert_array_equal(pairs, found_pairs(images, hashes, in_splits(300, 100)))


def test_in_a_crowd_the_nearest_in_brightness_are_compared() -> None:
    levels = np.arange(256).repeat(3).tolist()
    images = flat([*levels, *range(0, 256, 30)])
    hashes = difference_hashes(images)
    pairs = found_pairs(images, hashes, in_splits(len(levels), 9))
    for place, level in enumerate(range(0, 256, 30)):
        partners = pairs[pairs[:, 1] == len(levels) + place, 0] // 3
        assert level in partners
        assert np.abs(partners - level).max() <= near_copies.MOST_MEAN_DIFFERENCE


def test_the_search_ends_when_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_copies, "MOST_PAIRS", 50)
    images = flat([0] * 40)
    hashes = difference_hashes(images)
    pairs, are_all = near_pairs(images, hashes, in_splits(20, 20))
    assert (len(pairs), are_all) == (50, False)
    assert near_pairs(images[:10], hashes[:10], in_splits(9, 1))[1] is True
    assert pairs.tolist() == sorted(pairs.tolist())


def test_an_image_is_read_once_at_most_and_only_if_its_hash_is_alike(
    cifar10: dict[SplitName, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_copies, "BYTES_AT_ONCE", 7 * 32 * 32 * 3)
    images = photos(cifar10)
    copies = images[:30]
    source = Counting(np.concatenate([images, copies]))
    hashes = difference_hashes(source[:])
    source.asked.clear()
    source.most_at_once = 0
    pairs = found_pairs(source, hashes, in_splits(len(images), len(copies)))
    assert pairs.tolist() == [[place, len(images) + place] for place in range(30)]
    assert len(source.asked) == len(set(source.asked))
    assert len(source.asked) < 0.25 * len(source)
    assert source.most_at_once <= 7


def test_hashes_of_a_few_images_at_a_time_are_those_of_the_whole(
    cifar10: dict[SplitName, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = photos(cifar10)
    whole = difference_hashes(images)
    monkeypatch.setattr(image_file, "BYTES_AT_ONCE", 33 * 32 * 32 * 3)
    source = Counting(images)
    np.testing.assert_array_equal(difference_hashes(source), whole)
    assert source.most_at_once == 33
