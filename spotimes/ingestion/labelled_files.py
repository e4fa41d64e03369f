"""Pictures in a folder and their labels, found by names alone: no picture is opened.

Three conventions, told apart by what lies at the folder's top. With `labels.csv` there, that file
says it all. With sub-folders `train` and any of `validation` (or `val`) and `test` alone, the
splits are ready-made, and each holds one sub-folder a class. Otherwise each sub-folder is a class,
as for Keras' `image_dataset_from_directory` and torchvision's `ImageFolder`.
"""

import csv
import os
import posixpath
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.split import NOT_SAID

LABELS_CSV = "labels.csv"

REQUIRED = ("path", "label")
COLUMNS = (*REQUIRED, "split")
SPLIT_FOLDERS: dict[str, int] = {name: place for place, name in enumerate(SPLITS)}
SPLIT_FOLDERS["val"] = SPLITS.index("validation")
# Two of these at the top are meant as splits, not as classes.
LIKE_A_SPLIT = {*SPLIT_FOLDERS, "training", "valid", "dev", "eval", "testing"}
# What systems and their archives leave behind, in lower case.
LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", LABELS_CSV}
ABOUT_THE_DATA = re.compile(r"(readme|licen[cs]e).*|.*\.(txt|md)", re.IGNORECASE | re.DOTALL)
# All that str.splitlines() ends a line at is among these.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SURROGATE = re.compile("[\ud800-\udfff]")  # what Python makes of a name that is no UTF-8
UNPRINTABLE = re.compile(f"{CONTROL.pattern}|{SURROGATE.pattern}")
SHOWN_AT_MOST = 200

Identity = tuple[int, int]  # device and inode
ByClass = dict[str, list[str]]


class LabelledFiles(NamedTuple):
    """Files that are meant as pictures, and what each shows.

    The order is by split, class and path, and hangs on the names alone.

    Attributes:
        root: the folder.
        paths: relative to it, `/` between parts, as they are spelt on disk.
        labels: int64, shape (files,); an index into `class_names`.
        splits: int8, shape (files,); an index into `spotimes.dataset.prepared.SPLITS`, or -1 for
            all where the folder does not say.
        class_names: sorted, in Unicode's form NFC.
        passed_over: relative paths of what is not meant as data, unprintable characters escaped. A
            folder that is passed over stands for all within. With `labels.csv`, which alone says
            what is data, all that it does not name, but for what lies behind links to folders.
    """

    root: Path
    paths: list[str]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.int8]
    class_names: list[str]
    passed_over: list[str]


