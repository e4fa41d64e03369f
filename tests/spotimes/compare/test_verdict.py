import numpy as np
import pytest

from spotimes.benchmarking.latency import Ratio
from spotimes.compare.verdict import (
    Outcome,
    of_accuracy,
    of_cost,
    of_difference,
    of_latency,
    paired,
)
from spotimes.evaluation.statistics import Difference


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [(10, 10, Outcome.SAME), (10, 9, Outcome.BETTER), (10, 11, Outcome.WORSE)],
)
def test_a_cost_that_is_counted_differs_or_not(before: int, after: int, outcome: Outcome) -> None:
    assert of_cost(before, after).outcome == outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (1.02, 1.04, Outcome.WORSE),
        (0.96, 0.98, Outcome.BETTER),
        (0.99, 1.01, Outcome.SAME),
        (1.002, 1.008, Outcome.SAME),  # it differs, but by less than anyone need hear of
        (1.009, 1.0199, Outcome.SAME),
        (1.009, 1.03, Outcome.NOISY),  # it may well be worse
        (0.97, 0.991, Outcome.NOISY),
        (0.95, 1.05, Outcome.NOISY),
        (1.005, 1.2, Outcome.NOISY),
        (1.011, 1.5, Outcome.WORSE),
    ],
)
def test_a_latency_is_judged_by_its_whole_interval(
    low: float, high: float, outcome: Outcome
) -> None:
    verdict = of_latency(Ratio((low + high) / 2, low, high), 1.01)
    assert verdict.outcome == outcome
    assert bool(verdict.reason) == (outcome == Outcome.NOISY)


@pytest.mark.parametrize(
    ("median", "low", "high", "times"),
    [
        (1.0, 0.96, 1.04, "4.2"),  # to lie within 1 / 1.02 and 1.02, half of it must be 0.0196
        (1.03, 0.99, 1.07, "4.0"),  # to be above 1.01, 0.02
        (1.012, 1.0, 1.021, "1.7"),  # to be below 1.02, 0.008
    ],
)
def test_what_would_settle_a_noisy_latency(
    median: float, low: float, high: float, times: str
) -> None:
    verdict = of_latency(Ratio(median, low, high), 1.01)
    assert f"about {times} times as many loads" in verdict.reason


@pytest.mark.parametrize(
    ("after", "outcome"),
    [(1000, Outcome.SAME), (1001, Outcome.SAME), (999, Outcome.SAME), (1002, Outcome.WORSE)],
)
def test_a_count_that_spreads_differs_by_more_than_that(after: int, outcome: Outcome) -> None:
    assert of_cost(1000, after, spread=0.001).outcome == outcome


def answers(first_only: int, second_only: int, both: int) -> tuple[list[bool], list[bool]]:
    return (
        [True] * first_only + [False] * second_only + [True] * both,
        [False] * first_only + [True] * second_only + [True] * both,
    )


def test_paired_by_hand() -> None:
    """Agresti and Min's interval: 8 / 102 +- 1.96 sqrt(13 - 8^2 / 102) / 102."""
    result = paired(*map(np.array, answers(2, 10, 88)))
    assert (result.first_only, result.second_only) == (2, 10)
    value, low, high = result.difference
    assert value == pytest.approx(0.08)
    assert (low + high) / 2 == pytest.approx(8 / 102)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(13 - 64 / 102) / 102)
    assert result.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)


@pytest.mark.parametrize(
    ("first_only", "second_only", "both", "outcome"),
    [
        (0, 0, 1000, Outcome.SAME),
        (0, 0, 100, Outcome.NOISY),  # none of so few may be luck
        (100, 100, 9800, Outcome.SAME),
        (520, 580, 8900, Outcome.NOISY),  # 0.6 points, and up to 1.25
        (60, 140, 9800, Outcome.BETTER),
        (140, 60, 9800, Outcome.WORSE),
        (5, 6, 50, Outcome.NOISY),
    ],
)
def test_accuracies_are_judged_by_the_images_that_flipped(
    first_only: int, second_only: int, both: int, outcome: Outcome
) -> None:
    verdict = of_accuracy(paired(*map(np.array, answers(first_only, second_only, both))))
    assert verdict.outcome == outcome
    assert ("images would settle it" in verdict.reason) == (outcome == Outcome.NOISY)


def test_of_many_verdicts_each_must_be_the_surer() -> None:
    """McNemar: p = 0.012."""
    result = paired(*map(np.array, answers(20, 40, 9940)))
    assert of_accuracy(result).outcome == Outcome.BETTER
    assert of_accuracy(result, 10).outcome == Outcome.SAME


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.001, 0.1, Outcome.BETTER),
        (-0.1, -0.001, Outcome.WORSE),
        (-0.01, 0.01, Outcome.SAME),
        (-0.001, 0.011, Outcome.NOISY),
    ],
)
def test_a_difference_is_judged_by_its_whole_interval(
    low: float, high: float, outcome: Outcome
) -> None:
    assert of_difference(Difference((low + high) / 2, low, high)).outcome == outcome
