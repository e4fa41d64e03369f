import numpy as np
import numpy.typing as npt
import pytest

from spotimes.ingestion.group_division import set_groups_aside

Array = npt.NDArray[np.int64]


def images_of(groups: list[dict[int, int]]) -> tuple[Array, Array]:
    """Labels and groups of images, from how many of each class a group has."""
    labels = [label for group in groups for label, count in group.items() for _ in range(count)]
    sizes = [sum(group.values()) for group in groups]
    return np.array(labels), np.repeat(np.arange(len(groups)), sizes)


def aside(
    groups: list[dict[int, int]], shares: list[int], seed: int = 1, kept: int = 1
) -> list[int]:
    """The groups that are set aside, of which none is divided."""
    labels, group_of = images_of(groups)
    mask = set_groups_aside(labels, group_of, shares, seed, kept)
    chosen = np.unique(group_of[mask])
    assert mask.sum() == np.isin(group_of, chosen).sum()
    return [int(group) for group in chosen]


def random_groups(classes: int, groups: int, classes_each: int) -> list[dict[int, int]]:
    generator = np.random.default_rng(3)
    return [
        {
            int(label): int(generator.integers(1, 20))
            for label in generator.choice(classes, classes_each, replace=False)
        }
        for _ in range(groups)
    ]


@pytest.mark.parametrize(
    ("classes_each", "most_amiss"),
    [(1, 1), (2, 3), (5, 6)],  # of 5 classes of about 200 to 1,000 images
)
def test_each_class_gives_about_its_share(classes_each: int, most_amiss: int) -> None:
    groups = random_groups(5, 100, classes_each)
    labels, group_of = images_of(groups)
    shares = (np.bincount(labels) // 7).tolist()
    mask = set_groups_aside(labels, group_of, shares, 1, 1)
    assert np.abs(np.bincount(labels[mask]) - shares).max() <= most_amiss


def test_the_seed_makes_the_choice() -> None:
    groups = [{index % 2: 3} for index in range(40)]
    assert aside(groups, [9, 9], 7) == aside(groups, [9, 9], 7)
    assert aside(groups, [9, 9], 7) != aside(groups, [9, 9], 8)


def test_the_choice_is_the_same_for_everyone() -> None:
    assert aside(random_groups(3, 12, 2), [10, 10, 10]) == [2, 10]


def test_groups_of_one_picture_are_chosen_as_pictures_are() -> None:
    groups = [{index % 3: 1} for index in range(60)]
    labels, _ = images_of(groups)
    chosen = aside(groups, [4, 5, 6])
    assert np.bincount(labels[chosen]).tolist() == [4, 5, 6]


def test_a_class_with_one_large_group_still_has_one_on_either_side() -> None:
    assert aside([{0: 90}, {0: 1}], [9]) == [1]
    assert aside([{0: 90}, {0: 80}], [9]) in ([0], [1])


@pytest.mark.parametrize("kept", [1, 2])
def test_so_many_groups_are_kept(kept: int) -> None:
    chosen = aside([{0: 1}, {0: 1}, {0: 1}], [3], kept=kept)
    assert 1 <= len(chosen) <= 3 - kept


def test_small_groups_make_up_for_a_large_one() -> None:
    assert aside([{0: 6}, {0: 6}, {0: 5}, {0: 5}, {0: 20}], [10]) == [2, 3]


def test_classes_without_common_groups_are_chosen_apart() -> None:
    first = random_groups(2, 20, 1)
    more = [*first, *({label + 2: count for label, count in each.items()} for each in first)]
    shares = [20, 30, 40, 50]
    assert {group for group in aside(more, shares) if group < 20} == set(aside(first, shares[:2]))
