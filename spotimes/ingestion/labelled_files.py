"""Pictures in a folder and their labels, found by names alone: no picture is opened.

Three conventions, distinguished by what lies at the folder's top. If `labels.csv` is there, it
says everything. If there are sub-folders `train` and any of `validation` (or `val`) and `test`
alone, they are the splits, and each holds one sub-folder a class. Otherwise each sub-folder is a
class, as for Keras' `image_dataset_from_directory` and torchvision's `ImageFolder`.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.class_folders import read_class_folders
from spotimes.ingestion.file_names import reading, shown
from spotimes.ingestion.labels_csv import ByClass, read_labels_csv
from spotimes.preprocessing.picture_files import LABELS_CSV


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
        ignored: relative paths of what is not meant as data, unprintable characters escaped. An
            ignored folder stands for all in it. With `labels.csv`, which alone says what is data,
            all that it does not name, except what lies behind links to folders.
    """

    root: Path
    paths: list[str]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.int8]
    class_names: list[str]
    ignored: list[str]


def find(root: Path) -> LabelledFiles:
    """Finds a folder's pictures and their labels.

    Files of any suffix count, except these, which are ignored: names that begin with a dot, what
    systems and programs leave behind (`Thumbs.db`, `1.png:Zone.Identifier`, ...), `labels.csv`, and
    at the top README*, LICENSE*, *.txt and *.md. Links to files and folders are followed.

    For example, `find(Path("data/my_images")).class_names`.

    Args:
        root: the folder.

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
    if os.path.lexists(root / LABELS_CSV):
        splits, ignored = read_labels_csv(root)
        return _in_order(root, splits, ignored, shown(root, LABELS_CSV))
    splits, ignored = read_class_folders(root)
    return _in_order(root, splits, ignored, shown(root))


def _in_order(
    root: Path, splits: Mapping[int, ByClass], ignored: list[str], where: str
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
        ignored,
    )
