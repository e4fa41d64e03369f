import inspect
import os
import socket
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from spotimes.errors import InputError
from spotimes.ingestion.labelled_files import find
from tests.spotimes.ingestion.named_files import (
    NFC,
    NFD,
    SPLITS,
    TWO,
    fault,
    filled,
    listed,
    listing,
)


def test_each_folder_is_a_class(tmp_path: Path) -> None:
    files = find(
        filled(tmp_path, ["dog/b.png", "dog/deep/er/a.png", "cat/z.jpg", "cat/a.txt", "owl/1"])
    )
    assert files.root == tmp_path
    assert files.class_names == ["cat", "dog", "owl"]
    assert listing(files) == [
        (-1, "cat", "cat/a.txt"),
        (-1, "cat", "cat/z.jpg"),
        (-1, "dog", "dog/b.png"),
        (-1, "dog", "dog/deep/er/a.png"),
        (-1, "owl", "owl/1"),
    ]
    assert (files.labels.dtype, files.splits.dtype) == (np.dtype(np.int64), np.dtype(np.int8))
    assert files.notes.ignored == []


def test_labels_csv_goes_before_the_other_conventions(tmp_path: Path) -> None:
    csv = "path,label\ntrain/cat/1.png,yes\ntrain/dog/1.png,no\n"
    assert listing(find(listed(tmp_path, csv, SPLITS))) == [
        (-1, "no", "train/dog/1.png"),
        (-1, "yes", "train/cat/1.png"),
    ]


def test_what_is_not_data_is_ignored(tmp_path: Path) -> None:
    left_behind = [
        ".gitignore", ".git/config", ".DS_Store", "README", "readme.rst", "LICENSE.pdf",
        "classes.txt", "notes.md", "__MACOSX/cat/._1.png", "cat/.1.png.part", "cat/Thumbs.db",
        "cat/desktop.ini", "cat/.ipynb_checkpoints/1.png", "cat/deep/labels.csv",
        "cat/1.png:Zone.Identifier", "$RECYCLE.BIN/S-1-5/1.png", "cat/deep/@eaDir/1.png/SYNO.jpg",
        "lost+found/", "labels.csv~",
    ]  # fmt: skip
    kept = ["cat/README.txt", "cat/notes.md", "cat/1.png", "dog/1..png"]
    files = find(filled(tmp_path, left_behind + kept))
    assert files.paths == sorted(kept)
    assert files.notes.ignored == sorted(
        [
            *(path for path in left_behind if path.count("/") == 0),
            "$RECYCLE.BIN", "cat/1.png:Zone.Identifier", "cat/deep/@eaDir", "lost+found",
            ".git", "__MACOSX", "cat/.1.png.part", "cat/Thumbs.db", "cat/desktop.ini",
            "cat/.ipynb_checkpoints", "cat/deep/labels.csv",
        ]
    )  # fmt: skip


def test_what_is_ignored_can_be_printed(tmp_path: Path) -> None:
    filled(tmp_path, [*TWO, "cat/Icon\r", os.fsdecode(b"cat/.caf\xe9")])
    assert find(tmp_path).notes.ignored == ["cat/.caf\\udce9", "cat/Icon\\r"]


def test_names_with_spaces_dots_and_letters_beyond_ascii(tmp_path: Path) -> None:
    paths = ["ein Bär/Bild 1.png", "a..b/#1;2.png", "猫/é 😀.png", "z/..png", "z/a.png"]
    files = find(filled(tmp_path, paths))
    assert files.class_names == ["a..b", "ein Bär", "z", "猫"]
    assert sorted(files.paths) == sorted(
        ["ein Bär/Bild 1.png", "a..b/#1;2.png", "猫/é 😀.png", "z/a.png"]
    )
    assert files.notes.ignored == ["z/..png"]


def test_class_names_are_nfc_and_paths_as_they_are(tmp_path: Path) -> None:
    files = find(filled(tmp_path, [f"train/{NFC}/1", f"train/{NFD}x/1", f"test/{NFD}/1"]))
    assert files.class_names == [NFC, f"{NFC}x"]
    assert listing(files) == [
        (0, NFC, f"train/{NFC}/1"),
        (0, f"{NFC}x", f"train/{NFD}x/1"),
        (2, NFC, f"test/{NFD}/1"),
    ]
    csv = listed(
        tmp_path / "csv", f"path,label\n{NFD}.png,{NFD}\nb.png,cat\n", [f"{NFD}.png", "b.png"]
    )
    assert listing(find(csv)) == [(-1, NFC, f"{NFD}.png"), (-1, "cat", "b.png")]


