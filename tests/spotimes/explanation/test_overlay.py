import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.explanation.overlay import AGAINST, FOR, Box, overlaid, side_by_side

MAP = np.array([[1, 0], [0, -2]], np.float32)
OPPOSITE = np.array([[-0.25, 0], [0, 0.5]], np.float32)


def pixels(drawn: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(drawn)


def test_what_speaks_for_the_class_is_orange_and_what_speaks_against_it_blue() -> None:
    drawn = pixels(overlaid(Image.new("RGB", (300, 300), "black"), MAP))
    np.testing.assert_allclose(drawn[-1, -1], 0.8 * np.array(AGAINST), atol=1)
    np.testing.assert_allclose(drawn[0, 0], 0.4 * np.array(FOR), atol=1)
    assert not drawn[5, -5].any()


def test_the_picture_below_is_grey() -> None:
    drawn = pixels(
        overlaid(Image.new("RGB", (300, 200), (200, 40, 90)), np.zeros((4, 4), np.float32))
    )
    assert drawn.shape == (200, 300, 3)
    assert len(np.unique(drawn)) == 1


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((32, 32), (256, 256)),
        ((100, 30), (300, 90)),
        ((4096, 1024), (1024, 256)),
        ((1, 4000), (1, 1024)),
    ],
)
def test_size(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert overlaid(Image.new("L", size), MAP).size == drawn
    assert side_by_side(Image.new("L", size), [MAP]).size == (2 * drawn[0], drawn[1])


def test_what_the_network_does_not_see_is_darkened_and_has_no_map() -> None:
    middle = Box(100, 0, 300, 200)
    drawn = pixels(overlaid(Image.new("L", (400, 200), 90), np.ones((2, 2), np.float32), middle))
    assert (drawn[:, :100] == 30).all()
    assert (drawn[:, 300:] == 30).all()
    assert (drawn[:, 100:300] != 30).all()


def test_a_map_that_reaches_beyond_the_picture_is_cut() -> None:
    beyond = Box(-300, 0, 600, 300)
    map_ = np.array([[0, 1, 0]], np.float32)
    drawn = pixels(overlaid(Image.new("L", (300, 300)), map_, beyond))
    np.testing.assert_allclose(drawn[:, 150], np.tile(0.8 * np.array(FOR), (300, 1)), atol=2)


def test_the_picture_itself_is_on_the_left_and_the_maps_are_in_their_order_and_one_scale() -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 280, 3), np.uint8))
    row = pixels(side_by_side(picture, [MAP, OPPOSITE]))
    np.testing.assert_array_equal(row[:, :280], pixels(picture))
    np.testing.assert_array_equal(row[:, 280:560], pixels(overlaid(picture, MAP)))
    np.testing.assert_array_equal(row[:, 560:], pixels(overlaid(picture, OPPOSITE, largest=2)))
