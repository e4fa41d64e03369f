"""What pictures' headers say, of a whole source."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.pixels import colour_of


class Headers(NamedTuple):
    """What the headers of a source's pictures say, of those that can be read.

    Attributes:
        sizes: int32, shape (pictures, 2): width and height in pixels; 0 where one is unreadable.
        modes: Pillow's names for the kinds of pixels that occur.
        mode_of: int16, shape (pictures,): an index into `modes`; -1 where one is unreadable.
        animated: bool, shape (pictures,): more than one frame, of which the first is taken.
        grey: bool, shape (pictures,): no colour; True where one is unreadable.
        wide: bool, shape (pictures,): more than 8 bits a channel; False where one is unreadable.
        unreadable: why a picture cannot be used, by its index.
    """

    sizes: npt.NDArray[np.int32]
    modes: list[str]
    mode_of: npt.NDArray[np.int16]
    animated: npt.NDArray[np.bool_]
    grey: npt.NDArray[np.bool_]
    wide: npt.NDArray[np.bool_]
    unreadable: dict[int, str]

    def without(self, unreadable: dict[int, str]) -> "Headers":
        """The same, without the pictures that turn out to be unreadable after all."""
        gone = np.zeros(len(self.grey), np.bool_)
        gone[list(unreadable)] = True
        return Headers(
            sizes=np.where(gone[:, None], np.int32(0), self.sizes),
            modes=self.modes,
            mode_of=np.where(gone, np.int16(-1), self.mode_of),
            animated=self.animated & ~gone,
            grey=self.grey | gone,
            wide=self.wide & ~gone,
            unreadable=dict(sorted((self.unreadable | unreadable).items())),
        )


def headers_of_images(shape: tuple[int, ...]) -> Headers:
    """What headers would say of pictures that are images already.

    Args:
        shape: of the images: (images, height, width, channels).
    """
    count, height, width, channels = shape
    is_grey = colour_of(channels) == "grey"
    return Headers(
        sizes=np.broadcast_to(np.array([width, height], np.int32), (count, 2)),
        modes=["L" if is_grey else "RGB"],
        mode_of=np.zeros(count, np.int16),
        animated=np.zeros(count, np.bool_),
        grey=np.full(count, is_grey),
        wide=np.zeros(count, np.bool_),
        unreadable={},
    )
