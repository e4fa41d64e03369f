"""Pictures in a folder and their labels, found by names alone: no picture is opened.

Three conventions, distinguished by what lies at the folder's top. If `labels.csv` is there, it
says everything. If there are sub-folders `train` and any of `validation` and `test` alone, however
they are spelt (`training_set`, `val2017`, `Test`), they are the splits, and each holds one
sub-folder a class. Otherwise each sub-folder is a class, as for Keras'
`image_dataset_from_directory` and torchvision's `ImageFolder`.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError, printable
from spotimes.ingestion.class_folders import read_class_folders
from spotimes.ingestion.file_names import reading, refuse_look_alikes, shortened, shown
from spotimes.ingestion.groups import Groups, groups_of, matched
from spotimes.ingestion.labelled_paths import LabelledPaths, Notes
from spotimes.ingestion.labels_csv import read_labels_csv
from spotimes.preprocessing.picture_files import LABELS_CSV, is_about_the_data, is_left_behind


class LabelledFiles(NamedTuple):
    """Files that are meant as pictures, and what each shows.

    The order is by split, class and path, and depends on the names alone.

    Attributes:
        root: the folder.
        paths: relative to it, `/` between parts, as they are spelt on disk.
        labels: int64, shape (files,); an index into `class_names`.
        splits: int8, shape (files,); an index into `spotimes.dataset.prepared.SPLITS`, or
            `split.NOT_GIVEN` for all where the folder gives none.
        class_names: sorted, in Unicode's form NFC.
        groups: which pictures belong together; None where no name says so.
        notes: what there is to tell of how the folder was read.
    """

    root: Path
    paths: list[str]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.int8]
    class_names: list[str]
    groups: Groups | None
    notes: Notes


class Reading(NamedTuple):
    """How a folder is to be read.

    Attributes:
        split_folders: whether sub-folders may be splits; else each is a class.
        group: a regular expression whose only group, searched for in a picture's path, names the
            group of pictures that it is of.
        leave_out_missing: whether files that `labels.csv` names need not be there.
        least_rows: the share of a picture's rows that its file must have.
    """

    split_folders: bool = True
    group: str | None = None
    leave_out_missing: bool = False
    least_rows: float = 1


AS_IT_IS = Reading()


def find(root: Path, how: Reading = AS_IT_IS) -> LabelledFiles:
    """Finds a folder's pictures and their labels.

    A folder that holds nothing but another of its own name, as archives are often unpacked, stands
    for that one.

    Files of any suffix count, except these, which are ignored: names that begin with a dot, what
    systems and programs leave behind (`Thumbs.db`, `1.png:Zone.Identifier`, ...), `labels.csv`, and
    at the top README*, LICENSE*, *.txt and *.md. Links to files and folders are followed.

    For example, `find(Path("data/my_images")).class_names`.

    Args:
        root: the folder.
        how: it is to be read.

    Returns:
        At least two classes, each with a file; where splits are given, each class with one in
        train.

    Raises:
        InputError: the folder does not follow one of the three conventions throughout.
    """
    with reading(shown(root)):
        try:
            is_folder = stat.S_ISDIR(root.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise InputError(
                f"{shown(root)}: no such folder; let prepare.source name a folder of pictures or a "
                "catalog file"
            ) from error
    if not is_folder:
        raise InputError(f"{shown(root)}: is a file; what is wanted is a folder of pictures")
    inner, outside = _unpacked(root)
    layout = [f"the pictures are in {printable(str(inner))}"] if inner != root else []
    if os.path.lexists(inner / LABELS_CSV):
        where = shown(inner, LABELS_CSV)
        found = read_labels_csv(inner, leave_out_missing=how.leave_out_missing)
    else:
        where = shown(inner)
        found = read_class_folders(inner, split_folders=how.split_folders)
    files = _in_order(inner, found, where)
    notes = found.notes
    notes = notes._replace(ignored=sorted(outside + notes.ignored), layout=layout + notes.layout)
    groups = groups_of(files.paths, files.splits, _named_groups(files.paths, found, how), where)
    return files._replace(groups=groups, notes=notes)


def _named_groups(paths: list[str], found: LabelledPaths, how: Reading) -> dict[str, str]:
    if how.group is None:
        return found.groups
    if found.groups:
        raise InputError(
            f"prepare.group: is set, but {LABELS_CSV} has a column group, too; set it to null, or "
            "remove the column"
        )
    matches = matched(paths, how.group)
    if not matches:
        raise InputError(
            f"prepare.group: {how.group} is found in no path, such as {shortened(paths[0])}; it is "
            "searched for in the paths from the folder"
        )
    return matches


def _unpacked(root: Path) -> tuple[Path, list[str]]:
    """The folder that is meant, and the paths from it of what is ignored around it."""
    folder, around = root, list[Path]()
    while True:
        with reading(shown(folder)), os.scandir(folder) as scanned:
            entries = list(scanned)
        meant = [entry for entry in entries if not _is_ignored(entry)]
        if (
            len(meant) != 1
            or not meant[0].is_dir(follow_symlinks=False)
            or meant[0].name.casefold() != folder.resolve().name.casefold()
        ):
            return folder, [printable(os.path.relpath(path, folder)) for path in around]
        around += [folder / entry.name for entry in entries if entry is not meant[0]]
        folder /= meant[0].name


def _is_ignored(entry: os.DirEntry[str]) -> bool:
    if entry.name.lower() == LABELS_CSV:
        return False
    return is_left_behind(entry.name) or (
        is_about_the_data(entry.name) and not entry.is_dir(follow_symlinks=False)
    )


def _in_order(root: Path, found: LabelledPaths, where: str) -> LabelledFiles:
    splits = found.splits
    first = min(splits)
    class_names = sorted(splits[first])
    refuse_look_alikes(class_names, where)
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
        groups=None,
        notes=found.notes,
    )
