"""A backbone: the layers of a network that others have trained, and their weights."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spotimes.blocks import Block
from spotimes.pixels import PLAIN, Normalization
from spotimes.system.validation import Frozen

# For each layer of the blocks, by `spotimes.blocks.layers`' names, `LAYER/kernel`, in Keras' order
# of axes, and of its batch norm `LAYER/gamma`, `LAYER/beta`, `LAYER/mean` and `LAYER/variance`; of
# the classifier `logits/kernel` and `logits/bias`.
Tensors = Mapping[str, npt.NDArray[np.float32]]


class Backbone(Frozen):
    """A trained network.

    Attributes:
        name: such as `EfficientNet-Lite0`.
        trained_on: the dataset.
        licence: of the weights.
        citation: the reference that its authors ask for.
        homepage: its official page.
        blocks: all of it, but for the average pooling and the classifier behind them.
        offset: with `scale`, what makes its input of a pixel, 0 to 255: (pixel - offset) / scale.
        scale: likewise.
    """

    name: str
    trained_on: str
    licence: str
    citation: str
    homepage: str
    blocks: list[Block]
    offset: Annotated[int, Field(ge=0, le=255)] = PLAIN.offset
    scale: Annotated[int, Field(ge=1, le=255)] = PLAIN.scale

    def kept(self, blocks: int) -> "Backbone":
        """The same with its first blocks alone."""
        return self.model_copy(update={"blocks": self.blocks[:blocks]})

    @property
    def normalization(self) -> Normalization:
        """Of the images that it was trained on."""
        return Normalization(self.offset, self.scale)


NO_BACKBONE = Backbone(
    name="none", trained_on="nothing", licence="none", citation="none", homepage="", blocks=[]
)
