import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotimes.crossvalidation.interval import share_of_groups
from spotimes.evaluation.statistics import wilson

Numbers = npt.NDArray[np.int64]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_of_images_without_groups_it_is_wilsons(answers: list[bool]) -> None:
    correct = np.array(answers)
    found = share_of_groups(correct, np.arange(len(correct)) * 7)
    assert found == pytest.approx(wilson(sum(answers), len(answers)))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=60).filter(
        lambda pairs: len({group for _, group in pairs}) > 1
    )
)
def test_groups_never_make_it_narrower(pairs: list[tuple[bool, int]]) -> None:
    correct, groups = (np.array(column) for column in zip(*pairs, strict=True))
    found, plain = share_of_groups(correct, groups), wilson(int(correct.sum()), len(correct))
    assert found.value == pytest.approx(plain.value)
    assert 0 <= found.low <= plain.low + 1e-9
    assert 1 >= found.high >= plain.high - 1e-9


def test_images_that_are_all_alike_in_their_groups_count_once_a_group() -> None:
    correct = np.repeat(np.arange(500) % 4 > 0, 6)
    found = share_of_groups(correct, np.arange(3000) // 6)
    assert found == pytest.approx(wilson(375, 500), abs=1e-3)
    all_correct = share_of_groups(np.ones(12, np.bool_), np.arange(12) // 3)
    assert all_correct == wilson(4, 4)


def test_it_holds_the_share_as_often_as_it_says() -> None:
    """Of 30 groups of ten images, whose shares differ; the images alone would say too much."""
    generator = np.random.default_rng(1)
    groups = np.arange(300) // 10
    held: list[bool] = []
    held_by_images: list[bool] = []
    for _ in range(400):
        shares = generator.beta(4, 1, 30)  # 0.8 on average
        correct = generator.random(300) < shares[groups]
        for found, intervals in (
            (share_of_groups(correct, groups), held),
            (wilson(int(correct.sum()), 300), held_by_images),
        ):
            intervals.append(found.low <= 0.8 <= found.high)
    assert 0.92 < np.mean(held) < 0.98
    assert np.mean(held_by_images) < 0.88
