import math

import pytest

from spotimes.errors import InputError
from spotimes.export.arithmetic import (
    Factor,
    activation_range,
    divided,
    factor,
    scaled,
    softmax_exponentials,
)


@pytest.mark.parametrize("real", [1e-9, 0.004, 0.5, 0.999999999, 1.0, 3.7, 900.0])
def test_a_factor_is_exact_to_31_bits(real: float) -> None:
    multiplier, shift = factor(real)
    assert 2**30 <= multiplier < 2**31
    assert multiplier / 2**31 * 2.0**shift == pytest.approx(real, rel=2**-31)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, Factor(0, 0)),
        (0.5, Factor(2**30, 0)),
        (1.0, Factor(2**30, 1)),
        (1 - 2.0**-40, Factor(2**30, 1)),  # rounded up to 1
        (2.0**-33, Factor(0, 0)),  # too small to be more than 0
    ],
)
def test_factors_at_the_limits(real: float, expected: Factor) -> None:
    assert factor(real) == expected


@pytest.mark.parametrize(
    ("value", "real", "expected"),
    [
        (1, 0.5, 1),  # 0.5: the product is rounded up
        (-1, 0.5, 0),
        (1, 0.25, 1),  # rounded to 0.5 * 1, and that again
        (-1, 0.25, 0),
        (-3, 0.25, -1),  # -1.5 to -1, and -0.5 away from zero
        (1000, 0.25, 250),
        (-7, 4.0, -28),
    ],
)
def test_scaling_rounds_twice(value: int, real: float, expected: int) -> None:
    assert scaled(value, factor(real)) == expected


def test_a_mean_divides_by_its_count() -> None:
    by = divided(64, factor(0.9))
    assert by.multiplier / 2**31 * 2.0**by.shift == pytest.approx(0.9 / 64, rel=2**-29)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.55])
def test_exponentials(beta: float) -> None:
    found = softmax_exponentials(beta, 0.1)
    assert 100 < len(found) <= 256
    for difference, value in enumerate(found):
        exact = math.exp(-difference * 0.1 * beta)
        assert value / 2**31 == pytest.approx(exact, rel=1e-5, abs=1e-8)


def test_a_steep_softmax_needs_few_exponentials() -> None:
    # 31 is the largest difference that the kernels take exp of, at 5 bits before the point.
    assert len(softmax_exponentials(16.0, 0.1)) == 16


def test_a_softmax_that_the_kernels_refuse() -> None:
    with pytest.raises(InputError, match=r"beta of 0\.01"):
        softmax_exponentials(0.01, 1e-9)


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point", "expected"),
    [
        (0, 0.1, -20, (-128, 127)),
        (1, 0.1, -20, (-20, 127)),
        (3, 0.1, -20, (-20, 40)),
        (3, 0.01, -128, (-128, 127)),
    ],
)
def test_the_range_of_an_activation(
    kind: int, scale: float, zero_point: int, expected: tuple[int, int]
) -> None:
    assert activation_range(kind, scale, zero_point) == expected
