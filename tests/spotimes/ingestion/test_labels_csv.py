from pathlib import Path

import numpy as np
import pytest

from spotimes.errors import InputError
from spotimes.ingestion.labelled_files import Reading, find
from tests.spotimes.ingestion.named_files import (
    NFC,
    NFD,
    TWO,
    fault,
    filled,
    listed,
    listing,
)


def test_labels_csv(tmp_path: Path) -> None:
    csv = "label,path\nT-shirt/top,a.png\n\ncat,deep/b.png\nT-shirt/top,./deep//a.png\n"
    unnamed = ["not named.png", "deep/neither.png", ".git/config", "deep/.hidden"]
    files = find(listed(tmp_path, csv, ["a.png", "deep/a.png", "deep/b.png", *unnamed]))
    assert files.class_names == ["T-shirt/top", "cat"]
    assert listing(files) == [
        (-1, "T-shirt/top", "a.png"),
        (-1, "T-shirt/top", "deep/a.png"),
        (-1, "cat", "deep/b.png"),
    ]
    assert (files.labels.dtype, files.splits.dtype) == (np.dtype(np.int64), np.dtype(np.int8))
    assert files.notes.ignored == [
        ".git", "deep/.hidden", "deep/neither.png", "labels.csv", "not named.png",
    ]  # fmt: skip


