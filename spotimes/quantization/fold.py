"""Folds batch norm into the convolutions before it, in arithmetic that every CPU does alike.

Left to the TensorFlow Lite converter, the folded weights differ between kinds of CPU: TensorFlow
computes the square root by the CPU's approximation. NumPy's is IEEE 754's, correctly rounded.
"""

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Layer, layers
from spotimes.errors import InputError
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras

Array = npt.NDArray[np.float32]


def folded(trained: keras.Model, network: Architecture) -> keras.Model:
    """Builds the network without batch norm that computes the same.

    Args:
        trained: `networks.build(network, ...)` with trained weights.
        network: its architecture.

    Raises:
        InputError: `trained` has another architecture.
    """
    shape, classes = tuple(trained.input_shape[1:]), trained.output_shape[-1]
    if _architecture(trained) != _architecture(networks.build(network, shape, classes)):
        raise InputError(
            "models/model.keras: is not the network in params.yaml; run `dvc repro train`"
        )
    model = networks.build(network, shape, classes, norm=None)
    for layer in layers(network, shape):
        if layer.weights:
            model.get_layer(layer.name).set_weights(_folded_weights(trained, layer))
    model.get_layer("logits").set_weights(trained.get_layer("logits").get_weights())
    return model


def fold(
    kernel: Array, *, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    """Folds y = gamma (conv(x) - mean) / sqrt(variance + epsilon) + beta into conv's weights.

    Source of the formula: Jacob et al., 2017 (arXiv:1712.05877), section 3.2. Done in float64 and
    rounded once to float32.

    Args:
        kernel: whose last axis are the output channels.
        gamma: scale, shape (channels,), as are the next three.
        beta: offset.
        mean: moving mean.
        variance: moving variance.
        epsilon: added to the variance.

    Returns:
        The kernel, of the same shape, and the bias, of shape (channels,), both float32.
    """
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    bias = beta - mean * scale
    return (kernel * scale).astype(np.float32), bias.astype(np.float32)


def _architecture(model: keras.Model) -> list[tuple[str, object, object]]:
    return [
        (layer.name, layer.output.shape, [weight.shape for weight in layer.weights])
        for layer in model.layers
    ]


def _folded_weights(trained: keras.Model, layer: Layer) -> list[Array]:
    (kernel,) = trained.get_layer(layer.name).get_weights()
    norm = trained.get_layer(layer.name + networks.NORM)
    if layer.operation == "depthwise":
        kernel = kernel.swapaxes(2, 3)  # (height, width, channels, multiplier): channels last
    gamma, beta, mean, variance = norm.get_weights()
    kernel, bias = fold(
        kernel, gamma=gamma, beta=beta, mean=mean, variance=variance, epsilon=norm.epsilon
    )
    return [kernel.swapaxes(2, 3) if layer.operation == "depthwise" else kernel, bias]
