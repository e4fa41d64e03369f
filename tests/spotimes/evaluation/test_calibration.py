import numpy as np
import pytest

from spotimes.evaluation import calibration
from spotimes.evaluation.calibration import Confidence


def test_calibration_error_by_hand() -> None:
    # Bin (0.5, 0.75]: confidence 0.6 and 0.7, one of two correct: |0.5 - 0.65| = 0.15.
    # Bin (0.75, 1]: confidence 0.9 and 1.0, both correct: |1 - 0.95| = 0.05.
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.0, 1.0]], np.float32)
    labels = np.array([0, 0, 0, 1])
    found = Confidence.of(probabilities, labels).error(4)
    assert found == pytest.approx((2 * 0.15 + 2 * 0.05) / 4, abs=1e-6)


def test_a_confidence_on_a_bins_end_is_in_the_bin_below() -> None:
    # 0.5 shares no bin with 0.6, so their errors, of opposite sign, do not cancel.
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4]])
    found = Confidence.of(probabilities, np.array([0, 1])).error(2)
    assert found == pytest.approx((0.5 + 0.6) / 2)


def test_one_bin_compares_the_means() -> None:
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4]])
    found = Confidence.of(probabilities, np.array([0, 1])).error(1)
    assert found == pytest.approx(0.05)


def drawn(excess: float, count: int = 2000, seed: int = 1) -> Confidence:
    """Answers that are correct less often than they claim, by as much."""
    generator = np.random.default_rng(seed)
    claimed = generator.uniform(0.5, 1, count)
    return Confidence(claimed, generator.random(count) < claimed - excess)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    found = [calibration.interval(drawn(0.05, seed=seed), 15) for seed in range(60)]
    held = sum(each.low <= 0.05 <= each.high for each in found)
    assert held >= 53
    assert all(each.low < each.value for each in found)


def test_an_error_of_nothing_has_an_interval_that_ends_there() -> None:
    assert calibration.interval(drawn(0), 15).low == 0


def test_a_difference_is_of_the_same_images() -> None:
    before, after = drawn(0.1), drawn(0.02)
    found = calibration.difference(before, after, 15)
    assert found.value == pytest.approx(after.error(15) - before.error(15))
    assert found.low < found.value < found.high < 0
    assert calibration.difference(before, before, 15) == (0, 0, 0)


def test_bins_without_images_are_not_shown() -> None:
    confidence = Confidence(np.array([0.3, 0.95, 1.0]), np.array([False, True, False]))
    first, second = calibration.reliability(confidence, 4)
    assert first == (0.3, 0, 1)
    assert second.claimed == pytest.approx(0.975)
    assert second[1:] == (0.5, 2)


def test_before_and_after() -> None:
    labels = np.array([0, 0, 1, 0])
    before = np.tile(np.array([[0.5, 0.4]], np.float32), (4, 1))
    after = np.tile(np.array([[0.75, 0.2]], np.float32), (4, 1))
    found = calibration.measure(before, after, labels, 15)
    assert (found.error, found.error_at_1) == (0, 0.25)
    assert found.error_at_1_low <= 0.25 <= found.error_at_1_high
