import numpy as np
import pytest

from spotimes.training.elimination import RIDGE, Float64, eliminate, inverted


def covariance_of(inputs: Float64) -> Float64:
    return np.asarray(np.cov(inputs.T), np.float64)


GENERATOR = np.random.default_rng(1)
INPUTS = GENERATOR.normal(size=(500, 6)) @ GENERATOR.normal(size=(6, 6))
WEIGHTS, SCALE = GENERATOR.normal(size=(6, 3)), np.array([1.0, 0.5, 2.0])
COVARIANCE = covariance_of(INPUTS)


def test_the_inverse_is_linear_algebra_s() -> None:
    np.testing.assert_allclose(inverted(COVARIANCE), np.linalg.inv(COVARIANCE), rtol=1e-8)


def test_the_weights_of_what_stays_are_those_of_least_squares() -> None:
    stay, weights, losses = eliminate(COVARIANCE, WEIGHTS, SCALE, 4)
    ridged = COVARIANCE + RIDGE * np.trace(COVARIANCE) / 6 * np.eye(6)
    wanted = np.linalg.solve(ridged[np.ix_(stay, stay)], ridged[stay] @ WEIGHTS)
    np.testing.assert_allclose(weights, wanted, rtol=1e-6)
    residual = WEIGHTS.copy()
    residual[stay] -= weights
    residual *= SCALE
    assert losses.sum() == pytest.approx(np.trace(residual.T @ ridged @ residual))
    assert len(losses) == 2
    assert losses[0] <= losses[1]


def test_the_losses_of_all_are_the_whole_variance() -> None:
    stay, _, losses = eliminate(COVARIANCE, WEIGHTS, SCALE, 0)
    outputs = np.var(INPUTS @ WEIGHTS * SCALE, axis=0, ddof=1).sum()
    assert losses.sum() == pytest.approx(outputs, rel=0.01)
    assert stay.size == 0


def test_an_input_that_another_can_stand_for_goes_first() -> None:
    alike = np.column_stack([INPUTS[:, :5], 3 * INPUTS[:, 1]])
    found = eliminate(covariance_of(alike), WEIGHTS, SCALE, 5)
    assert found.losses[0] < 0.01 * np.var(INPUTS @ WEIGHTS * SCALE, axis=0).sum()
    np.testing.assert_allclose(
        alike[:, found.stay] @ found.weights, alike @ WEIGHTS, atol=0.02 * np.abs(alike).max()
    )
    assert set(range(6)) - set(found.stay.tolist()) < {1, 5}


def test_what_is_not_scaled_up_does_not_count() -> None:
    weights = np.array([[10.0, 0.0], [0.0, 1.0]])
    assert eliminate(np.eye(2), weights, np.array([0.01, 1.0]), 1).stay.tolist() == [1]
    assert eliminate(np.eye(2), weights, np.array([1.0, 0.01]), 1).stay.tolist() == [0]
    assert eliminate(np.zeros((2, 2)), weights, np.ones(2), 1).stay.tolist() == [0]


def test_all_stay_as_they_are() -> None:
    found = eliminate(COVARIANCE, WEIGHTS, SCALE, 6)
    assert found.stay.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(found.weights, WEIGHTS)
