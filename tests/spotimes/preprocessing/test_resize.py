import hashlib
import io
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.errors import InputError
from spotimes.pixels import RESIZE_MODES, Resize
from spotimes.preprocessing.resize import Target, load_image, resize_image, seen_of
from tests.pictures import Pixels, encoded, sample


def weights(size: int, begin: int, length: int, wanted: int) -> npt.NDArray[np.float64]:
    """What each of `size` pixels gives to each of `wanted`, by an antialiasing triangle."""
    scale = length / wanted
    centres = begin + (np.arange(wanted) + 0.5) * scale
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None])
    triangle = np.maximum(0, 1 - distances / max(1, scale))
    return cast(npt.NDArray[np.float64], triangle / triangle.sum(axis=1, keepdims=True))


def slowly_resized(
    image: Pixels, box: tuple[int, int, int, int], width: int, height: int
) -> npt.NDArray[np.float64]:
    """`box` (left, top, width, height) of an image, brought to a size, in fractions."""
    down = weights(image.shape[0], box[1], box[3], height)
    across = weights(image.shape[1], box[0], box[2], width)
    # Two steps, as three arrays at once take long.
    rows = np.einsum("ip,pqc->iqc", down, image.astype(np.float64))
    return cast(npt.NDArray[np.float64], np.einsum("jq,iqc->ijc", across, rows))


def test_too_little_memory_for_the_resize(
    real: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", fail)
    with pytest.raises(InputError, match=r"^here: needs more memory"):
        load_image(io.BytesIO(encoded(real, "PNG")), "here", Target(8, 8, "rgb", "squash"))


@pytest.mark.parametrize("resize", RESIZE_MODES)
def test_a_picture_of_the_size_keeps_its_pixels(resize: Resize, real: Image.Image) -> None:
    content = io.BytesIO(encoded(real, "PNG"))
    result = load_image(content, "here", Target(32, 48, "rgb", resize))
    assert result.dtype == np.uint8
    assert result.shape == (32, 48, 3)
    np.testing.assert_array_equal(result, np.asarray(real))
    grey = real.convert("L")
    np.testing.assert_array_equal(
        resize_image(grey, Target(32, 48, "grey", resize))[..., 0], np.asarray(grey)
    )


def test_colours_are_converted(real: Image.Image) -> None:
    luma = resize_image(real, Target(32, 48, "grey", "squash"))
    assert luma.shape == (32, 48, 1)
    exact = np.asarray(real) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma[..., 0] - exact).max() < 0.51
    from_grey = resize_image(real.convert("L"), Target(32, 48, "rgb", "squash"))
    np.testing.assert_array_equal(from_grey, np.repeat(luma, 3, axis=2))


def test_colour_is_converted_before_the_resize(real: Image.Image) -> None:
    grey = resize_image(real.convert("L"), Target(7, 9, "grey", "squash"))
    np.testing.assert_array_equal(resize_image(real, Target(7, 9, "grey", "squash")), grey)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (48, 8), (96, 80), (5, 7), (1, 1)])
def test_squash_is_an_antialiased_resize(width: int, height: int, real: Image.Image) -> None:
    result = resize_image(real, Target(height, width, "rgb", "squash"))
    expected = slowly_resized(np.asarray(real), (0, 0, 48, 32), width, height)
    assert np.abs(result - expected).max() < 1.01


@pytest.mark.parametrize(
    ("size", "wanted", "box"),
    [  # (width, height), (width, height), (left, top, width, height)
        ((64, 32), (16, 16), (16, 0, 32, 32)),
        ((32, 20), (8, 8), (6, 0, 20, 20)),
        ((20, 32), (8, 8), (0, 6, 20, 20)),
        ((33, 32), (8, 8), (0, 0, 32, 32)),
        ((100, 3), (5, 2), (46, 0, 8, 3)),
        ((3, 30), (40, 10), (0, 14, 3, 1)),
        ((120, 1), (10, 30), (59, 0, 1, 1)),
        ((40, 32), (80, 64), (0, 0, 40, 32)),
    ],
)
def test_fit_shortest_cuts_out_the_middle(
    size: tuple[int, int],
    wanted: tuple[int, int],
    box: tuple[int, int, int, int],
    cifar10: dict[str, Split],
) -> None:
    image = sample(cifar10, *size)
    result = resize_image(
        Image.fromarray(image), Target(wanted[1], wanted[0], "rgb", "fit_shortest")
    )
    assert np.abs(result - slowly_resized(image, box, *wanted)).max() < 1.01


def test_fit_shortest_of_the_same_height_is_a_cut(cifar10: dict[str, Split]) -> None:
    image = sample(cifar10, 45)
    result = resize_image(Image.fromarray(image), Target(32, 32, "rgb", "fit_shortest"))
    np.testing.assert_array_equal(result, image[:, 6:38])