def test_the_order_depends_on_names_alone(tmp_path: Path) -> None:
    paths = [
        f"{label}/{name}" for label in ("b", "B", "a", "ä") for name in ("10", "9", "x/1", "x-1")
    ]
    first = find(filled(tmp_path / "first", paths))
    second = find(filled(tmp_path / "second", reversed(paths)))
    assert first.paths == second.paths == sorted(paths)
    assert first.class_names == second.class_names == ["B", "a", "b", "ä"]
    csv = ["a.png,dog,test", "b.png,cat,train", "c.png,dog,train"]
    orders = [
        listing(find(listed(tmp_path / f"csv{turn}", "\n".join(["path,label,split", *lines]))))
        for turn, lines in enumerate([csv, csv[::-1]])
    ]
    assert orders[0] == orders[1] == [(0, "cat", "b.png"), (0, "dog", "c.png"), (2, "dog", "a.png")]


def test_links_are_followed(tmp_path: Path) -> None:
    filled(tmp_path / "elsewhere", ["1.png", "more/2.png"])
    root = filled(tmp_path / "pictures", ["cat/a.png", "cat/deep/b.png"])
    (root / "dog").symlink_to("../elsewhere")
    (root / "cat/again.png").symlink_to("a.png")
    (root / "cat/same").symlink_to("deep")
    (tmp_path / "link").symlink_to("pictures")
    expected = [
        "cat/a.png",
        "cat/again.png",
        "cat/deep/b.png",
        "cat/same/b.png",
        "dog/1.png",
        "dog/more/2.png",
    ]
    assert find(root).paths == expected
    assert find(tmp_path / "link").paths == expected


def test_many_files_need_little_memory(tmp_path: Path) -> None:
    names = [f"{number:05}.png" for number in range(2500)]
    filled(tmp_path, ["class one/", "class two/"])
    for label in ("class one", "class two"):
        for name in names:
            os.mknod(tmp_path / label / name)
    tracemalloc.start()
    try:
        files = find(tmp_path)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert files.paths == [
        f"{label}/{name}" for label in ("class one", "class two") for name in names
    ]
    assert np.bincount(files.labels).tolist() == [2500, 2500]
    assert kept < 5000 * 200


def test_folders_may_be_nested_deeper_than_calls(tmp_path: Path) -> None:
    deep = "cat/" + "d/" * 150
    filled(tmp_path, [f"{deep}1", "dog/1"])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        files = find(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert files.paths == [f"{deep}1", "dog/1"]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "holds no pictures; each class needs a folder with its pictures, or labels.csv must"),
        ([".git/config", "README.md", "Thumbs.db"], "holds no pictures; each class needs a folder"),
        (["b.png", "a.png"], "holds a.png and no folders; each class needs a folder"),
        ([*TWO, "x.png"], "holds x.png beside the folders; each class needs a folder with its pic"),
        ([*SPLITS, "x.png"], "holds x.png beside the folders"),
        ([*TWO, "owl/"], "owl: the class has no pictures; put some there, or remove the folder"),
        ([*TWO, "owl/deep/.hidden"], "owl: the class has no pictures"),
        ([*SPLITS, "test/owl/"], "test/owl: the class has no pictures"),
        (["cat/1.png"], "has only one class, cat; a classifier needs two or more, each a folder"),
        (["train/cat/1.png"], "has only one class, cat; a classifier needs two or more"),
        (
            [*TWO, f"{NFC}/1", f"{NFD}/1"],
            f"{NFC}: in Unicode's form NFC its name equals that of another folder "
            "('cafe\\u0301' and 'caf\\xe9'); put both classes into one",
        ),
        ([*TWO, " /1"], "is empty; a class needs a name"),
        ([*TWO, "owl /1"], "owl : 'owl ' begins or ends with a blank; remove it"),
        (
            [*TWO, "\u202eowl/1"],
            "\u202eowl: has the character U+202E (RIGHT-TO-LEFT OVERRIDE) in its name, which",
        ),
        (
            [*TWO, "cat\u200d/1"],
            "the names of two classes look the same ('cat' and 'cat\\u200d'); put both",
        ),
        ([*TWO, "o\nwl/1"], "o\\nwl: has a line break or control character in its name; rename it"),
        ([*TWO, "o\u2028wl/1"], "o\\u2028wl: has a line break or control character"),
        ([*TWO, "cat/a\x07.png"], "cat/a\\x07.png: has a line break or control character in its"),
        ([*TWO, "cat/caf\udce9.png"], "cat/caf\\udce9.png: the name is not UTF-8; rename it"),
        ([*TWO, "caf\udce9/1.png"], "caf\\udce9: the name is not UTF-8; rename it"),
    ],
)
def test_a_folder_that_follows_no_convention(
    tmp_path: Path, paths: list[str], message: str
) -> None:
    assert message in fault(filled(tmp_path, paths))