def test_labels_csv_with_splits_as_a_spreadsheet_saves_it(tmp_path: Path) -> None:
    csv = (
        "\ufeffpath,label,split\r\n"
        '"a, b.png","big ""cat""",test\r\n'
        'b.png,"big ""cat""",train\r\n'
        "c.png,dog,train\r\n"
        "train/d.png,dog,validation\r\n"
    )
    files = find(listed(tmp_path, csv, ["a, b.png", "b.png", "c.png", "train/d.png"]))
    assert listing(files) == [
        (0, 'big "cat"', "b.png"),
        (0, "dog", "c.png"),
        (1, "dog", "train/d.png"),
        (2, 'big "cat"', "a, b.png"),
    ]


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        ("", "is empty; its first line must be path,label"),
        ("\ufeff\n\n", "is empty; its first line must be path,label"),
        ("path,label\n\n", "has a header only; add a line for each picture"),
        ("path,split\na.png,train\n", "the column label is missing; allowed are path, label, s"),
        ("label\ncat\n", "the column path is missing"),
        ("path,label,width\na.png,cat,1\n", "column 'width' is not known; allowed are path, la"),
        ("path,label,\na.png,cat,\n", "column '' is not known"),
        ("path|label\na.png|cat\n", "column 'path|label' is not known; allowed are path, label, s"),
        ("x" * 9999 + "\n", f"column '{'x' * 200}...' is not known"),
        ("path,label,path\na.png,cat,a.png\n", "column 'path' is there twice; remove one"),
        ("path,label\na.png,cat\nb.png\n", "line 3: has 1 fields, not 2 as the header"),
        ("path,label\n\nb.png,cat,x\n", 'line 3: has 3 fields, not 2 as the header; a comma with'),
        ("path;label\na.png;cat\nb.png;a;b\n", "line 3: has 3 fields, not 2 as the header; a semi"),
        ("path\tlabel\na.png\n", "line 2: has 1 fields, not 2 as the header; a tab within a name"),
        ("path,label\n.,cat\n", "line 2: path . is a folder; name a picture"),
        ("path,label\n,cat\n", "line 2: path is empty; name a picture"),
        ("path,label\n/a.png,cat\n", "line 2: path /a.png is absolute; write it relative to the"),
        ("path,label\n../x/a.png,cat\n", "line 2: path ../x/a.png has `..`; a picture must lie"),
        ("path,label\nx/../../a.png,cat\n", "line 2: path x/../../a.png has `..`"),
        ('path,label\n"a\n.png",cat\n', "line 2: path: has a line break or control character in"),
        ("path,label\na.png,cat\nb.png,dog\n./a.png,dog\n", "line 4: path a.png is on line 2 alr"),
        ("path,label\na.png,cat\nb.png,\n", "line 3: label: is empty; a class needs a name"),
        ("path,label\na.png,\u00a0 \n", "line 2: label: is empty; a class needs a name"),
        ("path,label\na.png, cat\n", "line 2: label: ' cat' begins or ends with a blank; rem"),
        ('path,label\na.png,"c\nat"\n', "line 2: label: has a line break or control character"),
        ("path,label\na.png,..\n", "line 2: label: .. is no class' name"),
        (
            f"path,label\na.png,{NFC}\nb.png,{NFD}\n",
            "line 3: in Unicode's form NFC the label equals another one, of line 2 "
            "('caf\\xe9' and 'cafe\\u0301'); spell both alike",
        ),
        ("path,label\na.png,cat\nb.png,cat\n", "has only one class, cat; a classifier needs two"),
        (
            "path,label,split\na.png,cat,val\n",
            "line 2: split is 'val', not train, validation, test",
        ),
        (
            "path,label,split\na.png,cat,train\nb.png,dog,\n",
            "line 2 gives a split, but line 3 does not; give it on every line or on none",
        ),
        (
            "path,label,split\na.png,cat,\nb.png,dog,\nc.png,dog,test\n",
            "line 4 gives a split, but line 2 does not",
        ),
        ("path,label,split\na.png,cat,test\nb.png,dog,test\n", "no picture has the split train; s"),
        ("path,label,split\na.png,cat,\nb.png,dog,\n", "no picture has the split train; s"),
        (
            "path,label,split\na.png,cat,train\nb.png,dog,train\nc.png,owl,test\n",
            "test has the class owl, which train lacks",
        ),
        (b"path,label\na.png,caf\xe9\n", "line 2: is not UTF-8; save the file with this encoding"),
        ("path,label\na.png,cat\n".encode("utf-16-le"), "line 1: has a NUL byte; the file must be"),
        ("path,label\na.png,cat\n".encode("utf-32"), "line 1: has a NUL byte; the file must be pl"),
        ("path,label\na.png,cat\n".encode("utf-16")[:-1], "is not whole UTF-16, as which it begi"),
        ("path,label\na.png,c\0at\n", "line 2: has a NUL byte; the file must be plain text in UTF"),
        ('path,label\na.png,cat\n"b.png,dog\nc.png,dog\n', "line 3: is not CSV (unexpected end of"),
        ('path,label\n"a.png"x,cat\n', "line 2: is not CSV ("),
        ("path,label\ra.png,cat\rb.png,\r", "line 3: label: is empty; a class needs a name"),
        (
            "path,label\na.png,c\u200bat\n",
            "line 2: label: has the character U+200B (ZERO WIDTH SPACE) in its name, which nobody "
            "sees; remove it",
        ),
        (
            "path,label\na.png,a cat\nb.png,a\u00a0cat\n",
            "the names of two classes look the same ('a cat' and 'a\\xa0cat'); put both",
        ),
    ],
)  # fmt: skip
def test_a_fault_in_labels_csv(tmp_path: Path, csv: str | bytes, message: str) -> None:
    message_of_it = fault(listed(tmp_path, csv))
    assert message_of_it.startswith(f"labels.csv: {message}")


def test_labels_csv_may_not_be_a_folder(tmp_path: Path) -> None:
    assert fault(filled(tmp_path, [*TWO, "labels.csv/1.png"])).startswith("labels.csv: is no file")


def test_a_folder_in_labels_csv(tmp_path: Path) -> None:
    listed(tmp_path, "path,label\ncat,cat\n", TWO)
    assert fault(tmp_path) == "labels.csv: line 2: path cat is a folder; name a picture"


