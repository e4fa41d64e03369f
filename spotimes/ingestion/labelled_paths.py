"""What a folder's sub-folders or its labels.csv say of its pictures, in no order yet."""

from typing import NamedTuple

ByClass = dict[str, list[str]]


class LabelledPaths(NamedTuple):
    """Paths from a folder, with `/` between parts.

    Attributes:
        splits: for each split (an index into `SPLITS`, or `NOT_GIVEN`) the pictures by class.
        ignored: what is not meant as data, unprintable characters escaped; sorted.
        layout: how the sub-folders were understood, where their names alone leave that open.
        missing: why a file that is named does not count, by its path.
        groups: by a picture's path, the name of the group that it is of.
    """

    splits: dict[int, ByClass]
    ignored: list[str]
    layout: list[str]
    missing: dict[str, str]
    groups: dict[str, str]
