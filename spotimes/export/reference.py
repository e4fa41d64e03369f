"""Computes a network in NumPy: what the C computes, on a machine without a compiler.

Slow, and as plain as can be; the vectors of the self-test are made by it.
"""

from collections.abc import Callable
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
)

Values = npt.NDArray[np.int64]
_ONE = 2**31


def classify(network: Network, image: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Computes the output of an image of shape (height, width, channels)."""
    computed: list[Values] = [image.astype(np.int64)]
    for layer in network.layers:
        sources = [computed[index] for index in layer.sources]
        target = network.maps[layer.target]
        maps = [network.maps[index] for index in layer.sources]
        computed.append(_COMPUTED[type(layer)](layer, sources, maps, target))
    return computed[-1].ravel().astype(np.int8)


def _convolution(layer: Convolution, sources: list[Values], maps: list[Map], target: Map) -> Values:
    windows = _windows(layer, sources[0], maps[0], target)
    # The sums are below 2**31, so those of float64 are exact.
    kernel = layer.weights.reshape(len(layer.weights), -1).astype(np.float64)
    sums = windows.reshape(*windows.shape[:2], -1).astype(np.float64) @ kernel.T
    return _scaled(sums.astype(np.int64) + layer.biases, layer.scaling, target)


def _depthwise(layer: Depthwise, sources: list[Values], maps: list[Map], target: Map) -> Values:
    windows = _windows(layer, sources[0], maps[0], target) - maps[0].zero_point
    sums = (windows * layer.weights.astype(np.int64)).sum(axis=(2, 3))
    return _scaled(sums + layer.biases, layer.scaling, target)


def _addition(layer: Addition, sources: list[Values], maps: list[Map], target: Map) -> Values:
    total = np.zeros_like(sources[0])
    for values, source, by in zip(sources, maps, layer.terms, strict=True):
        total += _times((values - source.zero_point) << ADDITION_SHIFT, *by)
    return _scaled(total, layer.scaling, target)


def _lookup(layer: Lookup, sources: list[Values], _: list[Map], __: Map) -> Values:
    return np.array(layer.table, np.int64)[sources[0] + 128]


def _mean(layer: Mean, sources: list[Values], maps: list[Map], target: Map) -> Values:
    sums = (sources[0] - maps[0].zero_point).sum(axis=(0, 1), keepdims=True)
    return _scaled(sums, layer.scaling, target)


def _softmax(layer: Softmax, sources: list[Values], _: list[Map], __: Map) -> Values:
    differences = sources[0].max() - sources[0]
    table = np.zeros(256, np.int64)
    table[: len(layer.exponentials)] = layer.exponentials
    total = int(_divided_by_power(table[differences], 12).sum())
    bits = 32 - total.bit_length()
    half = np.int64((total << bits) // 2)
    inverse = 1515870810 + _high_product(half, -1010580540)
    for _step in range(3):
        inverse += 4 * _high_product(inverse, 2**29 - _high_product(half, inverse))
    inverse = 2 * inverse if inverse < 2**30 else np.int64(2**31 - 1)
    shares = _divided_by_power(_high_product(inverse, table[differences]), 35 - bits)
    return np.clip(shares - 128, -128, 127)


_COMPUTED: dict[type[Layer], Callable[[Any, list[Values], list[Map], Map], Values]] = {
    Convolution: _convolution,
    Depthwise: _depthwise,
    Addition: _addition,
    Lookup: _lookup,
    Mean: _mean,
    Softmax: _softmax,
}


def _windows(layer: Convolution | Depthwise, values: Values, source: Map, target: Map) -> Values:
    """What each output pixel is made of, shape (height, width, rows, columns, channels)."""
    window = layer.window
    below = (target.height - 1) * window.stride_y + window.height - source.height - window.top
    right = (target.width - 1) * window.stride_x + window.width - source.width - window.left
    padded = np.pad(
        values,
        ((window.top, max(below, 0)), (window.left, max(right, 0)), (0, 0)),
        constant_values=source.zero_point,
    )
    shape = (window.height, window.width, source.channels)
    every = np.lib.stride_tricks.sliding_window_view(padded, shape)[:, :, 0]
    return every[:: window.stride_y, :: window.stride_x][: target.height, : target.width]


def _scaled(sums: Values, scaling: Scaling, target: Map) -> Values:
    multipliers, shifts = np.array(scaling.factors, np.int64).T
    values = _times(sums, multipliers, shifts) + target.zero_point
    return np.clip(values, scaling.lowest, scaling.highest)


def _times(values: Values, multiplier: Any, shift: Any) -> Values:
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    return _divided_by_power(_high_product(values << left, multiplier), right)


def _high_product(first: Any, second: Any) -> Any:
    return (first * second + _ONE // 2) // _ONE


def _divided_by_power(values: Values, exponent: Any) -> Values:
    mask = (np.int64(1) << exponent) - 1
    rounded_up: Values = (values & mask) > (mask >> 1) + (values < 0)
    quotients: Values = values >> exponent
    return quotients + rounded_up