@pytest.mark.parametrize(
    ("size", "wanted", "place"),
    [  # (width, height), (width, height), (left, top, width, height)
        ((64, 32), (16, 16), (0, 4, 16, 8)),
        ((32, 20), (8, 8), (0, 1, 8, 5)),
        ((20, 32), (8, 8), (1, 0, 5, 8)),
        ((33, 32), (8, 8), (0, 0, 8, 8)),
        ((3, 32), (10, 10), (4, 0, 1, 10)),
        ((128, 3), (10, 10), (0, 4, 10, 1)),
        ((16, 8), (64, 64), (0, 16, 64, 32)),
        ((20, 10), (40, 5), (15, 0, 10, 5)),
    ],
)
def test_fit_longest_fills_with_black(
    size: tuple[int, int],
    wanted: tuple[int, int],
    place: tuple[int, int, int, int],
    cifar10: dict[str, Split],
) -> None:
    image = sample(cifar10, *size)
    result = resize_image(
        Image.fromarray(image), Target(wanted[1], wanted[0], "rgb", "fit_longest")
    )
    left, top, width, height = place
    inside = result[top : top + height, left : left + width].astype(np.int64)
    expected = slowly_resized(image, (0, 0, *size), width, height)
    assert np.abs(inside - expected).max() < 1.01
    result[top : top + height, left : left + width] = 0
    assert not result.any()


@pytest.mark.parametrize("resize", RESIZE_MODES)
@pytest.mark.parametrize("size", [(64, 32), (20, 32), (45, 32), (32, 32), (301, 77)])
def test_seen_of_says_which_part_of_a_picture_an_image_shows(
    size: tuple[int, int], resize: Resize
) -> None:
    """Where a picture's colour says how far right and down it is, an image's pixels tell theirs."""
    down, across = np.indices((size[1], size[0])) + 0.5
    wanted = Target(16, 24, "rgb", resize)
    left, top, right, bottom = seen_of(size, wanted)
    places = []
    for distance, length in ((across, size[0]), (down, size[1])):
        shade = np.rint(1 + 254 * distance / length).astype(np.uint8)
        image = resize_image(Image.fromarray(shade).convert("RGB"), wanted)[..., 0]
        places.append(np.where(image, (image.astype(float) - 1) / 254 * length, np.nan))
    x = left + (np.arange(24) + 0.5) * (right - left) / 24
    y = top + (np.arange(16) + 0.5) * (bottom - top) / 16
    inside = np.nan_to_num((places[0] > 0) & (places[1] > 0))
    assert inside[8, 12]
    for found, expected, length in (
        (places[0], np.tile(x, (16, 1)), size[0]),
        (places[1], np.tile(y, (24, 1)).T, size[1]),
    ):
        # At the picture's edges less is there to be averaged.
        assert np.nanmedian(np.abs(found - expected)[inside]) < 0.02 * length
        assert np.nanmax(np.abs(found - expected)[inside]) < 0.06 * length


@pytest.mark.parametrize("resize", RESIZE_MODES)
@pytest.mark.parametrize("size", [(10_000, 1), (1, 10_000), (1, 1), (9_999, 2)])
def test_extreme_shapes(size: tuple[int, int], resize: Resize) -> None:
    picture = Image.new("RGB", size, (10, 20, 30))
    for height, width in [(96, 96), (1, 1), (7, 200), (200, 7)]:
        result = resize_image(picture, Target(height, width, "rgb", resize))
        assert result.shape == (height, width, 3)
        filled = (result == (10, 20, 30)).all(axis=2)
        if resize != "fit_longest":
            assert filled.all()
            continue
        assert (filled | ~result.any(axis=2)).all()
        rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
        for indices, length in ((rows, height), (columns, width)):
            assert indices[0] == (length - len(indices)) // 2
            assert (np.diff(indices) == 1).all()
        assert len(rows) == height or len(columns) == width


def test_an_unknown_colour_or_resize_is_an_error(real: Image.Image) -> None:
    unknown: list[tuple[Any, Any]] = [("RGB", "squash"), ("rgb", "crop")]
    for colour, resize in unknown:
        with pytest.raises(ValueError, match="no such colour or resize"):
            resize_image(real, Target(8, 8, colour, resize))


@pytest.mark.parametrize(
    ("resize", "digest"),
    [
        ("squash", "75eb8e6cde6040dff549c92450b66e75d28f8202c73d54354cb4b80ca206c682"),
        ("fit_shortest", "a96aa14bb86b218af02ba24f257584e81c0e5dd6a6ccfd7e11028f49a02ae1e8"),
        ("fit_longest", "44b0c0cc56fbe0e9da5ee2d6a6589479d5e28bd35afca3792d5ee6fcf17d528d"),
    ],
)
def test_the_bytes_are_those_that_networks_were_trained_with(resize: Resize, digest: str) -> None:
    indices = np.arange(3 * 131 * 97)
    image = (indices * indices // 7 % 256).astype(np.uint8).reshape(97, 131, 3)
    content = io.BytesIO(encoded(Image.fromarray(image), "PNG"))
    result = load_image(content, "here", Target(40, 48, "rgb", resize))
    assert hashlib.sha256(result.tobytes()).hexdigest() == digest
