from typing import Any

import numpy as np
import pytest

from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.ingestion.fingerprints import fingerprint_of
from spotimes.ingestion.selection import select
from spotimes.ingestion.split import EXCLUDED, TEST, TRAIN, VALIDATION
from spotimes.params.prepare import Prepare
from tests.spotimes.ingestion.sources import PARAMS, params_with, source_of


@pytest.fixture
def images(cifar10: dict[SplitName, Split]) -> Any:
    """24 different real images."""
    return cifar10["train"].images[:24]


def excluding(*what: str) -> Prepare:
    return params_with(leave_out=list(what))


def counts(split_of: Any) -> dict[int, int]:
    values, numbers = np.unique(split_of, return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))


def test_a_source_without_splits_is_divided(images: Any) -> None:
    selection = select(source_of(images), PARAMS)
    # Of 12 a class 3 are for the test, and of the 9 left 2 for validation.
    assert counts(selection.split_of) == {TRAIN: 14, VALIDATION: 4, TEST: 6}
    assert (selection.excluded, selection.exact) == ({}, [])


def test_unreadable_files_are_refused_by_name(images: Any) -> None:
    broken = source_of(
        images, unreadable={index: f"{index}.png: bad" for index in (2, 5, 7, 9, 11)}
    )
    with pytest.raises(InputError) as caught:
        select(broken, PARAMS)
    assert str(caught.value) == (
        "mine: 5 of 24 files cannot be used: 2.png: bad; 5.png: bad; 7.png: bad; and 2 more. Mend "
        "or remove them, or let prepare.leave_out have unreadable"
    )
    selection = select(broken, excluding("unreadable"))
    assert selection.excluded["unreadable"].tolist() == [2, 5, 7, 9, 11]
    assert np.flatnonzero(selection.split_of == EXCLUDED).tolist() == [2, 5, 7, 9, 11]


def test_files_that_are_cut_off_can_be_accepted(images: Any) -> None:
    broken = source_of(images, unreadable={2: "2.png: is cut off: of its 8 rows 7 can be read"})
    with pytest.raises(
        InputError, match=r"have unreadable, or set prepare\.truncated to the share"
    ):
        select(broken, PARAMS)


def test_copies_that_could_come_into_train_and_test_are_refused(images: Any) -> None:
    images = images.copy()
    images[22] = images[4]
    with pytest.raises(InputError) as caught:
        select(source_of(images), PARAMS)
    assert str(caught.value) == (
        "mine: the same picture is there more than once and could come into training and test "
        "both: 4.png and 22.png. Remove the copies, or let prepare.leave_out have duplicates"
    )
    selection = select(source_of(images), excluding("duplicates"))
    assert selection.excluded["duplicates"].tolist() == [22]
    assert selection.exact == []
    assert counts(selection.split_of)[EXCLUDED] == 1


def test_of_copies_in_given_splits_the_one_in_test_stays(images: Any) -> None:
    images = images.copy()
    images[20] = images[4]
    given = np.repeat([TRAIN, VALIDATION, TEST], [12, 6, 6])
    with pytest.raises(InputError, match="the same picture is there more than once"):
        select(source_of(images, given=given), PARAMS)
    selection = select(source_of(images, given=given), excluding("duplicates"))
    assert selection.excluded["duplicates"].tolist() == [4]
    assert selection.split_of[20] == TEST


def test_copies_within_a_given_split_are_allowed(images: Any) -> None:
    images = images.copy()
    images[6] = images[4]
    given = np.repeat([TRAIN, VALIDATION, TEST], [12, 6, 6])
    selection = select(source_of(images, given=given), PARAMS)
    assert [group.tolist() for group in selection.exact] == [[4, 6]]
    np.testing.assert_array_equal(selection.split_of, given)


def test_a_picture_of_two_classes_is_refused_whatever_is_excluded(images: Any) -> None:
    images = images.copy()
    images[7] = images[4]
    with pytest.raises(InputError) as caught:
        select(source_of(images), excluding("unreadable", "near_duplicates"))
    assert str(caught.value) == (
        "mine: 4.png and 7.png are the same picture, but of the classes a and b; remove one of them"
    )


def test_a_catalogs_copies_are_allowed(images: Any) -> None:
    images = images.copy()
    images[22] = images[4]
    given = np.repeat([TRAIN, TEST], [12, 12])
    selection = select(source_of(images, given=given, files=None), PARAMS)
    assert [group.tolist() for group in selection.exact] == [[4, 22]]
    assert selection.split_of[22] == TEST


