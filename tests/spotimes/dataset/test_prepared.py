from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.blocks import Block
from spotimes.dataset.backbone import NO_BACKBONE
from spotimes.dataset.prepared import (
    Card,
    Split,
    SplitName,
    load_backbone,
    load_card,
    load_groups,
    load_kept_tensors,
    load_split,
    load_tensors,
    load_unlabelled,
    write_prepared,
)
from spotimes.errors import InputError
from tests.backbones import tiny_backbone
from tests.programs import output_of

CARD = Card(
    name="Two", class_names=["cat", "dog"], licence="none", citation="nobody", homepage="nowhere"
)


def splits(first: int = 0) -> dict[SplitName, Split]:
    images = np.arange(first, first + 4 * 12, dtype=np.uint8).reshape(4, 2, 2, 3)
    labels = np.array([0, 1, 1, 0])
    return {
        "train": Split(images, labels),
        "validation": Split(images[:2], labels[:2]),
        "test": Split(images[2:], labels[2:]),
    }


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    write_prepared(tmp_path / "prepared", CARD, splits())
    return tmp_path / "prepared"


def test_what_is_written_can_be_read(prepared: Path) -> None:
    assert load_card(prepared) == CARD
    for name, split in splits().items():
        read = load_split(name, prepared)
        assert [str(array.dtype) for array in (read.images[:], read.labels)] == ["uint8", "int64"]
        np.testing.assert_array_equal(read.images, split.images)
        np.testing.assert_array_equal(read.labels, split.labels)


def test_same_content_same_bytes(prepared: Path) -> None:
    before = content(prepared)
    write_prepared(prepared, CARD, splits())
    assert content(prepared) == before


def test_images_that_are_not_contiguous_are_written_as_they_look(tmp_path: Path) -> None:
    wanted = splits()
    channels_first = {
        name: Split(split.images.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1), split.labels)
        for name, split in wanted.items()
    }
    write_prepared(tmp_path / "prepared", CARD, channels_first)
    np.testing.assert_array_equal(
        load_split("train", tmp_path / "prepared").images, wanted["train"].images
    )


def test_a_full_disk_is_reported_and_leaves_the_old_dataset(prepared: Path) -> None:
    before = content(prepared)
    # The limit of a file's size stands in for the end of the disk, which would be ENOSPC.
    assert output_of("write_large_dataset", prepared) == "EFBIG\n"
    assert content(prepared) == before
    assert list(prepared.parent.iterdir()) == [prepared]


def test_groups_are_there_where_the_source_has_some(prepared: Path) -> None:
    assert load_groups("train", prepared) is None
    groups: dict[SplitName, npt.NDArray[np.int64]] = {
        "train": np.array([3, 3, 0, 9]),
        "validation": np.array([3, 1]),
        "test": np.array([2, 2]),
    }
    write_prepared(prepared, CARD, splits(), groups=groups)
    for name, numbers in groups.items():
        np.testing.assert_array_equal(load_groups(name, prepared), numbers)
    np.save(prepared / "test_groups.npy", np.array([2.0, 2.0]))
    with pytest.raises(InputError, match=r"test_groups.npy: is float64 of 1 dimensions"):
        load_groups("test", prepared)


def test_images_without_labels_are_a_file_of_their_own(prepared: Path, tmp_path: Path) -> None:
    assert load_unlabelled(prepared) is None
    before = content(prepared)
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 2, 2, 3)
    write_prepared(prepared, CARD, splits(), unlabelled=images)
    found = load_unlabelled(prepared)
    assert found is not None
    np.testing.assert_array_equal(found[:], images)
    after = content(prepared)
    assert after.keys() - before.keys() == {"unlabelled_images.npy"}
    assert before.items() <= after.items()


