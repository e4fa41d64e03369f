import numpy as np
import pytest

from spotimes.benchmarking.latency import Ratio
from spotimes.compare.verdict import Word, of_accuracy, of_cost, of_difference, of_latency, paired
from spotimes.evaluation.statistics import Difference


@pytest.mark.parametrize(
    ("before", "after", "word"), [(10, 10, Word.SAME), (10, 9, Word.BETTER), (10, 11, Word.WORSE)]
)
def test_a_cost_that_is_counted_differs_or_not(before: int, after: int, word: Word) -> None:
    assert of_cost(before, after).word == word


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.02, 1.04, Word.WORSE),
        (0.96, 0.98, Word.BETTER),
        (0.99, 1.01, Word.SAME),
        (1.002, 1.008, Word.SAME),  # it differs, but by less than anyone need hear of
        (1.009, 1.0199, Word.SAME),
        (1.009, 1.03, Word.NOISY),  # it may well be worse
        (0.97, 0.991, Word.NOISY),
        (0.95, 1.05, Word.NOISY),
        (1.005, 1.2, Word.NOISY),
        (1.011, 1.5, Word.WORSE),
    ],
)
def test_a_latency_is_judged_by_its_whole_interval(low: float, high: float, word: Word) -> None:
    verdict = of_latency(Ratio((low + high) / 2, low, high), 1.01)
    assert verdict.word == word
    assert bool(verdict.reason) == (word == Word.NOISY)


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
    ("after", "word"), [(1000, Word.SAME), (1001, Word.SAME), (999, Word.SAME), (1002, Word.WORSE)]
)
def test_a_count_that_spreads_differs_by_more_than_that(after: int, word: Word) -> None:
    assert of_cost(1000, after, spread=0.001).word == word


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
    ("first_only", "second_only", "both", "word"),
    [
        (0, 0, 1000, Word.SAME),
        (0, 0, 100, Word.NOISY),  # none of so few may be luck
        (100, 100, 9800, Word.SAME),
        (520, 580, 8900, Word.NOISY),  # 0.6 points, and up to 1.25
        (60, 140, 9800, Word.BETTER),
        (140, 60, 9800, Word.WORSE),
        (5, 6, 50, Word.NOISY),
    ],
)
def test_accuracies_are_judged_by_the_images_that_flipped(
    first_only: int, second_only: int, both: int, word: Word
) -> None:
    verdict = of_accuracy(paired(*map(np.array, answers(first_only, second_only, both))))
    assert verdict.word == word
    assert ("images would settle it" in verdict.reason) == (word == Word.NOISY)


def test_of_many_verdicts_each_must_be_the_surer() -> None:
    """McNemar: p = 0.012."""
    result = paired(*map(np.array, answers(20, 40, 9940)))
    assert of_accuracy(result).word == Word.BETTER
    assert of_accuracy(result, 10).word == Word.SAME


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.1, Word.BETTER),
        (-0.1, -0.001, Word.WORSE),
        (-0.01, 0.01, Word.SAME),
        (-0.001, 0.011, Word.NOISY),
    ],
)
def test_a_difference_is_judged_by_its_whole_interval(low: float, high: float, word: Word) -> None:
    assert of_difference(Difference((low + high) / 2, low, high)).word == word
