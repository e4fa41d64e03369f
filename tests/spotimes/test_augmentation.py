import numpy as np
import numpy.typing as npt
import pytest

from spotimes.augmentation import augment
from spotimes.dataset import Split, SplitName
from spotimes.params.train import Augmentation

Images = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def images(cifar10: dict[SplitName, Split]) -> Images:
    return cifar10["train"].images[:200]


def augmented(images: Images, flip: bool, shift: int, seed: int = 1) -> Images:
    return augment(images, Augmentation(flip=flip, shift=shift), np.random.default_rng(seed))


def shifted(image: Images, down: int, right: int) -> Images:
    """Pixel by pixel; black comes in."""
    height, width, channels = image.shape
    result = np.zeros((height, width, channels), np.uint8)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = image[row - down, column - right]
    return result


def test_a_seed_decides_and_the_input_stays(images: Images) -> None:
    before = images.copy()
    first = augmented(images, True, 4)
    np.testing.assert_array_equal(first, augmented(images, True, 4))
    assert (first != augmented(images, True, 4, seed=2)).any()
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
    found = set()
    for image, result in zip(some, augmented(some, flip, limit), strict=True):
        moves = [
            (down, right, mirrored)
            for down in range(-limit, limit + 1)
            for right in range(-limit, limit + 1)
            for mirrored in ([False, True] if flip else [False])
            if np.array_equal(result, shifted(image, down, right)[:, :: -1 if mirrored else 1])
        ]
        assert len(moves) == 1
        found.add(moves[0])
    for axis in (0, 1):
        assert {move[axis] for move in found} == set(range(-limit, limit + 1))
    assert {move[2] for move in found} == ({False, True} if flip else {False})


def test_images_need_not_be_square_nor_colourful() -> None:
    images = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7, 1) + np.uint8(1)
    result = augmented(images, True, 1)
    assert result.shape == images.shape
    for image, changed in zip(images, result, strict=True):
        assert set(changed.ravel()) - {0} <= set(image.ravel())


def test_a_shift_as_wide_as_the_image_may_leave_it_black() -> None:
    images = np.full((100, 2, 2, 3), 255, np.uint8)
    result = augmented(images, False, 2)
    sums = set(result[..., 0].sum(axis=(1, 2)).tolist())
    assert sums == {0, 255, 510, 1020}
