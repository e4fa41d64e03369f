import numpy as np
import pytest

from spotimes.inference.unknown import COSTS, scores


def test_the_costs_are_sixteenths_of_a_bit() -> None:
    assert COSTS[[0, 1, 2, 64, 128]].tolist() == [144, 128, 112, 32, 16]
    assert np.all(np.diff(COSTS.astype(int)) <= 0)
    exact = 16 * (8 - np.log2(np.arange(1, 256)))
    assert np.abs(COSTS[1:] - exact).max() <= 0.5


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_equal_probabilities_have_the_lowest_score_and_a_certain_answer_the_highest(
    classes: int,
) -> None:
    rng = np.random.default_rng(1)
    some = rng.dirichlet(np.full(classes, 0.5), 200)
    equal, certain = np.full((1, classes), 1 / classes), np.eye(classes)[:1] * 255 / 256
    found = scores(np.concatenate([equal, some, certain]).astype(np.float32))
    assert found[0] == found.min()
    assert found[-1] == found.max() == 144 * (classes - 1)


def test_it_is_the_energy_where_the_logits_mean_is_the_same() -> None:
    """Of logits whose probabilities are none below 1/256 it is but for rounding."""
    logits = np.random.default_rng(1).normal(0, 1, (500, 10)).astype(np.float32)
    logits -= logits.mean(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    energy = np.log(exponentials.sum(axis=1))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    kept = probabilities.min(axis=1) > 2 / 256
    found = scores(probabilities[kept]) / (16 * 10) * np.log(2)
    assert kept.sum() > 100
    np.testing.assert_allclose(found, energy[kept], atol=0.1)


def test_a_network_in_fp32_is_rounded_to_the_values_of_int8() -> None:
    exact = np.array([[0.9999, 0.00009], [0.7, 0.3]], np.float32)
    rounded = np.array([[255, 0], [179, 77]], np.float32) / 256
    np.testing.assert_array_equal(scores(exact), scores(rounded.astype(np.float32)))
    assert scores(exact[1]) == scores(exact)[1]