def test_near_copies_across_splits_are_excluded_only_when_asked(images: Any) -> None:
    images = images.copy()
    images[20] = np.clip(images[4].astype(int) + 2, 0, 255)
    given = np.repeat([TRAIN, TEST], [12, 12])
    kept = select(source_of(images, given=given), PARAMS)
    assert kept.near.tolist() == [[4, 20]]
    assert kept.excluded == {}
    selection = select(source_of(images, given=given), excluding("near_duplicates"))
    assert selection.excluded["near_duplicates"].tolist() == [4]
    assert selection.near.tolist() == []
    assert (selection.split_of[4], selection.split_of[20]) == (EXCLUDED, TEST)


def test_near_pairs_do_not_repeat_the_exact_ones(images: Any) -> None:
    images = images.copy()
    images[[16, 20]] = images[4]
    images[18] = np.clip(images[4].astype(int) + 2, 0, 255)
    given = np.repeat([TRAIN, TEST], [12, 12])
    selection = select(source_of(images, given=given, files=None), PARAMS)
    assert [group.tolist() for group in selection.exact] == [[4, 16, 20]]
    assert selection.near.tolist() == [[4, 18]]


def test_what_is_not_drawn_is_not_used_and_needs_no_reason(images: Any) -> None:
    given = np.repeat([TRAIN, TEST], [16, 8])
    some = params_with(images_per_class={"train": 4, "test": 2})
    selection = select(source_of(images, given=given), some)
    assert counts(selection.split_of) == {EXCLUDED: 12, TRAIN: 6, VALIDATION: 2, TEST: 4}
    assert selection.excluded == {}


def test_a_class_without_training_images_is_refused(images: Any) -> None:
    given = np.where(np.arange(24) % 2, TEST, TRAIN)
    given[:6:2], given[1] = TEST, VALIDATION
    with pytest.raises(InputError, match="mine: no training image of b is left"):
        select(source_of(images, given=given), PARAMS)


def test_a_class_with_too_few_images_is_refused(images: Any) -> None:
    labels = [0] * 23 + [1]
    with pytest.raises(
        InputError, match=r"mine: the class b has too few images .* it needs 3 or more"
    ):
        select(source_of(images, labels=np.array(labels)), PARAMS)


@pytest.mark.parametrize("given", [[TRAIN], [TRAIN, TEST], [TRAIN, VALIDATION]])
def test_copies_in_a_given_train_are_refused_where_a_split_is_drawn_from_it(
    images: Any, given: list[int]
) -> None:
    images = images.copy()
    images[6] = images[4]
    splits = np.repeat(given, 24 // len(given))
    for seed in range(4):
        with pytest.raises(InputError, match=r"4.png and 6.png. Remove the copies"):
            select(source_of(images, given=splits), params_with(seed=seed))
    selection = select(source_of(images, given=splits), excluding("duplicates"))
    assert selection.excluded["duplicates"].tolist() == [6]


@pytest.mark.parametrize("what", ["duplicates", "near_duplicates"])
def test_a_given_split_of_which_nothing_is_left_is_refused(images: Any, what: str) -> None:
    images = images.copy()
    images[12:18] = images[18:24] if what == "duplicates" else images[18:24] ^ 1
    given = np.repeat([TRAIN, VALIDATION, TEST], [12, 6, 6])
    with pytest.raises(InputError, match="mine: no image for validation is left"):
        select(source_of(images, given=given), excluding(what))


def judged_by(source: Any, images: Any) -> Any:
    """A source whose pictures are compared by other images than its own."""
    others = {
        index: fingerprint_of(bytes([index] * 16), image) for index, image in enumerate(images)
    }
    return source._replace(fingerprints=source.fingerprints.replaced(others))


def test_pictures_whose_images_lost_what_distinguishes_them_are_no_copies(images: Any) -> None:
    """As those of 12 bits in files of 16, whose images have 16 levels."""
    dark = images // 64
    dark[20], dark[22] = dark[0], dark[2]
    with pytest.raises(InputError, match="the same picture"):
        select(source_of(dark), PARAMS)
    assert len(select(source_of(dark), excluding("duplicates")).near)
    selection = select(judged_by(source_of(dark), images), PARAMS)
    assert (selection.exact, selection.near.tolist()) == ([], [])


def test_near_copies_are_found_by_what_distinguishes_pictures(images: Any) -> None:
    alike = images.copy()
    alike[20:] = images[:4]
    alike[20:, :4, :4] ^= 1
    source = judged_by(source_of(images // 64), alike)
    split_of = select(source, PARAMS).split_of
    across = [[first, first + 20] for first in range(4) if split_of[first] != split_of[first + 20]]
    assert across
    assert select(source, PARAMS).near.tolist() == across