def test_a_missing_dataset_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; run `dvc repro prepare`"):
        load_split("train", tmp_path)
    with pytest.raises(InputError, match=r"dataset.json: no such file"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 2, 2, 3), np.float32), "is float32 of 4 dimensions, not uint8 of 4"),
        (np.zeros((4, 12), np.uint8), "is uint8 of 2 dimensions, not uint8 of 4"),
        (np.zeros((3, 2, 2, 3), np.uint8), "train: 3 images and 4 labels"),
    ],
)
def test_images_of_another_kind_are_refused(
    prepared: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], message: str
) -> None:
    np.save(prepared / "train_images.npy", array)
    with pytest.raises(InputError, match=message):
        load_split("train", prepared)


@pytest.mark.parametrize("labels", [[0, 1, 2, 0], [0, -1, 1, 0]])
def test_a_label_without_a_name_is_refused(prepared: Path, labels: list[int]) -> None:
    np.save(prepared / "train_labels.npy", np.array(labels))
    with pytest.raises(InputError, match="train: a label is not within 0 to 1"):
        load_split("train", prepared)


def test_half_a_file_is_refused(prepared: Path) -> None:
    path = prepared / "test_images.npy"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"test_images.npy: cannot be read"):
        load_split("test", prepared)


def test_a_class_name_may_hold_any_character(prepared: Path) -> None:
    """The card is JSON, of which YAML's readers take an emoji for two halves of one."""
    card = CARD.model_copy(update={"class_names": ["犬 🐕", "del\x7f\u2028"]})
    write_prepared(prepared, card, splits())
    assert load_card(prepared) == card


def test_a_card_with_an_unknown_key_is_refused(prepared: Path) -> None:
    (prepared / "dataset.json").write_text('{"names": "Two"}')
    with pytest.raises(InputError, match=r"dataset.json\."):
        load_card(prepared)


BACKBONE = tiny_backbone(Block(kind="conv", channels=2))
TENSORS = {
    "block1_conv/kernel": np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2),
    "block1_conv/beta": np.ones(2, np.float32),
}


def test_a_backbone_that_is_written_is_read(tmp_path: Path) -> None:
    write_prepared(tmp_path / "prepared", CARD, splits(), BACKBONE, TENSORS)
    assert load_backbone(tmp_path / "prepared") == BACKBONE
    found = load_tensors(tmp_path / "prepared")
    assert set(found) == set(TENSORS)
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array)
    turned = dict(reversed(TENSORS.items()))
    write_prepared(tmp_path / "again", CARD, splits(), BACKBONE, turned)
    for file in ("backbone.json", "backbone.npz"):
        assert (tmp_path / "again" / file).read_bytes() == (
            tmp_path / "prepared" / file
        ).read_bytes()


def test_of_a_backbones_weights_those_of_its_first_blocks_can_be_read(tmp_path: Path) -> None:
    assert load_kept_tensors(0, tmp_path) == {}
    names = [f"block{number}_conv/beta" for number in (1, 2, 10)]
    tensors = dict.fromkeys([*names, "logits/bias"], np.ones(2, np.float32))
    write_prepared(tmp_path / "prepared", CARD, splits(), BACKBONE, tensors)
    assert sorted(load_kept_tensors(2, tmp_path / "prepared")) == names[:2]


def test_without_a_backbone_there_are_no_weights_of_an_earlier_one(tmp_path: Path) -> None:
    write_prepared(tmp_path / "prepared", CARD, splits(), BACKBONE, TENSORS)
    write_prepared(tmp_path / "prepared", CARD, splits())
    assert load_backbone(tmp_path / "prepared") == NO_BACKBONE
    assert not (tmp_path / "prepared/backbone.npz").exists()


def test_a_backbone_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.json"):
        load_backbone(tmp_path)
    with pytest.raises(InputError, match=r"backbone\.npz: no such file; run `dvc repro"):
        load_tensors(tmp_path)
    write_prepared(tmp_path / "prepared", CARD, splits(), BACKBONE, TENSORS)
    weights = tmp_path / "prepared/backbone.npz"
    weights.write_bytes(weights.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"backbone\.npz: cannot be read"):
        load_tensors(tmp_path / "prepared")
