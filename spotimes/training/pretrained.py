"""Weights to begin with: into a network, and out of one."""

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, layers
from spotimes.dataset.backbone import Tensors
from spotimes.nn.frameworks import keras
from spotimes.nn.network import NORM

# Of batch norm, in Keras' order.
PARTS = ("gamma", "beta", "mean", "variance")


def set_pretrained(model: keras.Model, network: Architecture, tensors: Tensors) -> None:
    """Sets the weights of the layers that `tensors` name; the others keep theirs.

    A kernel over the three colours becomes one over grey by their sum: a grey picture gives what it
    gave with three equal colours.

    Args:
        model: `spotimes.nn.network.build`'s, of `network`.
        network: its architecture.
        tensors: by the names that `spotimes.dataset.backbone` states.
    """
    for layer in layers(network, model.input_shape[1:]):
        kernel = tensors.get(f"{layer.name}/kernel")
        if kernel is None:
            continue
        if kernel.shape[2] != layer.input_shape[2]:
            kernel = np.sum(kernel, axis=2, keepdims=True)
        model.get_layer(layer.name).set_weights([kernel])
        parts = [tensors[f"{layer.name}/{part}"] for part in PARTS]
        model.get_layer(layer.name + NORM).set_weights(parts)


def tensors_of(model: keras.Model, network: Architecture) -> dict[str, npt.NDArray[np.float32]]:
    """All weights but the head's, by the names that `spotimes.dataset.backbone` states.

    Args:
        model: `spotimes.nn.network.build`'s, of `network`; it may lack the head.
        network: its architecture.
    """
    tensors = {}
    for layer in layers(network, model.input_shape[1:]):
        if layer.weights:
            (tensors[f"{layer.name}/kernel"],) = model.get_layer(layer.name).get_weights()
            parts = model.get_layer(layer.name + NORM).get_weights()
            tensors |= {
                f"{layer.name}/{part}": each for part, each in zip(PARTS, parts, strict=True)
            }
    return tensors
