"""Images reduced to a few areas of grey, in whole numbers, so that every CPU gives the same."""

import numpy as np
import numpy.typing as npt

_LUMA = (3, 6, 1)  # tenths; ITU-R BT.601's weights, rounded
_VALUES_AT_ONCE = 1 << 19


def area_sums(
    images: npt.NDArray[np.uint8], height: int, width: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Reduces images to areas of grey, all of the same size, cutting through pixels where needed.

    Args:
        images: uint8, shape (images, rows, columns, channels). Three channels are red, green and
            blue; of another number all weigh alike.
        height: how many areas, one above another.
        width: how many areas in a row.

    Returns:
        int64, shape (images, height, width): the areas' weighted sums; and the weight, by which a
        sum is divided to give a mean of 0 to 255.
    """
    count, rows, columns, channels = images.shape
    luma = _LUMA if channels == len(_LUMA) else (1,) * channels
    down, across = _overlaps(rows, height), _overlaps(columns, width)
    sums = np.empty((count, height, width), np.int64)
    at_once = max(1, _VALUES_AT_ONCE // (rows * columns * channels))
    for begin in range(0, count, at_once):
        chunk = images[begin : begin + at_once]
        grey = np.zeros(chunk.shape[:3], np.int32)
        for channel, share in enumerate(luma):
            grey += chunk[..., channel] * np.uint16(share)
        bands = np.empty((len(chunk), height, columns), np.int64)
        # Not NumPy's matrix product: its threads wait long for each other where cores are busy.
        for row, (within, weights) in enumerate(down):
            np.einsum("nyx,y->nx", grey[:, within], weights, out=bands[:, row])
        for column, (within, weights) in enumerate(across):
            np.einsum(
                "nyx,x->ny",
                bands[:, :, within],
                weights,
                out=sums[begin : begin + at_once, :, column],
            )
    return sums, rows * columns * sum(luma)


def _overlaps(pixels: int, areas: int) -> list[tuple[slice, npt.NDArray[np.int32]]]:
    """Which pixels lie in each area, and how much of each pixel, in parts of 1 / `areas`.

    Pixels and areas both cover a length of `pixels` x `areas` parts.
    """
    overlaps = []
    for area in range(areas):
        begin, end = area * pixels, (area + 1) * pixels
        within = np.arange(begin // areas, (end - 1) // areas + 1)
        weights = np.minimum(end, (within + 1) * areas) - np.maximum(begin, within * areas)
        overlaps.append((slice(within[0], within[-1] + 1), weights.astype(np.int32)))
    return overlaps
