import itertools

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.dataset.prepared import Split, SplitName
from spotimes.params.train import Augmentation
from spotimes.training.augmentation import augment, cut_mix

Images = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def images(cifar10: dict[SplitName, Split]) -> Images:
    return cifar10["train"].images[:200]


def augmented(
    images: Images,
    flip: bool = False,
    shift: float = 0,
    seed: int = 1,
    *,
    brightness: float = 0,
    contrast: float = 0,
    cutout: float = 0,
) -> Images:
    augmentation = Augmentation(
        flip=flip,
        shift=shift,
        brightness=brightness,
        contrast=contrast,
        cutout=cutout,
        cutmix=0,
        cutmix_until=1,
    )
    return augment(images, augmentation, np.random.default_rng(seed))


def shifted(images: Images, down: int, right: int) -> Images:
    """Pixel by pixel; black comes in."""
    height, width = images.shape[1:3]
    result = np.zeros_like(images)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = images[:, row - down, column - right]
    return result


def test_a_seed_decides_and_the_input_stays(images: Images) -> None:
    before = images.copy()
    first = augmented(images, True, 0.125)
    np.testing.assert_array_equal(first, augmented(images, True, 0.125))
    assert (first != augmented(images, True, 0.125, seed=2)).any()
    np.testing.assert_array_equal(images, before)
    assert (str(first.dtype), first.shape) == ("uint8", images.shape)


def test_without_changes_the_pixels_stay(images: Images) -> None:
    np.testing.assert_array_equal(augmented(images, False, 0), images)


