import numpy as np
import pytest

from spotimes.inference.unknown import scores
from spotimes.quantization.known_limit import limit_of, scores_of
from tests.fuzz.small_models import small_model
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images


@pytest.mark.parametrize(
    ("count", "share", "limit", "kept"),
    [
        (1000, 0.95, 49, 0.951),
        (999, 0.95, 49, 950 / 999),
        (99, 0.95, 4, 95 / 99),
        (1000, 0.5, 499, 0.501),
        (19, 0.95, 0, 1),
        (5, 0.95, 0, 1),
        (1, 0.95, 0, 1),
    ],
)
def test_the_limit_is_the_score_of_a_rank(
    count: int, share: float, limit: int, kept: float
) -> None:
    found = limit_of(np.random.default_rng(1).permutation(count), share)
    assert (found.unknown_below, found.images) == (limit, count)
    assert found.kept == pytest.approx(kept)
    assert 0 < found.kept_low < found.kept_high <= 1


def test_of_equal_scores_none_is_below_the_limit() -> None:
    assert limit_of(np.array([5] * 40 + [9] * 60), 0.95)[:3] == (5, 100, 1)


@pytest.mark.parametrize("count", [60, 400])
def test_the_share_of_all_pictures_is_kept_and_its_interval_holds_it(count: int) -> None:
    rng = np.random.default_rng(1)
    shares, held = [], 0
    for _ in range(400):
        found = limit_of(rng.integers(0, 10**6, count), 0.9)
        truth = 1 - found.unknown_below / 10**6
        shares.append(truth)
        held += found.kept_low <= truth <= found.kept_high
    expected = 1 - (count + 1) // 10 / (count + 1)
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.sqrt(0.09 / count / 400))
    assert expected >= 0.9
    assert 368 <= held <= 394


def test_it_says_how_sure_it_is() -> None:
    said = str(limit_of(np.arange(1000), 0.95))
    assert said == (
        "unknown below a score of 49: 95.1% of 1,000 images are above it, and 93.6% to 96.3% of "
        "all like them"
    )


def test_the_scores_are_of_what_a_microcontroller_answers() -> None:
    content, images = small_model(quantized=True), random_images((6, 5, 3), 30)
    outputs = compiled.expected(content, images)
    expected = scores((outputs.astype(np.float32) + 128) / 256)
    pixels = (images.view(np.uint8) ^ 128).astype(np.uint8)
    np.testing.assert_array_equal(scores_of(content, pixels), expected)
