import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotimes.crossvalidation.folds import Fold, divide
from spotimes.errors import InputError
from spotimes.ingestion.division import share_of

NAMES = ["cat", "dog", "eel", "fox"]
Numbers = npt.NDArray[np.int64]


def divided(
    labels: Numbers, groups: Numbers | None = None, count: int = 5, seed: int = 1
) -> list[Fold]:
    return divide(
        labels,
        np.arange(len(labels)) if groups is None else groups,
        count,
        seed=seed,
        validation_fraction=0.2,
        class_names=NAMES[: labels.max() + 1],
    )


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Numbers, Numbers, int]:
    """Labels, groups of one to four images of a class, and how many folds they suffice for."""
    count = draw(st.integers(3, 6))
    of_group: list[int] = []
    of_image: list[int] = []
    for label in range(draw(st.integers(1, len(NAMES)))):
        sizes = draw(st.lists(st.integers(1, 4), min_size=max(count, 4), max_size=12))
        for size in sizes:
            of_image += [len(of_group)] * size
            of_group.append(label)
    order = draw(st.permutations(range(len(of_image))))
    groups = np.array(of_image)[order]
    return np.array(of_group)[groups], groups, count


@settings(max_examples=25, deadline=None)
@given(grouped())
def test_every_image_is_held_out_once_and_no_group_is_divided(
    found: tuple[Numbers, Numbers, int],
) -> None:
    labels, groups, count = found
    folds = divided(labels, groups, count)
    assert len(folds) == count
    held_out = np.concatenate([fold.held_out for fold in folds])
    assert sorted(held_out.tolist()) == list(range(len(labels)))
    for fold in folds:
        parts = [set(groups[indices].tolist()) for indices in fold]
        assert sum(map(len, parts)) == len(set(groups.tolist())) == len(set.union(*parts))
        assert sum(map(len, fold)) == len(labels)
        for indices in fold:
            assert set(labels[indices].tolist()) == set(labels.tolist())


def test_two_folds_of_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError, match="leaves cat to validate on beside each; take more folds"):
        divided(np.zeros(5, np.int64), np.array([0, 1, 2, 3, 3]), 2)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(4, 30), min_size=1, max_size=len(NAMES)), st.integers(2, 4), st.integers(0)
)
def test_without_groups_the_strata_are_even(sizes: list[int], count: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(seed).shuffle(labels)
    folds = divided(labels, count=count)
    held_out = np.stack([np.bincount(labels[fold.held_out]) for fold in folds])
    assert np.ptp(held_out, axis=0).max() <= 1
    assert np.ptp(held_out.sum(axis=1)) <= 1
    for fold, out in zip(folds, held_out, strict=True):
        shares = [share_of(images, 0.2) for images in (sizes - out).tolist()]
        assert np.bincount(labels[fold.validation]).tolist() == shares


def test_with_groups_the_strata_are_about_even() -> None:
    generator = np.random.default_rng(3)
    sizes = generator.integers(1, 9, 120)
    groups = np.repeat(np.arange(120), sizes)
    labels = np.repeat(np.arange(120) % 3, sizes)
    for fold in divided(labels, groups):
        share = np.bincount(labels[fold.held_out]) / np.bincount(labels)
        np.testing.assert_allclose(share, 0.2, atol=0.02)


def test_groups_of_several_classes_stay_together_too() -> None:
    groups = np.repeat(np.arange(40), 3)
    labels = np.tile([0, 1, 2], 40)
    for fold in divided(labels, groups):
        assert np.bincount(labels[fold.held_out]).tolist() == [8, 8, 8]
        assert len(np.unique(groups[fold.held_out])) == 8


def test_the_seed_makes_the_folds() -> None:
    labels = np.arange(40) % 2
    first, again, other = (divided(labels, seed=seed)[0] for seed in (1, 1, 2))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert first.held_out.tolist() != other.held_out.tolist()


@pytest.mark.parametrize(
    ("images", "groups", "count", "message"),
    [
        ([9, 9], None, 1, "K=1 is not allowed: it takes 2 folds or more"),
        ([9, 9], None, 0, "K=0 is not allowed: it takes 2 folds or more"),
        (
            [9, 7],
            None,
            8,
            "K=8 is not allowed: the class dog has 7 pictures, and needs 8; K can be 7 at most",
        ),
        ([9, 3], None, 2, "K=2 is not allowed: the class dog has 3 pictures, and needs 4"),
        (
            [8, 12],
            np.arange(20) // 2,
            5,
            "K=5 is not allowed: the class cat has 4 groups of pictures, and needs 5; K can be 4 "
            "at most",
        ),
    ],
)
def test_more_folds_than_there_are_pictures_or_groups_are_refused(
    images: list[int], groups: Numbers | None, count: int, message: str
) -> None:
    with pytest.raises(InputError) as refused:
        divided(np.repeat([0, 1], images), groups, count)
    assert str(refused.value) == message