def find(root: Path) -> LabelledFiles:
    """Finds a folder's pictures and their labels.

    Files of any suffix are listed, except what is passed over: names that begin with a dot, what
    systems leave behind (Thumbs.db, desktop.ini, ...), `labels.csv`, and at the top README*,
    LICENSE*, *.txt and *.md. Links to files and folders are followed.

    Args:
        root: the folder.

    Returns:
        At least two classes, each with a file; where splits are given, each class with one in
        train.

    Raises:
        InputError: the folder follows none of the three conventions, or not wholly.
    """
    with _readable(_at(root)):
        try:
            is_folder = stat.S_ISDIR(root.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise InputError(
                f"{_at(root)}: no such folder; let prepare.source name a folder of pictures or a "
                "catalog file"
            ) from error
    if not is_folder:
        raise InputError(f"{_at(root)}: is a file; what is wanted is a folder of pictures")
    if os.path.lexists(root / LABELS_CSV):
        where = _at(root, LABELS_CSV)
        named = _by_csv(root, where)
        return _in_order(root, named, _not_named(root, named), where)
    passed_over: list[str] = []
    splits = _by_folders(root, passed_over)
    return _in_order(root, splits, sorted(passed_over), _at(root))


def _in_order(
    root: Path, splits: Mapping[int, ByClass], passed_over: list[str], where: str
) -> LabelledFiles:
    first = min(splits)
    class_names = sorted(splits[first])
    for split in sorted(splits):
        if lacking := sorted(set(splits[split]) - set(class_names)):
            raise InputError(
                f"{where}: {SPLITS[split]} has the class {lacking[0]}, which train lacks; give "
                "train pictures of it, or take it away"
            )
    if len(class_names) < 2:
        raise InputError(
            f"{where}: has only one class, {class_names[0]}; a classifier needs two or more, each "
            f"a folder of its own or a label in {LABELS_CSV}"
        )
    paths: list[str] = []
    groups = []
    for split in sorted(splits):
        for label, name in enumerate(class_names):
            files = sorted(splits[split].get(name, []))
            paths += files
            groups.append((split, label, len(files)))
    split_of, label_of, count = np.array(groups, np.int64).T
    return LabelledFiles(
        root,
        paths,
        np.repeat(label_of, count),
        np.repeat(split_of.astype(np.int8), count),
        class_names,
        passed_over,
    )


class _Listing(NamedTuple):
    """What a folder holds, as paths from the root, and the folders from the disk's root to it."""

    folders: list[str]
    files: list[str]
    line: frozenset[Identity]


def _by_folders(root: Path, passed_over: list[str]) -> dict[int, ByClass]:
    with _readable(_at(root)):
        above = frozenset(_identity(folder.stat()) for folder in root.resolve().parents)
    top = _listing(root, "", above, passed_over)
    if top.files:
        folders = "beside the folders" if top.folders else "and no folders"
        raise InputError(
            f"{_at(root)}: holds {_shown(min(top.files))} {folders}; each class needs a folder "
            f"with its pictures, or {LABELS_CSV} must name their classes"
        )
    if not top.folders:
        raise InputError(
            f"{_at(root)}: holds no pictures; each class needs a folder with its pictures, or "
            f"{LABELS_CSV} must name their classes"
        )
    if set(top.folders) <= set(SPLIT_FOLDERS):
        return _ready_made(root, top, passed_over)
    if len(alike := sorted(name for name in top.folders if name.lower() in LIKE_A_SPLIT)) > 1:
        raise InputError(
            f"{_at(root)}: holds the folders {' and '.join(alike[:2])}, which seem to be splits, "
            f"but {min(set(top.folders) - set(SPLIT_FOLDERS))} is none; ready-made splits are the "
            "folders train, validation (or val) and test alone"
        )
    return {NOT_SAID: _classes(root, top, passed_over)}


def _ready_made(root: Path, top: _Listing, passed_over: list[str]) -> dict[int, ByClass]:
    if "train" not in top.folders:
        raise InputError(
            f"{_at(root)}: holds {' and '.join(sorted(top.folders))}, but no train; ready-made "
            "splits need it"
        )
    if {"val", "validation"} <= set(top.folders):
        raise InputError(f"{_at(root)}: holds both val and validation; one of them must go")
    splits = {}
    for folder in sorted(top.folders, key=SPLIT_FOLDERS.__getitem__):
        listing = _listing(root, folder, top.line, passed_over)
        if listing.files:
            raise InputError(
                f"{_at(root, min(listing.files))}: is a file, but {folder} holds only one folder "
                "a class; move it into its class' folder"
            )
        if not listing.folders:
            raise InputError(f"{_at(root, folder)}: is empty; it needs a folder for each class")
        splits[SPLIT_FOLDERS[folder]] = _classes(root, listing, passed_over)
    return splits


def _classes(root: Path, parent: _Listing, passed_over: list[str]) -> ByClass:
    classes: ByClass = {}
    folder_of: dict[str, str] = {}
    for folder in sorted(parent.folders):
        name = _class_name(posixpath.basename(folder), _at(root, folder))
        if name in classes:
            raise InputError(
                f"{_at(root, folder)}: in Unicode's form NFC its name equals that of another "
                f"folder ({folder_of[name]!a} and {folder!a}); put both classes into one"
            )
        folder_of[name] = folder
        classes[name] = _files_within(root, folder, parent.line, passed_over)
        if not classes[name]:
            raise InputError(
                f"{_at(root, folder)}: the class has no pictures; put some there, or remove the "
                "folder"
            )
    return classes


def _files_within(
    root: Path, folder: str, line: frozenset[Identity], passed_over: list[str]
) -> list[str]:
    files = []
    waiting = [(folder, line)]
    while waiting:
        listing = _listing(root, *waiting.pop(), passed_over)
        files += listing.files
        waiting += [(each, listing.line) for each in listing.folders]
    return files


def _listing(
    root: Path, folder: str, above: frozenset[Identity], passed_over: list[str]
) -> _Listing:
    folders, files = [], []
    with _readable(_at(root, folder)):
        identity = _identity((root / folder).stat())
        if identity in above:
            raise InputError(
                f"{_at(root, folder)}: is a link to a folder that it lies in, a loop; remove it"
            )
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = posixpath.join(folder, entry.name)
                if not folder and entry.name.lower() == LABELS_CSV:
                    raise InputError(f"{_at(root, path)}: rename it to {LABELS_CSV}")
                if entry.name.startswith(".") or entry.name.lower() in LITTER:
                    passed_over.append(_escaped(path))
                elif _is_folder(entry, _at(root, path)):
                    folders.append(_sound(path, _at(root, path)))
                elif not folder and ABOUT_THE_DATA.fullmatch(entry.name):
                    passed_over.append(_escaped(path))
                else:
                    files.append(_sound(path, _at(root, path)))
    return _Listing(folders, files, above | {identity})


def _is_folder(entry: os.DirEntry[str], where: str) -> bool:
    # Of what is no link, most file systems give the kind with the name.
    if entry.is_dir(follow_symlinks=False):
        return True
    if entry.is_file(follow_symlinks=False):
        return False
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        raise InputError(
            f"{where}: is a link that leads nowhere ({error.strerror}); mend or remove it"
        ) from error
    return _is_folder_mode(mode, where)


def _is_folder_mode(mode: int, where: str) -> bool:
    # A named pipe, say, on which whoever reads it would wait for ever.
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InputError(f"{where}: is neither a file nor a folder; remove it")
    return stat.S_ISDIR(mode)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _by_csv(root: Path, where: str) -> dict[int, ByClass]:
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
        name = _class_name(values["label"], f"{here}: label")
        before, spelt = line_of_class.setdefault(name, (line, values["label"]))
        if spelt != values["label"]:
            raise InputError(
                f"{here}: in Unicode's form NFC the label equals another one, of line {before} "
                f"({spelt!a} and {values['label']!a}); spell both alike"
            )
        split = _split_place(values.get("split", ""), here)
        line_with_split.setdefault(split != NOT_SAID, line)
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
            "picture, or leave the column out"
        )
    return splits


