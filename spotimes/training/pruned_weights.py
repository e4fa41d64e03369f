"""A backbone's weights for a network that is narrower inside its inverted residuals.

Which channels stay, and the weights of the convolution that takes them, follow from how the
channels vary together over some of the training images: `spotimes.training.elimination`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Layer, layers
from spotimes.dataset.backbone import Tensors
from spotimes.dataset.image_file import ImageSource
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras, tf
from spotimes.nn.widths import inner_widths
from spotimes.pixels import to_float32
from spotimes.training.elimination import Elimination, Float64, eliminate
from spotimes.training.pretrained import PARTS, set_pretrained

IMAGES = 200  # that the channels are watched on
AT_ONCE = 50
EPSILON = 1e-3  # of batch norm, Keras' default


class Inside(NamedTuple):
    """The layers around the channels inside a block.

    Attributes:
        before: whose outputs they are.
        depthwise: of each of them alone.
        project: which takes them.
    """

    before: Layer
    depthwise: Layer
    project: Layer


class Spread(NamedTuple):
    """How channels vary over images and pixels.

    Attributes:
        mean: float64, shape (channels,).
        covariance: float64, shape (channels, channels).
    """

    mean: Float64
    covariance: Float64


def insides(network: Architecture, image_shape: Sequence[int]) -> list[Inside]:
    """The layers around each row of channels that a depthwise convolution is within, in order."""
    found = layers(network, image_shape)
    threes = map(Inside, found, found[1:], found[2:])
    return [each for each in threes if each.depthwise.operation == "depthwise"]


def pruned(tensors: Tensors, network: Architecture, images: ImageSource) -> Tensors:
    """Makes a backbone's tensors as narrow as the network is.

    Args:
        tensors: by the names that `spotimes.dataset.backbone` states.
        network: that of the tensors, or a narrower one.
        images: for training, uint8, shape (images, height, width, channels).
    """
    image_shape = images.shape[1:]
    narrower = [
        inside
        for inside in insides(network, image_shape)
        if _inputs(tensors, inside.project) > inside.project.input_shape[2]
    ]
    if not narrower:
        return tensors
    found, watched = dict(tensors), spreads(_as_wide(network, tensors), tensors, images)
    for inside in narrower:
        _prune(found, inside, watched[inside.project.name])
    return found


def spreads(network: Architecture, tensors: Tensors, images: ImageSource) -> dict[str, Spread]:
    """Measures how the channels inside blocks vary, by the name of the layer that takes them.

    Batch norm takes the statistics of these images, as in training, not those of the images that
    the backbone was trained on.

    Args:
        network: as wide as the tensors.
        tensors: by the names that `spotimes.dataset.backbone` states.
        images: uint8, shape (images, height, width, channels).
    """
    height, width, colours = images.shape[1:]
    model = networks.build(network, (height, width, colours), classes=1)
    set_pretrained(model, network, tensors)
    around = insides(network, images.shape[1:])
    names = [each.project.name for each in around if _inputs(tensors, each.project)]
    watched = keras.Model(model.input, [model.get_layer(name).input for name in names])
    chosen = np.linspace(0, len(images) - 1, min(IMAGES, len(images))).astype(np.int64)
    sums = [_Sums() for _ in names]
    for some in np.array_split(chosen, -(-len(chosen) // AT_ONCE)):
        batch = to_float32(images[some], network.normalization)
        for each, outputs in zip(sums, watched(batch, training=True), strict=True):
            each.add(outputs)
    return {name: each.spread() for name, each in zip(names, sums, strict=True)}


class _Sums:
    """Sums over images and pixels, in TensorFlow, whose threads training fixes."""

    def __init__(self) -> None:
        self.count, self.sum, self.products = 0, 0.0, 0.0

    def add(self, outputs: tf.Tensor) -> None:
        """Adds (images, height, width, channels)."""
        rows = tf.cast(tf.reshape(outputs, (-1, outputs.shape[-1])), tf.float64)
        self.count += rows.shape[0]
        self.sum += tf.reduce_sum(rows, axis=0)
        self.products += tf.linalg.matmul(rows, rows, transpose_a=True)

    def spread(self) -> Spread:
        """What the sums come to."""
        mean = np.asarray(self.sum) / self.count
        return Spread(mean, np.asarray(self.products) / self.count - np.outer(mean, mean))


def eliminated(tensors: Tensors, project: str, spread: Spread, channels: int) -> Elimination:
    """Removes channels inside a block, by what its outputs behind their batch norm lose.

    Args:
        tensors: by the names that `spotimes.dataset.backbone` states.
        project: the name of the layer that takes the channels.
        spread: how these vary.
        channels: how many stay.
    """
    kernel = tensors[f"{project}/kernel"][0, 0].astype(np.float64)
    variance = np.einsum("io,ij,jo->o", kernel, spread.covariance, kernel)
    scale = tensors[f"{project}/gamma"] / np.sqrt(variance + EPSILON)
    return eliminate(spread.covariance, kernel, scale, channels)


def _prune(tensors: dict[str, npt.NDArray[np.float32]], inside: Inside, spread: Spread) -> None:
    before, depthwise, project = (layer.name for layer in inside)
    found = eliminated(tensors, project, spread, inside.project.input_shape[2])
    kernel = tensors[f"{project}/kernel"][0, 0].astype(np.float64)
    # The outputs' mean stays as it was, by the batch norm behind.
    lost = _of_means(spread.mean, kernel) - _of_means(spread.mean[found.stay], found.weights)
    tensors[f"{project}/mean"] = (tensors[f"{project}/mean"] - lost).astype(np.float32)
    tensors[f"{project}/kernel"] = found.weights[None, None].astype(np.float32)
    tensors[f"{before}/kernel"] = tensors[f"{before}/kernel"][:, :, :, found.stay]
    tensors[f"{depthwise}/kernel"] = tensors[f"{depthwise}/kernel"][:, :, found.stay]
    for name in (before, depthwise):
        for part in PARTS:
            tensors[f"{name}/{part}"] = tensors[f"{name}/{part}"][found.stay]


def _of_means(means: Float64, weights: Float64) -> Float64:
    found: Float64 = np.sum(means[:, None] * weights, axis=0)
    return found


def _inputs(tensors: Tensors, layer: Layer) -> int:
    """How many channels a layer's kernel takes; 0 if there is none."""
    kernel = tensors.get(f"{layer.name}/kernel")
    return 0 if kernel is None else kernel.shape[2]


def _as_wide(network: Architecture, tensors: Tensors) -> Architecture:
    """The network with as many channels inside its inverted residuals as the tensors have."""
    blocks = list(network.blocks)
    for index in inner_widths(blocks):
        kernel = tensors.get(f"block{index + 1}_project/kernel")
        if kernel is None:
            continue
        if blocks[index].expansion == 1:
            channels = {"channels": kernel.shape[2]}
            blocks[index - 1] = blocks[index - 1].model_copy(update=channels)
        else:
            hidden = {"hidden": kernel.shape[2], "expansion": None}
            blocks[index] = blocks[index].model_copy(update=hidden)
    return network._replace(blocks=blocks)
