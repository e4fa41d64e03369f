"""Pictures whose classes, and splits if wanted, are listed in the folder's labels.csv."""

import codecs
import csv
import errno
import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import BufferedReader, TextIOWrapper
from itertools import chain
from pathlib import Path, PurePosixPath

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError, printable
from spotimes.ingestion.file_names import (
    checked_name,
    class_name,
    is_folder,
    reading,
    shortened,
    shown,
)
from spotimes.ingestion.labelled_paths import ByClass, LabelledPaths, Notes
from spotimes.ingestion.split import NOT_GIVEN
from spotimes.preprocessing.picture_files import LABELS_CSV

REQUIRED = ("path", "label")
COLUMNS = (*REQUIRED, "split", "group")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}  # what spreadsheets write, by country
NAMED_AT_MOST = 10
# No such file, a file where a folder is named, a name that no file can have, a link to itself.
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def read_labels_csv(root: Path, *, leave_out_missing: bool = False) -> LabelledPaths:
    """Reads a folder's labels.csv.

    Its columns are `path`, `label` and, if wanted, `split` and `group`, with commas, semicolons or
    tabs between. It is UTF-8, or UTF-16 as spreadsheets mark it.

    Args:
        root: the folder.
        leave_out_missing: go on without the files that it names and that are not there.

    Raises:
        InputError: it is no such file, or names what is not there.
    """
    where = shown(root, LABELS_CSV)
    splits: dict[int, ByClass] = {}
    line_of_missing: dict[str, int] = {}
    groups: dict[str, str] = {}
    seen, on_disk = _Seen(where), _OnDisk(root)
    values: dict[str, str] = {}
    for line, values in _records(root / LABELS_CSV, where):
        here = f"{where}: line {line}"
        named = _inner_path(values["path"], here)
        found = on_disk.path(named, here)
        path = named if found is None else found
        name = class_name(values["label"], f"{here}: label")
        split = _split(values.get("split", ""), here)
        seen.check(line, path, (name, values["label"]), split)
        if found is None:
            line_of_missing[path] = line
            continue
        splits.setdefault(split, {}).setdefault(name, []).append(path)
        # What differs by Unicode's forms or a blank is the same to whoever wrote it.
        if group := unicodedata.normalize("NFC", values.get("group", "").strip()):
            groups[path] = checked_name(group, f"{here}: group")
    if line_of_missing and not leave_out_missing:
        raise InputError(f"{where}: {_missing(line_of_missing)}")
    seen.check_all(splits, split_column="split" in values)
    missing = {
        path: f"is not there, but {LABELS_CSV} names it on line {line}"
        for path, line in line_of_missing.items()
    }
    return LabelledPaths(splits, groups, Notes(_not_named(root, splits), [], missing))


class _OnDisk:
    """The files of a folder, by names of whichever of Unicode's forms.

    A name that was copied from a Mac can be in another form than the file's, which looks the same.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spelt: dict[str, dict[str, list[str]]] = {}

    def path(self, path: str, here: str) -> str | None:
        """A file's path as it is spelt on disk; None if it is not there, or two could be meant.

        Raises:
            InputError: it is a folder, or cannot be read.
        """
        if _is_there(self._root, path, here):
            return path
        inner = ""
        for part in path.split("/"):
            names = self._names(inner).get(unicodedata.normalize("NFC", part), [])
            if len(names) != 1:
                return None
            inner = posixpath.join(inner, names[0])
        return inner if _is_there(self._root, inner, here) else None

    def _names(self, folder: str) -> dict[str, list[str]]:
        """What a folder holds, by its names in the form NFC."""
        if folder not in self._spelt:
            names: dict[str, list[str]] = {}
            with suppress(OSError), os.scandir(self._root / folder) as entries:
                for entry in entries:
                    names.setdefault(unicodedata.normalize("NFC", entry.name), []).append(
                        entry.name
                    )
            self._spelt[folder] = names
        return self._spelt[folder]


class _Seen:
    """What the lines so far have said; what contradicts it is refused."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._line_of_path: dict[str, int] = {}
        self._line_of_class: dict[str, tuple[int, str]] = {}
        self._line_with_split: dict[bool, int] = {}

    def check(self, line: int, path: str, label: tuple[str, str], split: int) -> None:
        """Compares a line with those before it; `label` is the class' name, and as it is spelt."""
        here = f"{self._where}: line {line}"
        if (before := self._line_of_path.setdefault(path, line)) != line:
            raise InputError(
                f"{here}: path {shortened(path)} is on line {before} already; remove one"
            )
        name, spelt = label
        before, spelt_before = self._line_of_class.setdefault(name, (line, spelt))
        if spelt_before != spelt:
            raise InputError(
                f"{here}: in Unicode's form NFC the label equals another one, of line {before} "
                f"({spelt_before!a} and {spelt!a}); spell both alike"
            )
        self._line_with_split.setdefault(split != NOT_GIVEN, line)
        if len(self._line_with_split) == 2:
            raise InputError(
                f"{self._where}: line {self._line_with_split[True]} gives a split, but line "
                f"{self._line_with_split[False]} does not; give it on every line or on none"
            )

    def check_all(self, splits: Mapping[int, ByClass], *, split_column: bool) -> None:
        """Compares all lines with what came of them."""
        if not self._line_of_path:
            raise InputError(f"{self._where}: has a header only; add a line for each picture")
        if split_column and SPLITS.index("train") not in splits:
            raise InputError(
                f"{self._where}: no picture has the split train; set it where the network is to "
                "learn from the picture, or remove the column"
            )
        found = {name for classes in splits.values() for name in classes}
        for name, (line, _) in self._line_of_class.items():
            if name not in found:
                raise InputError(
                    f"{self._where}: line {line}: of the class {name} no file is there; paths are "
                    "relative to the folder, with / between parts"
                )


