"""What a folder's sub-folders or its labels.csv say of its pictures, in no order yet."""

from typing import NamedTuple

ByClass = dict[str, list[str]]


class Notes(NamedTuple):
    """How a folder was read, as far as it is to be reported.

    Attributes:
        ignored: relative paths of what is not meant as data, unprintable characters escaped. An
            ignored folder stands for all in it. With `labels.csv`, which alone says what is data,
            all that it does not name, except what lies behind links to folders.
        layout: how the sub-folders were understood, where their names alone leave that open.
        missing: why a file that `labels.csv` names is no picture here, by its path.
    """

    ignored: list[str]
    layout: list[str]
    missing: dict[str, str]


class LabelledPaths(NamedTuple):
    """Paths from a folder, with `/` between parts.

    Attributes:
        splits: for each split (an index into `SPLITS`, or `NOT_GIVEN`) the pictures by class.
        groups: by a picture's path, the name of the group that it is of.
        notes: of how they were found.
    """

    splits: dict[int, ByClass]
    groups: dict[str, str]
    notes: Notes
