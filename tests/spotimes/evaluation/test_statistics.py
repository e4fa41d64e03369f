import numpy as np
import pytest
from scipy import stats

from spotimes.evaluation import statistics
from spotimes.figures import ACCURACIES


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_as_published(correct: int, total: int, low: float, high: float) -> None:
    share = statistics.wilson(correct, total)
    assert share == pytest.approx((correct / total, low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.9983])
@pytest.mark.parametrize("correct", [0, 1, 499, 999, 1000])
def test_wilson_interval_as_scipys(correct: int, confidence: float) -> None:
    interval = stats.binomtest(correct, 1000).proportion_ci(confidence, method="wilson")
    share = statistics.wilson(correct, 1000, confidence)
    assert (share.low, share.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def answers(both: int, first: int, second: int, none: int) -> tuple[list[bool], list[bool]]:
    counts = (both, first, second, none)
    return (
        [
            correct
            for correct, n in zip((True, True, False, False), counts, strict=True)
            for _ in "x" * n
        ],
        [
            correct
            for correct, n in zip((True, False, True, False), counts, strict=True)
            for _ in "x" * n
        ],
    )


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    [
        (2, 8, 2 * (1 + 10 + 45) / 2**10),  # by hand: twice the binomial tail
        (0, 5, 2 / 2**5),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_exact(first: int, second: int, p_value: float) -> None:
    one, other = answers(30, first, second, 7)
    found = statistics.mcnemar(np.array(one), np.array(other))
    assert (found.first_only, found.second_only) == (first, second)
    assert found.p_value == pytest.approx(p_value)


def of_class(*counts: int) -> tuple[statistics.Correct, statistics.Correct]:
    one, other = answers(*counts)
    return np.array(one), np.array(other)


def worst(*classes: tuple[int, int, int, int]) -> statistics.Difference:
    pairs = [of_class(*counts) for counts in classes]
    return statistics.worst_class_difference(
        [one for one, _ in pairs], [other for _, other in pairs]
    )


def test_the_worst_classes_of_both_are_compared_though_they_differ() -> None:
    """The first is correct in 70% and 90% of two classes, the second in 95% and 80%."""
    value, low, high = worst((690, 10, 260, 40), (780, 120, 20, 80))
    assert value == pytest.approx(0.1)
    assert low < 0.1 < high
    assert low > 0
    assert high < 0.2


def test_one_class_has_the_interval_of_a_paired_difference() -> None:
    """Of 1,000 images 20 against 60 flipped, and three intervals that hold together:
    0.04 +- z sqrt(0.08 - 0.04^2) / sqrt(1000), z of 1 - 0.05 / 3 being 2.394.
    """
    value, low, high = worst((800, 20, 60, 120))
    assert value == pytest.approx(0.04)
    margin = 2.394 * np.sqrt((0.08 - 0.0016) / 1000)
    assert (low, high) == pytest.approx((0.04 - margin, 0.04 + margin), abs=0.0005)


def test_the_worst_class_by_chance_alone_is_no_difference() -> None:
    """Ten classes alike; each model is worst in another."""
    classes = [(850, 50, 50, 50)] * 8 + [(840, 40, 60, 60), (840, 60, 40, 60)]
    value, low, high = worst(*classes)
    assert value == 0
    assert low < 0 < high


def test_worst_classes_of_unlike_models_are_rarely_said_to_differ() -> None:
    """Both have 90% in their worst class, the one in all classes, the other in one of ten."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(60):
        first = [rng.random(1000) < 0.9 for _ in range(10)]
        second = [rng.random(1000) < share for share in (0.9, *[0.97] * 9)]
        found = statistics.worst_class_difference(first, second)
        wrong += found.low > 0 or found.high < 0
    assert wrong <= 3


def test_no_flip_of_few_images_is_not_taken_for_none_ever() -> None:
    value, low, high = worst((9, 0, 0, 1))
    assert value == 0
    assert low < -0.05
    assert high > 0.05


def balanced(*classes: tuple[int, int, int, int]) -> statistics.Difference:
    pairs = [of_class(*counts) for counts in classes]
    return statistics.balanced_accuracy_difference(
        [one for one, _ in pairs], [other for _, other in pairs]
    )


def test_of_one_class_balanced_accuracy_differs_as_top1_does() -> None:
    counts = (800, 20, 60, 120)
    assert balanced(counts) == pytest.approx(statistics.paired_difference(*of_class(*counts)))


def test_a_balanced_difference_of_two_classes_by_hand() -> None:
    """8 of 98 gained and 3 of 38 lost; Agresti and Min's standard errors of both, added."""
    value, low, high = balanced((90, 0, 8, 0), (35, 3, 0, 0))
    assert value == pytest.approx((8 / 98 - 3 / 38) / 2)
    errors = [np.sqrt(9 - 8**2 / 100) / 100, np.sqrt(4 - 3**2 / 40) / 40]
    assert (low + high) / 2 == pytest.approx((8 / 100 - 3 / 40) / 2)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.hypot(*errors) / 2)


@pytest.mark.parametrize("sizes", [[200] * 5, [5, 40, 400], [4] * 20])
def test_intervals_of_a_balanced_difference_hold_it_as_often_as_they_say(sizes: list[int]) -> None:
    """400 times; 95% - 3 standard errors. A tenth of the images are lost, a twentieth gained."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        drawn = [rng.random(size) for size in sizes]
        found = statistics.balanced_accuracy_difference(
            [each > 0.05 for each in drawn], [(each < 0.9) for each in drawn]
        )
        held += found.low <= -0.05 <= found.high
    assert held / 400 > 0.917


def test_confusion_by_hand() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 0])
    np.testing.assert_array_equal(
        statistics.confusion_matrix(predicted, labels, 3), [[2, 0, 1], [1, 1, 0], [0, 0, 0]]
    )


def test_correct_by_class_by_hand() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 0, 2, 1, 0, 0])
    found = statistics.correct_by_class(predicted, labels, ["cat", "dog", "frog"])
    assert {name: correct.tolist() for name, correct in found.items()} == {
        "cat": [True, True, False],
        "dog": [True, False],
    }
    assert statistics.top1([*found.values()]) == 3 / 5
    assert statistics.balanced_accuracy([*found.values()]) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert statistics.worst_class([*found.values()]) == 1 / 2


def test_every_accuracy_has_a_statistic() -> None:
    assert set(statistics.ACCURACY_STATISTICS) == {figure.key for figure in ACCURACIES}


def test_auroc_is_mann_and_whitneys_u_as_a_share() -> None:
    rng = np.random.default_rng(1)
    known, foreign = rng.integers(3, 20, 80), rng.integers(0, 15, 50)  # with equal ones
    expected = stats.mannwhitneyu(known, foreign).statistic / (80 * 50)
    assert statistics.auroc(known, foreign) == pytest.approx(expected, abs=1e-12)
    assert statistics.auroc(foreign, known) == pytest.approx(1 - expected, abs=1e-12)
    assert statistics.auroc(np.array([5, 6]), np.array([1])) == 1
    assert statistics.auroc(np.array([5]), np.array([5])) == 0.5


def test_the_interval_of_a_difference_of_aurocs_holds_the_true_one() -> None:
    """Of normal scores, d apart, it is the share of a normal distribution below d / sqrt(2)."""
    rng = np.random.default_rng(1)
    truth = stats.norm.cdf(1.5 / np.sqrt(2)) - stats.norm.cdf(1 / np.sqrt(2))
    held = 0
    for _ in range(200):
        known, foreign = rng.normal(size=300), rng.normal(size=200)
        first, second = (
            (
                np.rint(1000 * (known + apart + rng.normal(scale=0.01, size=300))).astype(int),
                np.rint(1000 * foreign).astype(int),
            )
            for apart in (1, 1.5)
        )
        found = statistics.auroc_difference(first, second)
        assert found.value == pytest.approx(
            statistics.auroc(*second) - statistics.auroc(*first), abs=1e-12
        )
        held += found.low <= truth <= found.high
    assert 183 <= held <= 199
    assert statistics.auroc_difference(first, first) == (0, 0, 0)