def _missing(line_of_missing: Mapping[str, int]) -> str:
    first = [
        f"{shortened(path)} (line {line})"
        for path, line in [*line_of_missing.items()][:NAMED_AT_MOST]
    ]
    count = len(line_of_missing)
    more = f" and {count - NAMED_AT_MOST:,} more" if count > NAMED_AT_MOST else ""
    return (
        f"names {count:,} file{'s' * (count > 1)} that cannot be found: {', '.join(first)}{more}; "
        "paths are relative to the folder, with / between parts. Mend the lines, or let "
        "prepare.leave_out have missing: data/report.json then lists them all"
    )


def _not_named(root: Path, named: Mapping[int, ByClass]) -> list[str]:
    names = {path for classes in named.values() for paths in classes.values() for path in paths}
    above = {str(parent) for path in names for parent in PurePosixPath(path).parents}
    found = []
    for folder, folders, files in os.walk(root):
        inner = os.path.relpath(folder, root)
        paths = {posixpath.normpath(posixpath.join(inner, name)): name for name in folders + files}
        # A folder without any named file stands for all in it, as does a link to a folder.
        folders[:] = [name for path, name in paths.items() if path in above and name in folders]
        found += [printable(path) for path in paths if path not in names and path not in above]
    return sorted(found)


def _records(path: Path, where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the fields of each row by column, with the number of the line where it begins."""
    header: list[str] = []
    for line, row, delimiter in _rows(path, where):
        if not header:
            header = row
            _check_header(header, where)
            continue
        if len(row) != len(header):
            raise InputError(
                f"{where}: line {line}: has {len(row)} fields, not {len(header)} as the header; a "
                f'{DELIMITERS[delimiter]} within a name needs "" around the name'
            )
        yield line, dict(zip(header, row, strict=True))
    if not header:
        raise InputError(f"{where}: is empty; its first line must be {','.join(REQUIRED)}")


def _rows(path: Path, where: str) -> Iterator[tuple[int, list[str], str]]:
    """Yields each row that is not blank, with its line's number before and its delimiter behind."""
    with reading(where):
        if not path.is_file():
            raise InputError(f"{where}: is no file; it must be one, or not be there")
        with path.open("rb") as stream:
            lines = _lines(stream, where)
            until_header = []
            for text in lines:
                until_header.append(text)
                if text.strip():
                    break
            delimiter = max(DELIMITERS, key="".join(until_header).count)
            reader = csv.reader(chain(until_header, lines), delimiter=delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    row = next(reader, None)
                except csv.Error as error:
                    raise InputError(f"{where}: line {line}: is not CSV ({error})") from error
                if row is None:
                    return
                if row:
                    yield line, row, delimiter


def _lines(stream: BufferedReader, where: str) -> Iterator[str]:
    is_utf16 = stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for line, text in enumerate(_utf16(stream, where) if is_utf16 else _utf8(stream, where), 1):
        if "\0" in text:
            raise InputError(
                f"{where}: line {line}: has a NUL byte; the file must be plain text in UTF-8"
            )
        yield text


def _utf8(stream: Iterable[bytes], where: str) -> Iterator[str]:
    # Lines end as they did on old Macs, too, of which Excel's "CSV (Macintosh)" is left.
    lines = chain.from_iterable(content.splitlines(keepends=True) for content in stream)
    for line, content in enumerate(lines, 1):
        codec = "utf-8-sig" if line == 1 else "utf-8"
        try:
            text = content.decode(codec)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{where}: line {line}: is not UTF-8; save the file with this encoding"
            ) from error
        yield text


def _utf16(stream: BufferedReader, where: str) -> Iterator[str]:
    try:
        with TextIOWrapper(stream, "utf-16", newline="") as lines:
            yield from lines
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: is not whole UTF-16, as which it begins; save the file as UTF-8"
        ) from error


def _check_header(header: list[str], where: str) -> None:
    allowed = f"allowed are {', '.join(COLUMNS)}, with commas, semicolons or tabs between"
    for name in header:
        if name not in COLUMNS:
            raise InputError(f"{where}: column '{shortened(name)}' is not known; {allowed}")
        if header.count(name) > 1:
            raise InputError(f"{where}: column '{name}' is there twice; remove one")
    for name in REQUIRED:
        if name not in header:
            raise InputError(f"{where}: the column {name} is missing; {allowed}")


def _inner_path(path: str, here: str) -> str:
    checked_name(path, f"{here}: path")
    if not path:
        raise InputError(f"{here}: path is empty; name a picture, relative to the folder")
    if path.startswith("/"):
        raise InputError(
            f"{here}: path {shortened(path)} is absolute; write it relative to the folder"
        )
    if ".." in path.split("/"):
        raise InputError(
            f"{here}: path {shortened(path)} has `..`; a picture must lie within the folder"
        )
    return posixpath.normpath(path)


def _is_there(root: Path, path: str, here: str) -> bool:
    named = f"{here}: path {shortened(path)}"
    try:
        mode = (root / path).stat().st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return False
        raise InputError(
            f"{named}: cannot be read ({error.strerror}); see to its permissions and its disk"
        ) from error
    if is_folder(mode, named):
        raise InputError(f"{named} is a folder; name a picture")
    return True


def _split(split: str, here: str) -> int:
    if not split:
        return NOT_GIVEN
    if split not in SPLITS:
        raise InputError(f"{here}: split is '{shortened(split)}', not {', '.join(SPLITS)}")
    return SPLITS.index(split)
