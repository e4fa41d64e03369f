"""`quantize`: how the INT8 model is calibrated."""

from typing import Annotated

from pydantic import Field

from spotimes.system.validation import Frozen


class Quantize(Frozen):
    """The calibration.

    Attributes:
        calibration_images: how many training images the ranges of the activations are read from.
        seed: chooses them.
    """

    calibration_images: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
