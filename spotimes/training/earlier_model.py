"""The weights of an earlier model.keras, for a training to begin with.

Only its settings are read, as JSON, and its numbers. Keras' `load_model` would make whatever layers
the file asks for, and a file from elsewhere may ask for one that runs code.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Shape
from spotimes.errors import InputError
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras
from spotimes.training.pretrained import tensors_of

# A layer's settings that make it another; not all that Keras has, as a later one may have more.
# An activation's limit is in its name.
SETTINGS = ("filters", "kernel_size", "strides", "padding")
OR_NONE = "or let train.start_from be data/none"


class LayerSettings(NamedTuple):
    """A layer as a .keras file describes it.

    Attributes:
        kind: its class in Keras.
        name: of the layer.
        settings: `SETTINGS`, as JSON; None where it has none.
    """

    kind: str
    name: str
    settings: dict[str, object]


def load_weights(
    path: Path, network: Architecture, image_shape: Shape
) -> dict[str, npt.NDArray[np.float32]]:
    """Reads all weights but the head's, batch norm's statistics among them.

    The head is the dense layer behind the pooling: which classes it tells apart does not matter,
    nor does the size of its images.

    Args:
        path: a .keras file that stage train wrote.
        network: the network to begin with them.
        image_shape: (height, width, channels) of its images.

    Returns:
        The weights by the names that `spotimes.dataset.backbone` states.

    Raises:
        InputError: it is no such file, or has another network or images of other colours.
    """
    whole = networks.build(network, image_shape, classes=1)
    body = keras.Model(whole.input, whole.get_layer("pool").output)
    _, ours = _described(body.to_json())
    try:
        shape, theirs = _described(_config(path))
    except Exception as error:  # whatever a damaged archive makes zip and json raise
        raise InputError(
            f"{path}: is not a model.keras that stage train wrote; name such a one, {OR_NONE}"
        ) from error
    if shape[2] != image_shape[2]:
        raise InputError(
            f"{path}: its images have {shape[2]} channels, but those in data/prepared have "
            f"{image_shape[2]}; set prepare.image.colour to {'grey' if shape[2] == 1 else 'rgb'}, "
            f"{OR_NONE}"
        )
    if difference := _difference(theirs, ours):
        height, width = image_shape[:2]
        sizes = (
            f" (its images have {shape[0]} x {shape[1]} pixels, and those in data/prepared "
            f"{height} x {width})"
        )
        raise InputError(
            f"{path}: has another network than params.yaml: {difference}"
            f"{sizes * (shape[:2] != [height, width])}; let network be as it was when that model "
            f"was trained, {OR_NONE}"
        )
    try:
        body.load_weights(path)
    except Exception as error:  # whatever a damaged part makes h5py or zip raise
        raise InputError(f"{path}: its weights are damaged; name another, {OR_NONE}") from error
    return tensors_of(body, network)


def _config(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        # Keras compresses nothing, so that no part is larger than the whole.
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError(f"{path} is compressed")
        return archive.read("config.json")


def _described(config: str | bytes) -> tuple[list[int], list[LayerSettings]]:
    """The shape of the images, and the layers behind them."""
    image, *layers = json.loads(config)["config"]["layers"]
    _, *shape = image["config"]["batch_shape"]
    height, width, channels = map(int, shape)
    return [height, width, channels], [
        LayerSettings(
            layer["class_name"],
            layer["config"]["name"],
            {key: layer["config"].get(key) for key in SETTINGS},
        )
        for layer in layers
    ]


def _difference(theirs: Sequence[LayerSettings], ours: Sequence[LayerSettings]) -> str | None:
    for number, here in enumerate(ours):
        if number == len(theirs):
            return f"it has no layer {here.name}"
        there = theirs[number]
        if there[:2] != here[:2]:
            return (
                f"in place of the layer {here.name} ({here.kind}) it has {there.name!r} "
                f"({there.kind!r})"
            )
        for key, value in here.settings.items():
            if there.settings[key] != value:
                return f"the {key} of {here.name} are {there.settings[key]!r}, not {value!r}"
    return None
