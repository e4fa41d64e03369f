"""What a .tflite file says of itself: its classes and how it wants a picture.

One file is all that a device needs: `labels.txt` and `contract.json` lie in a zip archive behind
the model's flatbuffer, where TFLite Model Metadata keeps associated files.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from spotimes.errors import InputError
from spotimes.pixels import CHANNELS, RESIZE_MODES, Colour, Resize, colour_of

LABELS = "labels.txt"
CONTRACT = "contract.json"


class Contract(NamedTuple):
    """Classes and input of an image classifier.

    Attributes:
        class_names: one for each output, in the outputs' order.
        height: of the input, in pixels.
        width: of the input, in pixels.
        colour: `rgb` or `grey`.
        resize: how a picture of another size is fitted: `squash`, `fit_shortest` or `fit_longest`,
            as `spotimes.preprocessing.resize.resize_image` says.
        scale: what a pixel, 0 to 255, is divided by to give the network's real-valued input.
    """

    class_names: tuple[str, ...]
    height: int
    width: int
    colour: Colour
    resize: Resize
    scale: int

    @classmethod
    def of(
        cls, class_names: Sequence[str], image_shape: Sequence[int], resize: Resize
    ) -> "Contract":
        """That of the networks which we train, for images of (height, width, channels)."""
        height, width, channels = image_shape
        return cls(tuple(class_names), height, width, colour_of(channels), resize, scale=255)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of an image as the network takes it."""
        return self.height, self.width, CHANNELS[self.colour]


def read_contract(path: Path) -> Contract:
    """Reads the contract out of a .tflite file that `spotimes.tflite.metadata.embedded` wrote.

    Raises:
        InputError: the file is missing, holds no contract, or a broken one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            class_names = tuple(archive.read(LABELS).decode().removesuffix("\n").split("\n"))
            contract = Contract(class_names, **json.loads(archive.read(CONTRACT)))
        sides = (contract.height, contract.width, contract.scale)
        usable = (
            all(class_names)
            and contract.colour in list(CHANNELS)
            and contract.resize in RESIZE_MODES
            and all(type(side) is int and side > 0 for side in sides)
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged archive raises whatever its damaged part makes Python
        raise InputError(
            f"{path}: holds no class names and input contract, as the models do that Spotimes' "
            "quantize stage writes; give one of those"
        ) from error
    if not usable:
        raise InputError(
            f"{path}: its class names or its input contract are unusable: {contract[1:]}"
        )
    return contract