def test_links_in_labels_csv(tmp_path: Path) -> None:
    root = listed(
        tmp_path / "pictures", "path,label\nlink/1.png,cat\n2.png,dog\n1.png,dog\n", ["1.png"]
    )
    filled(tmp_path / "elsewhere", ["1.png"])
    (root / "link").symlink_to("../elsewhere")
    (root / "2.png").symlink_to("1.png")
    assert find(root).paths == ["link/1.png", "1.png", "2.png"]
    (root / "2.png").unlink()
    (root / "2.png").symlink_to("2.png")
    assert "names 1 file that cannot be found: 2.png (line 3); paths" in fault(root)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_as_spreadsheets_of_other_countries_save_it(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    rows = [["path", "label"], ["a.png", "Bär"], ['"b,;.png"', "猫"]]
    text = end.join(["", *(delimiter.join(row) for row in rows), ""])
    bom = "\ufeff" if encoding == "utf-16-be" else ""
    root = listed(tmp_path, (bom + text).encode(encoding), ["a.png", "b,;.png"])
    assert listing(find(root)) == [(-1, "Bär", "a.png"), (-1, "猫", "b,;.png")]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("d.png", "d.png"),
        ("a.png\\b.png", "a.png\\b.png"),
        ("a.png/b.png", "a.png/b.png"),
        ("x" * 5000, "x" * 200 + "..."),
    ],
)
def test_a_file_that_is_missing(tmp_path: Path, path: str, named: str) -> None:
    assert fault(listed(tmp_path, f"path,label\na.png,cat\n{path},dog\n")) == (
        f"labels.csv: names 1 file that cannot be found: {named} (line 3); paths are relative to "
        "the folder, with / between parts. Mend the lines, or let prepare.leave_out have missing: "
        "data/report.json then lists them all"
    )


def test_files_that_are_missing_are_listed_at_once(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(12)]
    lines = [f"{name},{'cat' if number % 2 else 'dog'}" for number, name in enumerate(names)]
    root = listed(tmp_path, "\n".join(["path,label", *lines]), ["3.png", "8.png"])
    assert "names 10 files that cannot be found: 0.png (line 2), 1.png (line 3), 2.png" in fault(
        root
    )
    (root / "3.png").unlink()
    assert "names 11 files" in fault(root)
    assert ", 10.png (line 12) and 1 more; paths are" in fault(root)


def test_missing_files_can_be_excluded(tmp_path: Path) -> None:
    csv = "path,label\na.png,cat\nlost.png,cat\nb.png,dog\nx/y.png,dog\n"
    files = find(listed(tmp_path, csv), Reading(leave_out_missing=True))
    assert files.paths == ["a.png", "b.png"]
    assert files.notes.missing == {
        "lost.png": "is not there, but labels.csv names it on line 3",
        "x/y.png": "is not there, but labels.csv names it on line 5",
    }


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        (
            "path,label\na.png,cat\nb.png,dog\nx.png,owl\n",
            "line 4: of the class owl no file is",
        ),
        ("path,label\nx.png,cat\ny.png,dog\n", "line 2: of the class cat no file is there; paths"),
        (
            "path,label,split\na.png,cat,test\nx.png,cat,train\n",
            "no picture has the split train",
        ),
    ],
)
def test_what_is_left_of_it_must_still_do(tmp_path: Path, csv: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(listed(tmp_path, csv), Reading(leave_out_missing=True))


@pytest.mark.parametrize(("on_disk", "in_csv"), [(NFC, NFD), (NFD, NFC)])
def test_a_name_may_be_in_another_form_of_unicode_than_on_disk(
    tmp_path: Path, on_disk: str, in_csv: str
) -> None:
    paths = [f"{on_disk}/{on_disk}.png", "b.png"]
    csv = f"path,label\n{in_csv}/{in_csv}.png,cat\nb.png,dog\n"
    files = find(listed(tmp_path, csv, paths))
    assert files.paths == paths
    assert files.notes.ignored == ["labels.csv"]
    listed(tmp_path, f"{csv}{on_disk}/{on_disk}.png,cat\n", paths)
    assert "is on line 2 already; remove one" in fault(tmp_path)


def test_of_two_forms_on_disk_each_means_its_own(tmp_path: Path) -> None:
    csv = f"path,label\n{NFC}.png,cat\n{NFD}.png,dog\n"
    files = find(listed(tmp_path, csv, [f"{NFC}.png", f"{NFD}.png"]))
    assert listing(files) == [(-1, "cat", f"{NFC}.png"), (-1, "dog", f"{NFD}.png")]
    third = "e\u0323\u0301", "e\u0301\u0323"  # alike in the form NFC, and neither is in it
    listed(
        tmp_path, "path,label\n\u1eb9\u0301.png,cat\nb.png,dog\n", [f"{each}.png" for each in third]
    )
    assert "names 2 files that cannot be found" in fault(tmp_path)
