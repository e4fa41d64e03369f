"""Puts a backbone's weights into a network."""

import numpy as np

from spotimes.blocks import Architecture, layers
from spotimes.dataset.backbone import Tensors
from spotimes.nn.frameworks import keras
from spotimes.nn.network import NORM


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
        parts = [tensors[f"{layer.name}/{part}"] for part in ("gamma", "beta", "mean", "variance")]
        model.get_layer(layer.name + NORM).set_weights(parts)
