"""Pictures whose classes, and splits if wanted, are listed in the folder's labels.csv."""

import csv
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.file_names import (
    checked_name,
    class_name,
    escaped,
    is_folder,
    reading,
    shortened,
    shown,
)
from spotimes.ingestion.labelled_paths import ByClass, LabelledPaths
from spotimes.ingestion.split import NOT_GIVEN
from spotimes.preprocessing.picture_files import LABELS_CSV

REQUIRED = ("path", "label")
COLUMNS = (*REQUIRED, "split")


def read_labels_csv(root: Path) -> LabelledPaths:
    """Reads a folder's labels.csv.

    Its columns are `path`, `label` and, if wanted, `split`.

    Args:
        root: the folder.

    Raises:
        InputError: it is no such file, or names what is not there.
    """
    where = shown(root, LABELS_CSV)
    rows = _rows(root / LABELS_CSV, where)
    _, header = next(rows, (0, None))
    if header is None:
        raise InputError(f"{where}: is empty; its first line must be {','.join(REQUIRED)}")
    _check_header(header, where)
    splits: dict[int, ByClass] = {}
    line_of_path: dict[str, int] = {}
    line_of_class: dict[str, tuple[int, str]] = {}
    line_with_split: dict[bool, int] = {}
    for line, row in rows:
        here = f"{where}: line {line}"
        if len(row) != len(header):
            raise InputError(
                f"{here}: has {len(row)} fields, not {len(header)} as the header; a comma within "
                'a name needs "" around the name'
            )
        values = dict(zip(header, row, strict=True))
        path = _named_file(root, values["path"], here)
        if (before := line_of_path.setdefault(path, line)) != line:
            raise InputError(f"{here}: path {path} is on line {before} already; remove one")
        name = class_name(values["label"], f"{here}: label")
        before, spelt = line_of_class.setdefault(name, (line, values["label"]))
        if spelt != values["label"]:
            raise InputError(
                f"{here}: in Unicode's form NFC the label equals another one, of line {before} "
                f"({spelt!a} and {values['label']!a}); spell both alike"
            )
        split = _split(values.get("split", ""), here)
        line_with_split.setdefault(split != NOT_GIVEN, line)
        if len(line_with_split) == 2:
            raise InputError(
                f"{where}: line {line_with_split[True]} gives a split, but line "
                f"{line_with_split[False]} does not; give it on every line or on none"
            )
        splits.setdefault(split, {}).setdefault(name, []).append(path)
    if not splits:
        raise InputError(f"{where}: has a header only; add a line for each picture")
    if "split" in header and SPLITS.index("train") not in splits:
        raise InputError(
            f"{where}: no line has the split train; set it where the network is to learn from the "
            "picture, or remove the column"
        )
    return LabelledPaths(splits, ignored=_not_named(root, splits), layout=[])


def _not_named(root: Path, named: Mapping[int, ByClass]) -> list[str]:
    names = {path for classes in named.values() for paths in classes.values() for path in paths}
    above = {str(parent) for path in names for parent in PurePosixPath(path).parents}
    found = []
    for folder, folders, files in os.walk(root):
        inner = os.path.relpath(folder, root)
        paths = {posixpath.normpath(posixpath.join(inner, name)): name for name in folders + files}
        # A folder without any named file stands for all in it, as does a link to a folder.
        folders[:] = [name for path, name in paths.items() if path in above and name in folders]
        found += [escaped(path) for path in paths if path not in names and path not in above]
    return sorted(found)


def _rows(path: Path, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yields each row that is not blank, with the number of the line where it begins."""
    with reading(where):
        if not path.is_file():
            raise InputError(f"{where}: is no file; it must be one, or not be there")
        with path.open("rb") as stream:
            reader = csv.reader(_lines(stream, where), strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    row = next(reader, None)
                except csv.Error as error:
                    raise InputError(f"{where}: line {line}: is not CSV ({error})") from error
                if row is None:
                    return
                if row:
                    yield line, row


def _lines(stream: Iterable[bytes], where: str) -> Iterator[str]:
    for line, content in enumerate(stream, 1):
        try:
            text = content.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{where}: line {line}: is not UTF-8; save the file with this encoding"
            ) from error
        if "\0" in text:
            raise InputError(
                f"{where}: line {line}: has a NUL byte; the file must be plain text in UTF-8"
            )
        yield text


def _check_header(header: list[str], where: str) -> None:
    allowed = f"allowed are {', '.join(COLUMNS)}, with commas between"
    for name in header:
        if name not in COLUMNS:
            raise InputError(f"{where}: column '{shortened(name)}' is not known; {allowed}")
        if header.count(name) > 1:
            raise InputError(f"{where}: column '{name}' is there twice; remove one")
    for name in REQUIRED:
        if name not in header:
            raise InputError(f"{where}: the column {name} is missing; {allowed}")


def _named_file(root: Path, path: str, here: str) -> str:
    checked_name(path, f"{here}: path")
    shown = shortened(path)
    if not path:
        raise InputError(f"{here}: path is empty; name a picture, relative to the folder")
    if path.startswith("/"):
        raise InputError(f"{here}: path {shown} is absolute; write it relative to the folder")
    if ".." in path.split("/"):
        raise InputError(f"{here}: path {shown} has `..`; a picture must lie within the folder")
    normal = posixpath.normpath(path)
    try:
        mode = (root / normal).stat().st_mode
    except OSError as error:
        raise InputError(
            f"{here}: path {shown} cannot be found ({error.strerror}); paths are relative to the "
            "folder, with / between parts"
        ) from error
    if is_folder(mode, f"{here}: path {shown}"):
        raise InputError(f"{here}: path {shown} is a folder; name a picture")
    return normal


def _split(split: str, here: str) -> int:
    if not split:
        return NOT_GIVEN
    if split not in SPLITS:
        raise InputError(f"{here}: split is '{shortened(split)}', not {', '.join(SPLITS)}")
    return SPLITS.index(split)