def test_a_flip_mirrors_left_and_right_about_half_of_the_images(images: Images) -> None:
    result = augmented(images, True, 0)
    mirrored = (result == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (result == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 60 < mirrored.sum() < 140  # 200 throws: outside with probability 1e-8


@pytest.mark.parametrize("flip", [False, True])
def test_each_image_is_a_possible_shift_of_itself(images: Images, flip: bool) -> None:
    limit = 2
    some = images[:60]
    results = augmented(some, flip, limit / 32)
    moves: list[list[tuple[int, int, bool]]] = [[] for _ in some]
    for down, right in itertools.product(range(-limit, limit + 1), repeat=2):
        move = shifted(some, down, right)
        for mirrored in [False, True] if flip else [False]:
            same = (results == move[:, :, :: -1 if mirrored else 1]).all(axis=(1, 2, 3))
            for index in np.flatnonzero(same):
                moves[index].append((down, right, mirrored))
    assert {len(each) for each in moves} == {1}
    found = {each[0] for each in moves}
    for axis in (0, 1):
        assert {move[axis] for move in found} == set(range(-limit, limit + 1))
    assert {move[2] for move in found} == ({False, True} if flip else {False})


def test_images_need_not_be_square_nor_colourful() -> None:
    images = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7, 1) + np.uint8(1)
    result = augmented(images, True, 0.2)
    assert result.shape == images.shape
    for image, changed in zip(images, result, strict=True):
        assert set(changed.ravel()) - {0} <= set(image.ravel())


def test_a_shift_is_a_share_of_each_side() -> None:
    images = np.full((300, 8, 16, 1), 255, np.uint8)
    black = augmented(images, shift=0.25)[..., 0] == 0
    assert set(black.all(axis=2).sum(axis=1).tolist()) == {0, 1, 2}
    assert set(black.all(axis=1).sum(axis=1).tolist()) == {0, 1, 2, 3, 4}


def test_a_shift_as_wide_as_the_image_may_leave_it_black() -> None:
    images = np.full((100, 2, 2, 3), 255, np.uint8)
    result = augmented(images, False, 0.99)
    sums = set(result[..., 0].sum(axis=(1, 2)).tolist())
    assert sums == {0, 255, 510, 1020}


def test_a_cut_out_rectangle_is_black_and_the_rest_stays(images: Images) -> None:
    white = np.maximum(images, 1)
    result = augmented(white, cutout=0.25)
    black = (result == 0).all(axis=3)
    assert (result == np.where(black[..., None], 0, white)).all()
    sizes = set()
    for hole in black:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (8, 8)
    # A hole about a pixel at the edge lies half outside; never less than half of it is inside.
    assert {side for size in sizes for side in size} == {4, 5, 6, 7, 8}
    assert len({hole.tobytes() for hole in black}) > 100


def test_brightness_moves_all_pixels_of_an_image_alike_within_its_limit() -> None:
    images = np.full((200, 2, 2, 3), 100, np.uint8)
    images[:, 0, 0] = 110
    moved = augmented(images, brightness=0.1).astype(int)
    offsets = moved[:, 1, 1, 0] - 100
    assert (moved[:, 0, 0, 0] - moved[:, 1, 1, 0] == 10).all()
    assert (moved[..., 0] == moved[..., 2]).all()
    assert -26 <= offsets.min() < -15
    assert 15 < offsets.max() <= 26


def test_contrast_stretches_about_middle_grey() -> None:
    images = np.empty((200, 1, 2, 1), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = 77, 178  # 50.5 to either side of 127.5
    spread = augmented(images, contrast=0.2).astype(int)
    np.testing.assert_allclose(spread.sum(axis=(1, 2, 3)), 255, atol=1)
    distances = (spread[:, 0, 1, 0] - spread[:, 0, 0, 0]) / 101
    assert 0.79 < distances.min() < 0.85
    assert 1.15 < distances.max() < 1.21


def test_black_and_white_stay_within_the_range() -> None:
    images = np.zeros((100, 1, 2, 3), np.uint8)
    images[:, 0, 1] = 255
    changed = augmented(images, brightness=0.9, contrast=0.9)
    assert (changed[:, 0, 0] <= changed[:, 0, 1]).all()


def test_a_mixed_images_target_is_what_it_shows_of_each() -> None:
    """Image i is i all over, and of class i: what an image shows can be counted."""
    count = 100
    images = np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 16, 3)
    )
    targets = np.eye(count, dtype=np.float32)
    mixed, mixed_targets = cut_mix(images, targets, 0.5, np.random.default_rng(1))
    assert (str(mixed.dtype), mixed.shape) == ("uint8", images.shape)
    assert str(mixed_targets.dtype) == "float32"
    for image, target in zip(mixed, mixed_targets, strict=True):
        shown = np.bincount(image[..., 0].ravel(), minlength=count) / (8 * 16)
        np.testing.assert_allclose(target, shown, atol=1e-6)
    changed = (mixed != images).any(axis=(1, 2, 3))
    assert 30 < changed.sum() < 60
    of_others = 1 - mixed_targets.max(axis=1)[changed]
    assert of_others.min() < 0.1
    assert of_others.max() > 0.4
    np.testing.assert_array_equal(targets, np.eye(count))


def test_a_mixed_image_shows_one_rectangle_of_another_in_its_place(images: Images) -> None:
    before = images.copy()
    targets = np.eye(len(images), dtype=np.float32)
    mixed, mixed_targets = cut_mix(images, targets, 1, np.random.default_rng(1))
    np.testing.assert_array_equal(images, before)
    for index, (image, target) in enumerate(zip(mixed, mixed_targets, strict=True)):
        two = np.flatnonzero(target)
        other = next((each for each in two if each != index), index)
        hit = (image == images[other]).all(axis=2)
        kept = (image == images[index]).all(axis=2)
        assert (hit | kept).all()
        rows, columns = np.flatnonzero((~kept).any(axis=1)), np.flatnonzero((~kept).any(axis=0))
        if rows.size:
            assert hit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    again, _ = cut_mix(images, targets, 1, np.random.default_rng(1))
    np.testing.assert_array_equal(again, mixed)


def test_without_a_share_nothing_is_mixed(images: Images) -> None:
    targets = np.eye(len(images), dtype=np.float32)
    mixed, mixed_targets = cut_mix(images, targets, 0, np.random.default_rng(1))
    np.testing.assert_array_equal(mixed, images)
    np.testing.assert_array_equal(mixed_targets, targets)
