"""The constants of TensorFlow Lite Micro's fixed-point arithmetic, computed as it computes them.

A real factor becomes a multiplier of 31 bits and a power of two; exp becomes a table, since an INT8
softmax takes it of no more than 256 differences. After Jacob et al., Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018 (arXiv:1712.05877), section
2.2, and gemmlowp's fixedpoint.h.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from spotimes.errors import InputError

LOWEST, HIGHEST = -128, 127  # of int8
_INTEGER_BITS = 5  # of softmax' scaled differences: Q5.26
_MAXIMUM = 2**31 - 1


class Factor(NamedTuple):
    """A real factor as `multiplier / 2**31 * 2**shift`.

    Attributes:
        multiplier: 2**30 to 2**31 - 1, or less where it was divided; 0 for 0.
        shift: -31 to 30.
    """

    multiplier: int
    shift: int


def factor(real: float) -> Factor:
    """TFLM's `QuantizeMultiplier`.

    Args:
        real: not negative.
    """
    if real == 0:
        return Factor(0, 0)
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return Factor(multiplier, shift) if shift >= -31 else Factor(0, 0)


def divided(by: int, of: Factor) -> Factor:
    """A factor divided by the count of what a mean is taken of, as TFLM's reference kernel does."""
    shift = min(by.bit_length() - 1, 32, 31 + of.shift)
    return Factor((of.multiplier << shift) // by, of.shift - shift)


def scaled(value: int, by: Factor) -> int:
    """TFLM's `MultiplyByQuantizedMultiplier`, which rounds twice."""
    left, right = max(by.shift, 0), max(-by.shift, 0)
    return _divided_by_power(_high_product(value << left, by.multiplier), right)


def softmax_exponentials(beta: float, scale: float) -> list[int]:
    """exp(-difference * scale * beta) for the differences 0, 1, 2 ... of INT8 logits, in Q0.31.

    Args:
        beta: of the softmax.
        scale: of the logits.

    Returns:
        At most 256 values; the probabilities of logits that lie further below the largest are 0.

    Raises:
        InputError: the kernel would refuse the product of the two.
    """
    real = min(float(np.float32(beta)) * scale * 2.0 ** (31 - _INTEGER_BITS), float(_MAXIMUM))
    if real <= 1:
        raise InputError(f"its softmax has a beta of {beta:g}, which the kernels refuse")
    by = factor(real)
    radius = ((1 << _INTEGER_BITS) - 1) * 2.0 ** (31 - _INTEGER_BITS) / 2.0**by.shift
    count = min(math.floor(radius) + 1, 256)
    return [
        _exponential(_high_product(-value << by.shift, by.multiplier)) for value in range(count)
    ]


def activation_range(kind: int, scale: float, zero_point: int) -> tuple[int, int]:
    """The lowest and highest output of a fused activation.

    Args:
        kind: ActivationFunctionType: 0 none, 1 ReLU, 3 ReLU6.
        scale: of the output, a float32.
        zero_point: likewise.
    """
    lowest = LOWEST if kind == 0 else max(LOWEST, zero_point)
    if kind != 3:
        return lowest, HIGHEST
    six = math.floor(float(np.float32(6) / np.float32(scale)) + 0.5)
    return lowest, min(HIGHEST, zero_point + six)


def clamped(values: Iterable[int], lowest: int, highest: int) -> list[int]:
    """Values cut to a range."""
    return [min(max(value, lowest), highest) for value in values]


def _high_product(first: int, second: int) -> int:
    # gemmlowp's SaturatingRoundingDoublingHighMul of int32; a half is rounded up.
    return _MAXIMUM if first == second == -(2**31) else (first * second + 2**30) >> 31


def _divided_by_power(value: int, exponent: int) -> int:
    # gemmlowp's RoundingDivideByPOT; a half is rounded away from zero.
    mask = (1 << exponent) - 1
    return (value >> exponent) + ((value & mask) > (mask >> 1) + (value < 0))


# exp(-2 ** (index - 2)) in Q0.31.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _exponential(value: int) -> int:
    """The `exp_on_negative_values` of gemmlowp: of Q5.26, in Q0.31."""
    if value == 0:
        return _MAXIMUM
    quarter = 1 << (31 - _INTEGER_BITS - 2)
    fraction = (value & (quarter - 1)) - quarter
    result = _exponential_of_fraction(fraction << _INTEGER_BITS)
    remainder = fraction - value
    for index, power in enumerate(_POWERS):
        if remainder & (quarter << index):
            result = _high_product(result, power)
    return result


def _exponential_of_fraction(value: int) -> int:
    """In Q0.31 from -1/4 to 0: Taylor's series around -1/8."""
    x = value + (1 << 28)
    x2 = _high_product(x, x)
    x3, x4 = _high_product(x2, x), _high_product(x2, x2)
    third = _high_product(_divided_by_power(x4, 2) + x3, 715827883)
    constant = 1895147668  # exp(-1/8)
    return constant + _high_product(constant, x + _divided_by_power(third + x2, 1))