def _not_named(root: Path, named: Mapping[int, ByClass]) -> list[str]:
    names = {path for classes in named.values() for paths in classes.values() for path in paths}
    above = {str(parent) for path in names for parent in PurePosixPath(path).parents}
    found = []
    for folder, folders, files in os.walk(root):
        inner = os.path.relpath(folder, root)
        paths = {posixpath.normpath(posixpath.join(inner, name)): name for name in folders + files}
        # A folder without any named file stands for all within, as does a link to a folder.
        folders[:] = [name for path, name in paths.items() if path in above and name in folders]
        found += [_escaped(path) for path in paths if path not in names and path not in above]
    return sorted(found)


def _rows(path: Path, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yields each row that is not blank, with the number of the line where it begins."""
    with _readable(where):
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
            raise InputError(f"{where}: column '{_shown(name)}' is not known; {allowed}")
        if header.count(name) > 1:
            raise InputError(f"{where}: column '{name}' is there twice; remove one")
    for name in REQUIRED:
        if name not in header:
            raise InputError(f"{where}: the column {name} is missing; {allowed}")


def _named_file(root: Path, path: str, here: str) -> str:
    _sound(path, f"{here}: path")
    shown = _shown(path)
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
    if _is_folder_mode(mode, f"{here}: path {shown}"):
        raise InputError(f"{here}: path {shown} is a folder; name a picture")
    return normal


def _split_place(split: str, here: str) -> int:
    if not split:
        return NOT_SAID
    if split not in SPLITS:
        raise InputError(f"{here}: split is '{_shown(split)}', not {', '.join(SPLITS)}")
    return SPLITS.index(split)


def _class_name(spelt: str, where: str) -> str:
    """The class' name in Unicode's form NFC."""
    if not spelt.strip():
        raise InputError(f"{where}: is empty; a class needs a name")
    _sound(spelt, where)
    if spelt != spelt.strip():
        # Whoever reads the model's label file may strip them.
        raise InputError(f"{where}: '{_shown(spelt)}' begins or ends with a blank; remove it")
    if spelt in {".", ".."}:
        raise InputError(f"{where}: {spelt} is no class' name")
    return unicodedata.normalize("NFC", spelt)


def _sound(text: str, where: str) -> str:
    """`text`, if it can stand in a line of UTF-8."""
    if SURROGATE.search(text):
        raise InputError(f"{where}: the name is not UTF-8; rename it")
    if CONTROL.search(text):
        raise InputError(f"{where}: has a line break or control character in its name; rename it")
    return text


def _at(root: Path, path: str = "") -> str:
    return _escaped(str(root / path))


def _shown(text: str) -> str:
    escaped = _escaped(text)
    return escaped if len(escaped) <= SHOWN_AT_MOST else f"{escaped[:SHOWN_AT_MOST]}..."


def _escaped(text: str) -> str:
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{where}: cannot be read ({error.strerror}); see to its permissions and its disk"
        ) from error
