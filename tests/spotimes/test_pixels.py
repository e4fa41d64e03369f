import numpy as np
import pytest

from spotimes.pixels import PLAIN, Normalization, colour_of, to_float32, to_int8, to_uint8

EVERY_PIXEL = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


def test_int8_is_the_pixel_less_128() -> None:
    found = to_int8(EVERY_PIXEL)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, EVERY_PIXEL.astype(int) - 128)


def test_int8_and_uint8_are_each_others_inverse() -> None:
    np.testing.assert_array_equal(to_uint8(to_int8(EVERY_PIXEL)), EVERY_PIXEL)
    np.testing.assert_array_equal(to_uint8(EVERY_PIXEL), EVERY_PIXEL)
    np.testing.assert_array_equal(to_int8(to_int8(EVERY_PIXEL)), to_int8(EVERY_PIXEL))


def test_float32_is_the_pixel_over_255_from_either() -> None:
    expected = (EVERY_PIXEL / 255).astype(np.float32)
    for images in (EVERY_PIXEL, to_int8(EVERY_PIXEL)):
        found = to_float32(images)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_an_offset_is_what_becomes_zero() -> None:
    for images in (EVERY_PIXEL, to_int8(EVERY_PIXEL)):
        found = to_float32(images, Normalization(127, 128))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, (EVERY_PIXEL.astype(np.float32) - 127) / 128)


def test_a_normalization_is_written_as_a_formula() -> None:
    assert str(PLAIN) == "pixel / 255"
    assert str(Normalization(127, 128)) == "(pixel - 127) / 128"


@pytest.mark.parametrize(("channels", "colour"), [(1, "grey"), (3, "rgb")])
def test_channels_have_a_colour(channels: int, colour: str) -> None:
    assert colour_of(channels) == colour


def test_other_channels_have_none() -> None:
    with pytest.raises(ValueError, match="images of 4 channels are neither grey nor RGB"):
        colour_of(4)
