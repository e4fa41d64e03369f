"""Images that a change of the model lost or gained."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from spotimes.dataset.image_file import ImageSource
from spotimes.plotting.figure import figure
from spotimes.plotting.labels import ABOVE_A_PICTURE, label


class Flip(NamedTuple):
    """An image that two classifiers answer differently, one of them correctly.

    Attributes:
        test_index: of the image in the test split.
        before: the class that the first says.
        after: what the second says.
    """

    test_index: int
    before: str
    after: str


def draw(images: ImageSource, lost: Sequence[Flip], gained: Sequence[Flip], path: Path) -> None:
    """Draws up to 16 images that a change lost, and as many that it gained.

    Args:
        images: uint8, shape (images, height, width, channels).
        lost: those that were answered correctly and no longer are.
        gained: the other way round.
        path: the PNG to write.
    """
    with figure(path, (8, 7.2)) as drawing:
        for part, flipped, title in zip(
            drawing.subfigures(2, 1), (lost, gained), ("lost", "gained"), strict=True
        ):
            part.suptitle(f"{len(flipped):,} {title}: what was answered, and is now", fontsize=10)
            grid = part.subplots(2, 8)
            for axes, flip in zip(grid.flat, flipped, strict=False):
                pixels = images[flip.test_index].squeeze()
                axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                before, after = (label(each, ABOVE_A_PICTURE) for each in (flip.before, flip.after))
                axes.set_title(f"{before},\n{after}", fontsize=8)
            for axes in grid.flat:
                axes.set_axis_off()
