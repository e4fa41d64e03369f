import numpy as np
import pytest

from spotimes.latency import Ratio
from spotimes.verdict import Word, of_accuracy, of_cost, of_latency, paired


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
        (1.005, 1.03, Word.SAME),
        (0.95, 1.05, Word.NOISY),
        (1.005, 1.2, Word.NOISY),
        (1.011, 1.5, Word.WORSE),
    ],
)
def test_a_latency_is_judged_by_its_whole_interval(low: float, high: float, word: Word) -> None:
    verdict = of_latency(Ratio((low + high) / 2, low, high), 1.01)
    assert verdict.word == word
    assert bool(verdict.reason) == (word == Word.NOISY)


def test_what_would_settle_a_noisy_latency() -> None:
    assert "about 4.0 times as many loads" in of_latency(Ratio(1.0, 0.95, 1.05), 1.01).reason


def answers(first_only: int, second_only: int, both: int) -> tuple[list[bool], list[bool]]:
    return (
        [True] * first_only + [False] * second_only + [True] * both,
        [False] * first_only + [True] * second_only + [True] * both,
    )


def test_paired_by_hand() -> None:
    """Agresti's interval: 0.08 +- 1.96 sqrt((0.12 - 0.08^2) / 100)."""
    result = paired(*map(np.array, answers(2, 10, 88)))
    assert (result.first_only, result.second_only) == (2, 10)
    assert result.difference == pytest.approx(0.08)
    assert result.high - result.difference == pytest.approx(1.959964 * np.sqrt(0.1136 / 100))
    assert result.difference - result.low == pytest.approx(result.high - result.difference)
    assert result.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)


@pytest.mark.parametrize(
    ("first_only", "second_only", "both", "word"),
    [
        (0, 0, 100, Word.SAME),
        (100, 100, 9800, Word.SAME),
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
