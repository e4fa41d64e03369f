from pathlib import Path

import pytest

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.labelled_files import Reading, find
from tests.spotimes.ingestion.named_files import TWO, fault, filled, listing


def pets(*folders: str) -> list[str]:
    """Paths of a picture of a cat and one of a dog in each folder."""
    return [f"{folder}/{name}/{folder[:3]}.png" for folder in folders for name in ("cat", "dog")]


@pytest.mark.parametrize("validation", ["validation", "val"])
def test_ready_made_splits(tmp_path: Path, validation: str) -> None:
    paths = [*pets("train", "test"), f"{validation}/dog/sub/2.png"]
    assert listing(find(filled(tmp_path, paths))) == [
        (0, "cat", "train/cat/tra.png"),
        (0, "dog", "train/dog/tra.png"),
        (1, "dog", f"{validation}/dog/sub/2.png"),
        (2, "cat", "test/cat/tes.png"),
        (2, "dog", "test/dog/tes.png"),
    ]


def test_train_alone_is_a_ready_made_split(tmp_path: Path) -> None:
    files = find(filled(tmp_path, ["train/cat/1.png", "train/dog/1.png"]))
    assert files.splits.tolist() == [0, 0]
    assert files.class_names == ["cat", "dog"]
    assert files.notes.layout == []


@pytest.mark.parametrize(
    ("folders", "layout"),
    [
        (("training_set", "", "test_set"), "train is training_set/, test is test_set/"),
        (("Train", "", "Test"), "train is Train/, test is Test/"),
        (
            ("train2017", "val2017", ""),
            "train is train2017/, validation is val2017/",
        ),
        (
            ("images_train", "images-dev", "TestImages"),
            "train is images_train/, validation is images-dev/, test is TestImages/",
        ),
        (
            ("seg_train/seg_train", "", "seg_test/seg_test"),
            "train is seg_train/seg_train/, test is seg_test/seg_test/",
        ),
        (("petstrain", "", "petstest"), "train is petstrain/, test is petstest/"),
        (("train/Training", "", ""), "train is train/Training/"),
        (("training_set", "", ""), "train is training_set/"),
    ],
)
def test_splits_under_other_names(
    tmp_path: Path, folders: tuple[str, str, str], layout: str
) -> None:
    files = find(filled(tmp_path, pets(*filter(None, folders))))
    assert files.class_names == ["cat", "dog"]
    given = {split: path for split, _, path in listing(files)}
    assert {SPLITS[split]: path.rsplit("/", 2)[0] for split, path in given.items()} == {
        split: folder for split, folder in zip(SPLITS, folders, strict=True) if folder
    }
    assert files.notes.layout == [layout]


@pytest.mark.parametrize(
    ("paths", "reported"),
    [
        (["train/1.png", "bus/1.png"], "train is a class, as there are pictures"),
        (["Train/1.png", "train/2.png", "bus/1.png"], "Train and train are classes, as"),
        (["valid/1.png", "invalid/1.png"], "valid is a class, as there are pictures and"),
        (["train station/1.png", "train depot/1.png", "field/1.png"], "train depot and train stat"),
        (["train/1.png", "train/steam/2.png", "bus/a/1.png"], "train is a class, as"),
    ],
)
def test_a_class_may_be_named_as_a_split(tmp_path: Path, paths: list[str], reported: str) -> None:
    files = find(filled(tmp_path, paths))
    assert listing(files) == [(-1, path.split("/")[0], path) for path in sorted(paths)]
    (layout,) = files.notes.layout
    assert layout.startswith(reported)


@pytest.mark.parametrize(
    ("paths", "problem", "remedy"),
    [
        (pets("Training", "Testing", "extra"), "Testing and Training, which seem to be splits, but "
         "not extra", "move extra into one, or away"),
        (pets("train", "extra"), "holds the folder train, which seems to be a split, but not extra",
         "move extra into one, or away"),
        (["train/1.png", "test1/1.png"], "test1 and train, which seem to be splits, but train/1.png"
         " is a file, and not a folder for each class", "move it into its class' folder"),
        ([*pets("train"), "train/1.png"], "but train/1.png is a file", "move it into its class'"),
        (["train/1.png", "test/1.png", "bus/1.png"], "test and train, which seem to be splits, but "
         "not bus", "move bus into one, or away"),
        (["train/steam/1.png", "car/a/1.png", "bus/b/1.png"], "train, which seems to be a split, "
         "but not bus and car", "move bus and car into one, or away"),
        (pets("test", "val"), "test and val, which seem to be splits, but none is train",
         "name one train, which the network learns from"),
        (pets("val_set"), "val_set, which seems to be a split, but none is train", "name one trai"),
        (pets("train", "val", "valid"), "but val and valid are both validation",
         "put what they hold into one of them"),
        (pets("Train", "train"), "but Train and train are both train", "put what they hold into"),
        (pets("train", "eval"), "but eval could be test or validation", "rename it"),
        (pets("fold1", "fold2"), "but fold1 could be test or train or validation", "rename it"),
        ([*pets("train"), "val/"], "but val is empty", "put a folder for each class there"),
        ([*pets("train_set", "test_set"), "test_set/owl/1.png"], "but test_set has the class owl, "
         "which train lacks", "give train pictures of it, or take it away"),
        ([*pets("train", "val"), "val/owl/1.png"], "but val has the class owl, which train lacks",
         "give train"),
        (pets("training_set/train", "training_set/val"), "but training_set holds train and val, "
         "which seem to be splits, too", "let it hold a folder for each class"),
    ],
)  # fmt: skip
def test_folders_that_may_be_splits_or_classes(
    tmp_path: Path, paths: list[str], problem: str, remedy: str
) -> None:
    message = fault(filled(tmp_path, paths))
    assert problem in message
    assert f". For splits: {remedy}" in message
    folders = {path.split("/")[0] for path in paths}
    if len(folders) == 1:
        assert message.endswith(". For classes: add another")
        return
    assert message.endswith(". For classes: set prepare.split_folders to false")
    filled(tmp_path, [f"{folder}/1.png" for folder in folders])
    assert find(tmp_path, Reading(split_folders=False)).class_names == sorted(folders)


