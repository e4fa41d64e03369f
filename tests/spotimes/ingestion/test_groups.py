from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.ingestion.labelled_files import LabelledFiles, Reading, find
from tests.spotimes.ingestion.named_files import NFC, NFD, fault, filled, listed

BY_DOG = Reading(group=r"(\w+?)_")


def members(files: LabelledFiles) -> dict[str, list[str]]:
    """The pictures of each group."""
    assert files.groups is not None
    of, names = files.groups
    assert len(of) == len(files.paths)
    return {
        name: [path for path, index in zip(files.paths, of, strict=True) if index == number]
        for number, name in enumerate(names)
    }


def test_without_groups(tmp_path: Path) -> None:
    assert find(filled(tmp_path, ["cat/a_1.png", "dog/b_1.png"])).groups is None
    csv = "path,label,group\na.png,cat,\nb.png,dog, \n"
    assert find(listed(tmp_path, csv)).groups is None


def test_a_column_of_labels_csv(tmp_path: Path) -> None:
    csv = f"group,path,label\nTom,a.png,cat\n,b.png,dog\n{NFC},c.png,cat\n {NFD} ,d.png,dog\n"
    files = find(listed(tmp_path, csv, ["a.png", "b.png", "c.png", "d.png"]))
    assert members(files) == {"Tom": ["a.png"], NFC: ["c.png", "d.png"]}


def test_a_pattern_on_paths(tmp_path: Path) -> None:
    paths = ["cat/tom_1.png", "cat/tom_2.png", "cat/x.png", "dog/rex_1.png", "dog/tom_3.png"]
    files = find(filled(tmp_path, paths), BY_DOG)
    assert members(files) == {
        "rex": ["dog/rex_1.png"],
        "tom": ["cat/tom_1.png", "cat/tom_2.png", "dog/tom_3.png"],
    }
    with_class = find(tmp_path, Reading(group=r"^(.+?)_"))
    assert list(members(with_class)) == ["cat/tom", "dog/rex", "dog/tom"]


def test_a_pattern_that_finds_nothing(tmp_path: Path) -> None:
    filled(tmp_path, ["cat/1.png", "dog/2.png"])
    with pytest.raises(InputError) as caught:
        find(tmp_path, BY_DOG)
    assert str(caught.value) == (
        r"prepare.group: (\w+?)_ is found in no path, such as cat/1.png; it is searched for in the "
        "paths from the folder"
    )


def test_a_pattern_beside_a_column(tmp_path: Path) -> None:
    listed(tmp_path, "path,label,group\na.png,cat,x\nb.png,dog,x\n")
    with pytest.raises(InputError, match=r"^prepare.group: is set, but labels.csv has a column"):
        find(tmp_path, BY_DOG)


def test_a_group_in_two_splits(tmp_path: Path) -> None:
    csv = "path,label,split,group\na.png,cat,train,Tom\nb.png,dog,train,Rex\nc.png,cat,test,Tom\n"
    assert fault(listed(tmp_path / "csv", csv)) == (
        "labels.csv: the group Tom is in train (a.png) and in test (c.png); put all of it into one "
        "split"
    )
    paths = ["train/cat/tom_1.png", "train/dog/1.png", "val/cat/tom_2.png"]
    with pytest.raises(InputError, match=r"the group tom is in train .* and in validation "):
        find(filled(tmp_path / "folders", paths), BY_DOG)
