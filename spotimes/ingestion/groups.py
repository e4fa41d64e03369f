"""Groups of pictures that belong together: of one animal, person or burst."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS
from spotimes.errors import InputError
from spotimes.ingestion.file_names import shortened

ALONE = -1


class Groups(NamedTuple):
    """Which group each of a folder's pictures is of.

    Attributes:
        of: int64, shape (files,); an index into `names`, or `ALONE`.
        names: of the groups, sorted.
    """

    of: npt.NDArray[np.int64]
    names: list[str]


def matched(paths: Sequence[str], pattern: str) -> dict[str, str]:
    """The group that each path names, by the path; of one that names none, nothing.

    Args:
        paths: relative to the folder.
        pattern: a regular expression, searched for in each, whose only group is the name.
    """
    search = re.compile(pattern).search
    found = ((path, search(path)) for path in paths)
    return {path: match[1] for path, match in found if match and match[1]}


def groups_of(
    paths: Sequence[str], splits: npt.NDArray[np.int8], group_of: Mapping[str, str], where: str
) -> Groups | None:
    """Numbers the groups; None where no picture is of one.

    Args:
        paths: of all pictures.
        splits: int8, shape (paths,): what each is given.
        group_of: the name of its group, by the path.
        where: what the message begins with.

    Raises:
        InputError: pictures of one group are given different splits.
    """
    if not group_of:
        return None
    names = sorted(set(group_of.values()))
    number = {name: index for index, name in enumerate(names)}
    first: dict[str, int] = {}
    of = np.full(len(paths), ALONE)
    for index, path in enumerate(paths):
        if (name := group_of.get(path)) is None:
            continue
        of[index] = number[name]
        before = first.setdefault(name, index)
        if splits[before] != splits[index]:
            raise InputError(
                f"{where}: the group {shortened(name)} is in {SPLITS[splits[before]]} "
                f"({shortened(paths[before])}) and in {SPLITS[splits[index]]} "
                f"({shortened(path)}); put all of it into one split"
            )
    return Groups(of, names)