def test_what_is_no_folder(tmp_path: Path) -> None:
    filled(tmp_path, ["file.png"])
    for name in ("nowhere", "file.png/cat", "nul\0"):
        with pytest.raises(InputError, match=r": no such folder; let prepare\.source name a"):
            find(tmp_path / name)
    assert fault(tmp_path / "file.png") == "is a file; what is wanted is a folder of pictures"


@pytest.mark.parametrize("target", [".", "..", "../..", "../../other/back", "/"])
def test_a_loop_of_links(tmp_path: Path, target: str) -> None:
    root = filled(tmp_path / "pictures", TWO)
    filled(tmp_path / "other", ["1.png"])
    (tmp_path / "other/back").symlink_to("../pictures/dog")
    (root / "dog/loop").symlink_to(target)
    assert fault(root) == "dog/loop: is a link to a folder that it lies in, a loop; remove it"


def test_a_loop_of_links_through_another_folder(tmp_path: Path) -> None:
    root = filled(tmp_path / "pictures", TWO)
    filled(tmp_path / "other", ["1.png"])
    (tmp_path / "other/back").symlink_to("../pictures/dog")
    (root / "dog/out").symlink_to("../../other")
    assert fault(root).startswith("dog/out/back: is a link to a folder that it lies in, a loop")


@pytest.mark.parametrize("target", ["nowhere", "link.png", "1.png/x"])
def test_a_link_that_leads_nowhere(tmp_path: Path, target: str) -> None:
    filled(tmp_path, TWO)
    (tmp_path / "dog/link.png").symlink_to(target)
    assert fault(tmp_path).startswith("dog/link.png: is a link that leads nowhere (")


def test_a_link_named_labels_csv_that_leads_nowhere(tmp_path: Path) -> None:
    filled(tmp_path, TWO)
    (tmp_path / "labels.csv").symlink_to("nowhere.csv")
    assert fault(tmp_path) == "labels.csv: is no file; it must be one, or not be there"


def test_what_is_neither_file_nor_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, TWO)
    os.mkfifo(tmp_path / "dog/pipe")
    assert fault(tmp_path) == "dog/pipe: is neither a file nor a folder; remove it"
    listed(tmp_path, "path,label\ncat/1.png,cat\ndog/pipe,dog\n", [])
    assert fault(tmp_path).startswith("labels.csv: line 3: path dog/pipe: is neither a file nor")
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "dog/pipe").unlink()
    monkeypatch.chdir(tmp_path / "dog")  # a socket's whole path may be too long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        (tmp_path / "cat/link").symlink_to("../dog/socket")
        assert "is neither a file nor a folder; remove it" in fault(tmp_path)


@pytest.mark.parametrize("closed", [".", "dog", "dog/deep", "labels.csv"])
def test_what_may_not_be_read(tmp_path: Path, closed: str) -> None:
    filled(tmp_path, [*TWO, "dog/deep/1.png"])
    if closed == "labels.csv":
        listed(tmp_path, "path,label\n")
    (tmp_path / closed).chmod(0)
    try:
        if os.access(tmp_path / closed, os.R_OK):
            pytest.skip("root may read everything")
        assert "cannot be read (Permission denied); see to its permissions" in fault(tmp_path)
    finally:
        (tmp_path / closed).chmod(0o700)


def test_a_labels_csv_that_is_spelt_otherwise_is_not_ignored(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"x")
    (tmp_path / "Labels.CSV").write_text("path,label\na/1.png,x\nb/1.png,y\n")
    with pytest.raises(InputError, match=r"Labels.CSV: rename it to labels.csv"):
        find(tmp_path)
