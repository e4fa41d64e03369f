"""Computes a network in NumPy: what the C computes, on a machine without a compiler.

All of it is integers, or sums that floating point holds exactly, so the same on every machine: it
makes the vectors of the self-test, and says what a microcontroller answers. Of the default network
an image takes 4 ms of a Zen 1.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spotimes.export.graph import (
    ADDITION_SHIFT,
    Addition,
    Convolution,
    Depthwise,
    Layer,
    Lookup,
    Map,
    Mean,
    Network,
    Scaling,
    Softmax,
    Window,
)

Int8 = npt.NDArray[np.int8]
Values = npt.NDArray[np.int64]
_ONE = 2**31
_AT_ONCE = 2**19  # bytes of a layer's feature maps, of as many images as that allows


def classify(network: Network, images: Int8) -> Int8:
    """Computes the outputs of images.

    Args:
        network: the model.
        images: shape (images, height, width, channels): the pixels less 128.

    Returns:
        int8, shape (images, classes).
    """
    return _vectors(network, images, behind=len(network.layers))


def logits(network: Network, images: Int8) -> Int8:
    """Computes what the last layer, a softmax, makes probabilities of: as `classify`."""
    return _vectors(network, images, behind=len(network.layers) - 1)


def feature_maps(network: Network, images: Int8) -> list[Int8]:
    """Computes all that the layers write, of no more images than memory holds.

    Returns:
        The images and the map of each layer, each of shape (images, height, width, channels).
    """
    return _computed(network, images, len(network.layers))


def _vectors(network: Network, images: Int8, *, behind: int) -> Int8:
    """The maps of one pixel behind some number of layers."""
    batch = max(1, _AT_ONCE // max(each.bytes for each in network.maps))
    found = np.empty((len(images), network.maps[behind].channels), np.int8)
    for start in range(0, len(images), batch):
        last = _computed(network, images[start : start + batch], behind)[-1]
        found[start : start + batch] = last.reshape(len(last), -1)
    return found


def layer_output(network: Network, index: int, computed: Sequence[Int8]) -> Int8:
    """Computes one layer.

    Args:
        network: the model.
        index: of the layer.
        computed: the maps that it reads, among others, as `feature_maps` has them.
    """
    layer = network.layers[index]
    sources = [computed[source] for source in layer.sources]
    maps = [network.maps[source] for source in layer.sources]
    return _COMPUTED[type(layer)](layer, sources, maps, network.maps[layer.target])


def _computed(network: Network, images: Int8, count: int) -> list[Int8]:
    computed = [images]
    for index in range(count):
        computed.append(layer_output(network, index, computed))
    return computed


def _convolution(layer: Convolution, sources: list[Int8], maps: list[Map], target: Map) -> Int8:
    kernel = layer.weights.reshape(len(layer.weights), -1)
    # Whole numbers below 2**24 are exact in float32, those below 2**31 in float64.
    largest = 128 * int(np.abs(kernel.astype(np.int64)).sum(axis=1).max())
    exact = np.float32 if largest < 2**24 else np.float64
    taps = list(_taps(layer.window, sources[0].astype(exact), maps[0], target))
    windows = np.stack(taps, axis=3).reshape(-1, kernel.shape[1])
    sums = (windows @ kernel.T.astype(exact)).astype(np.int64) + layer.biases
    shape = (len(sources[0]), target.height, target.width, target.channels)
    return _scaled(sums.reshape(shape), layer.scaling, target)


def _depthwise(layer: Depthwise, sources: list[Int8], maps: list[Map], target: Map) -> Int8:
    values = sources[0].astype(np.int32)
    weights = layer.weights.reshape(-1, target.channels).astype(np.int32)
    sums = np.zeros((len(values), target.height, target.width, target.channels), np.int32)
    for tap, weight in zip(_taps(layer.window, values, maps[0], target), weights, strict=True):
        sums += tap * weight
    return _scaled(sums.astype(np.int64) + layer.biases, layer.scaling, target)


def _addition(layer: Addition, sources: list[Int8], maps: list[Map], target: Map) -> Int8:
    total = np.zeros(sources[0].shape, np.int64)
    for values, source, by in zip(sources, maps, layer.terms, strict=True):
        total += _times((values.astype(np.int64) - source.zero_point) << ADDITION_SHIFT, *by)
    return _scaled(total, layer.scaling, target)


def _lookup(layer: Lookup, sources: list[Int8], _: list[Map], __: Map) -> Int8:
    return np.array(layer.table, np.int8)[sources[0].astype(np.int64) + 128]


def _mean(layer: Mean, sources: list[Int8], maps: list[Map], target: Map) -> Int8:
    values = sources[0].astype(np.int64) - maps[0].zero_point
    return _scaled(values.sum(axis=(1, 2), keepdims=True), layer.scaling, target)


def _softmax(layer: Softmax, sources: list[Int8], _: list[Map], __: Map) -> Int8:
    values = sources[0].astype(np.int64)
    differences = values.max(axis=3, keepdims=True) - values
    table = np.zeros(256, np.int64)
    table[: len(layer.exponentials)] = layer.exponentials
    total = _divided_by_power(table[differences], np.int64(12)).sum(axis=3, keepdims=True)
    _, length = np.frexp(total)  # of a sum in bits
    bits = 32 - length.astype(np.int64)
    half = (total << bits) // 2
    inverse = 1515870810 + _high_product(half, -1010580540)
    for _step in range(3):
        inverse += 4 * _high_product(inverse, 2**29 - _high_product(half, inverse))
    inverse = np.where(inverse < 2**30, 2 * inverse, 2**31 - 1)
    shares = _divided_by_power(_high_product(inverse, table[differences]), 35 - bits)
    return np.clip(shares - 128, -128, 127).astype(np.int8)


_COMPUTED: dict[type[Layer], Callable[[Any, list[Int8], list[Map], Map], Int8]] = {
    Convolution: _convolution,
    Depthwise: _depthwise,
    Addition: _addition,
    Lookup: _lookup,
    Mean: _mean,
    Softmax: _softmax,
}


def _taps(window: Window, values: Any, source: Map, target: Map) -> Iterator[Any]:
    """What each place in the window reads, row by row: (images, height, width, channels)."""
    below = (target.height - 1) * window.stride_y + window.height - source.height - window.top
    right = (target.width - 1) * window.stride_x + window.width - source.width - window.left
    padded = np.pad(
        values,
        ((0, 0), (window.top, max(below, 0)), (window.left, max(right, 0)), (0, 0)),
        constant_values=source.zero_point,
    )
    for y in range(window.height):
        rows = padded[:, y :: window.stride_y][:, : target.height]
        for x in range(window.width):
            yield rows[:, :, x :: window.stride_x][:, :, : target.width]


def _scaled(sums: Values, scaling: Scaling, target: Map) -> Int8:
    multipliers, shifts = np.array(scaling.factors, np.int64).T
    values = _times(sums, multipliers, shifts) + target.zero_point
    return np.clip(values, scaling.lowest, scaling.highest).astype(np.int8)


def _times(values: Values, multiplier: Any, shift: Any) -> Values:
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    return _divided_by_power(_high_product(values << left, multiplier), right)


def _high_product(first: Any, second: Any) -> Any:
    return (first * second + _ONE // 2) >> 31


def _divided_by_power(values: Values, exponent: Any) -> Values:
    # A half is rounded away from zero.
    half = (np.int64(1) << exponent) >> 1
    quotients: Values = (values + half - ((values < 0) & (half > 0))) >> exponent
    return quotients