def test_very_many_folders_are_not_all_named(tmp_path: Path) -> None:
    paths = [*pets("train"), *(f"{number}/1.png" for number in range(9))]
    assert "but not 0, 1, 2 and 6 more. For" in fault(filled(tmp_path, paths))


def test_split_folders_can_be_classes(tmp_path: Path) -> None:
    files = find(filled(tmp_path, pets("train", "test")), Reading(split_folders=False))
    assert files.class_names == ["test", "train"]
    assert set(files.splits.tolist()) == {-1}
    assert files.notes.layout == []


def test_splits_within_each_class(tmp_path: Path) -> None:
    paths = [f"{name}/{split}/1.png" for name in ("cat", "dog") for split in ("train", "Testing")]
    assert fault(filled(tmp_path, paths)) == (
        "cat: holds the folders Testing and train, which seem to be splits within a class. For "
        "splits: put the class into them (train/cat, test/cat). For one class of all that is "
        "there: set prepare.split_folders to false"
    )
    assert find(tmp_path, Reading(split_folders=False)).paths == sorted(paths)


def test_a_class_may_hold_one_folder_named_as_a_split(tmp_path: Path) -> None:
    paths = ["toy/train/1.png", "toy/car/1.png", *TWO]
    assert find(filled(tmp_path, paths)).class_names == ["cat", "dog", "toy"]


def test_a_split_may_hold_a_class_named_as_a_split(tmp_path: Path) -> None:
    paths = [f"{split}/{name}/1.png" for split in ("train", "test") for name in ("bus", "train")]
    assert find(filled(tmp_path, [*paths, "val/train/1.png"])).class_names == ["bus", "train"]


@pytest.mark.parametrize("name", ["pets", "Pets"])
def test_a_folder_in_another_of_its_name(tmp_path: Path, name: str) -> None:
    around = ["README.md", "__MACOSX/1", f"{name}/.DS_Store"]
    root = filled(tmp_path / "pets", [*(f"{name}/{path}" for path in TWO), *around])
    files = find(root)
    assert (files.root, files.paths) == (root / name, TWO)
    assert files.notes.ignored == ["../README.md", "../__MACOSX", ".DS_Store"]
    assert files.notes.layout == [f"the pictures are in {root / name}"]


def test_an_unpacked_list_or_splits_in_a_folder_of_the_same_name(tmp_path: Path) -> None:
    root = filled(tmp_path / "pets", [f"pets/pets/{path}" for path in TWO])
    (root / "pets/pets/labels.csv").write_text("path,label\ncat/1.png,no\ndog/1.png,yes\n")
    assert find(root).class_names == ["no", "yes"]
    root = filled(tmp_path / "data", [f"data/{path}" for path in pets("train/train", "test")])
    assert find(root).splits.tolist() == [0, 0, 2, 2]


def test_a_link_to_itself_is_not_followed_for_ever(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    root.mkdir()
    (root / "pets").symlink_to(".")
    assert "is a link to a folder that it lies in, a loop" in fault(root)


def test_a_folder_that_holds_the_dataset_alone(tmp_path: Path) -> None:
    root = filled(tmp_path / "download", [f"pets/{path}" for path in TWO])
    assert fault(root) == (
        f"holds only the folder pets; if the classes are in it, let prepare.source name "
        f"{root / 'pets'}; if it is a class, add another: a classifier needs two or more"
    )
    with pytest.raises(InputError, match="has only one class, train"):
        find(filled(tmp_path / "one", ["train/1.png"]), Reading(split_folders=False))


@pytest.mark.parametrize(
    ("paths", "layout"),
    [
        (
            pets("lernen", "prüfen"),
            [
                "lernen and prüfen are classes, though each holds the folders cat and dog, as "
                "splits would; if they are splits, name them train, validation and test"
            ],
        ),
        ([*pets("lernen", "prüfen"), "lernen/1.png"], []),
        ([*pets("cats"), "dogs/cat/1.png"], []),
        (["cats/2019/1.png", "dogs/2019/1.png"], []),
        (["cats/1.png", "dogs/1.png"], []),
    ],
)
def test_classes_that_hold_the_same_folders(
    tmp_path: Path, paths: list[str], layout: list[str]
) -> None:
    files = find(filled(tmp_path, paths))
    assert len(files.class_names) == 2
    assert files.notes.layout == layout
