"""Pictures in sub-folders that are named after their classes, or after splits and classes."""

import os
import posixpath
from pathlib import Path
from typing import NamedTuple

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
from spotimes.ingestion.labels_csv import ByClass
from spotimes.ingestion.split import NOT_GIVEN
from spotimes.preprocessing.picture_files import LABELS_CSV, is_about_the_data, is_litter

SPLIT_FOLDERS: dict[str, int] = {name: split for split, name in enumerate(SPLITS)}
SPLIT_FOLDERS["val"] = SPLITS.index("validation")
# Two of these at the top are meant as splits, not as classes.
LIKE_A_SPLIT = {*SPLIT_FOLDERS, "training", "valid", "dev", "eval", "testing"}

Identity = tuple[int, int]  # device and inode


class _Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        folders: paths from the root.
        files: likewise.
        line: the folder itself and all that it lies in, by which loops of links are found.
    """

    folders: list[str]
    files: list[str]
    line: frozenset[Identity]


def read_class_folders(root: Path) -> tuple[dict[int, ByClass], list[str]]:
    """Finds a folder's pictures by the names of its sub-folders.

    Args:
        root: the folder.

    Returns:
        For each split (an index into `SPLITS`, or `NOT_GIVEN`) the paths from `root` by class; and
        the paths that are ignored, sorted.

    Raises:
        InputError: the sub-folders are neither classes nor splits of classes, or not all of them.
    """
    ignored: list[str] = []
    with reading(shown(root)):
        above = frozenset(_identity(folder.stat()) for folder in root.resolve().parents)
    top = _listing(root, "", above, ignored)
    if top.files:
        folders = "beside the folders" if top.folders else "and no folders"
        raise InputError(
            f"{shown(root)}: holds {shortened(min(top.files))} {folders}; each class needs a "
            f"folder with its pictures, or {LABELS_CSV} must name their classes"
        )
    if not top.folders:
        raise InputError(
            f"{shown(root)}: holds no pictures; each class needs a folder with its pictures, or "
            f"{LABELS_CSV} must name their classes"
        )
    if set(top.folders) <= set(SPLIT_FOLDERS):
        return _ready_made(root, top, ignored), sorted(ignored)
    if len(alike := sorted(name for name in top.folders if name.lower() in LIKE_A_SPLIT)) > 1:
        raise InputError(
            f"{shown(root)}: holds the folders {' and '.join(alike[:2])}, which seem to be "
            f"splits, but {min(set(top.folders) - set(SPLIT_FOLDERS))} is none; ready-made splits "
            "are the folders train, validation (or val) and test alone"
        )
    return {NOT_GIVEN: _classes(root, top, ignored)}, sorted(ignored)


def _ready_made(root: Path, top: _Listing, ignored: list[str]) -> dict[int, ByClass]:
    if "train" not in top.folders:
        raise InputError(
            f"{shown(root)}: holds {' and '.join(sorted(top.folders))}, but no train; ready-made "
            "splits need it"
        )
    if {"val", "validation"} <= set(top.folders):
        raise InputError(f"{shown(root)}: holds both val and validation; one of them must go")
    splits = {}
    for folder in sorted(top.folders, key=SPLIT_FOLDERS.__getitem__):
        listing = _listing(root, folder, top.line, ignored)
        if listing.files:
            raise InputError(
                f"{shown(root, min(listing.files))}: is a file, but {folder} holds only one folder "
                "a class; move it into its class' folder"
            )
        if not listing.folders:
            raise InputError(f"{shown(root, folder)}: is empty; it needs a folder for each class")
        splits[SPLIT_FOLDERS[folder]] = _classes(root, listing, ignored)
    return splits


def _classes(root: Path, parent: _Listing, ignored: list[str]) -> ByClass:
    classes: ByClass = {}
    folder_of: dict[str, str] = {}
    for folder in sorted(parent.folders):
        name = class_name(posixpath.basename(folder), shown(root, folder))
        if name in classes:
            raise InputError(
                f"{shown(root, folder)}: in Unicode's form NFC its name equals that of another "
                f"folder ({folder_of[name]!a} and {folder!a}); put both classes into one"
            )
        folder_of[name] = folder
        classes[name] = _files_within(root, folder, parent.line, ignored)
        if not classes[name]:
            raise InputError(
                f"{shown(root, folder)}: the class has no pictures; put some there, or remove the "
                "folder"
            )
    return classes


def _files_within(
    root: Path, folder: str, line: frozenset[Identity], ignored: list[str]
) -> list[str]:
    files = []
    waiting = [(folder, line)]
    while waiting:
        listing = _listing(root, *waiting.pop(), ignored)
        files += listing.files
        waiting += [(each, listing.line) for each in listing.folders]
    return files


def _listing(root: Path, folder: str, above: frozenset[Identity], ignored: list[str]) -> _Listing:
    folders, files = [], []
    with reading(shown(root, folder)):
        identity = _identity((root / folder).stat())
        if identity in above:
            raise InputError(
                f"{shown(root, folder)}: is a link to a folder that it lies in, a loop; remove it"
            )
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = posixpath.join(folder, entry.name)
                if not folder and entry.name.lower() == LABELS_CSV:
                    raise InputError(f"{shown(root, path)}: rename it to {LABELS_CSV}")
                if is_litter(entry.name):
                    ignored.append(escaped(path))
                elif _leads_to_folder(entry, shown(root, path)):
                    folders.append(checked_name(path, shown(root, path)))
                elif not folder and is_about_the_data(entry.name):
                    ignored.append(escaped(path))
                else:
                    files.append(checked_name(path, shown(root, path)))
    return _Listing(folders, files, above | {identity})


def _leads_to_folder(entry: os.DirEntry[str], where: str) -> bool:
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
    return is_folder(mode, where)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
