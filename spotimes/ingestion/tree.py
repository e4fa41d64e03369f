"""A folder and what lies in it, by names alone."""

import os
import posixpath
from pathlib import Path
from typing import NamedTuple

from spotimes.errors import InputError, printable
from spotimes.ingestion.file_names import checked_name, is_folder, reading, shown
from spotimes.preprocessing.picture_files import is_about_the_data, is_left_behind

Identity = tuple[int, int]  # device and inode


class Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        path: of the folder, from the root.
        folders: paths from the root.
        files: likewise.
        line: the folder itself and all that it lies in, by which loops of links are found.
    """

    path: str
    folders: list[str]
    files: list[str]
    line: frozenset[Identity]


class Tree:
    """A folder, whose names are listed as they are asked for.

    Attributes:
        root: the folder.
        ignored: what was found that is not meant as data, by its path from the root, unprintable
            characters escaped.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ignored: set[str] = set()

    def top(self) -> Listing:
        """What the folder itself holds.

        Raises:
            InputError: as of `listing`.
        """
        with reading(shown(self.root)):
            above = frozenset(_identity(folder.stat()) for folder in self.root.resolve().parents)
        return self.listing("", above)

    def files_within(self, listing: Listing) -> list[str]:
        """The files in a folder, however deep."""
        files = [*listing.files]
        waiting = [(folder, listing.line) for folder in listing.folders]
        while waiting:
            inner = self.listing(*waiting.pop())
            files += inner.files
            waiting += [(folder, inner.line) for folder in inner.folders]
        return files

    def listing(self, folder: str, above: frozenset[Identity]) -> Listing:
        """What lies in a folder that itself lies in those `above`.

        Raises:
            InputError: it cannot be read, is a loop of links, or holds what is neither a file nor
                a folder or has a name that cannot be written in a line.
        """
        folders, files = [], []
        with reading(shown(self.root, folder)):
            identity = _identity((self.root / folder).stat())
            if identity in above:
                raise InputError(
                    f"{shown(self.root, folder)}: is a link to a folder that it lies in, a loop; "
                    "remove it"
                )
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    path = posixpath.join(folder, entry.name)
                    where = shown(self.root, path)
                    if is_left_behind(entry.name):
                        self.ignored.add(printable(path))
                    elif _leads_to_folder(entry, where):
                        folders.append(checked_name(path, where))
                    elif not folder and is_about_the_data(entry.name):
                        self.ignored.add(printable(path))
                    else:
                        files.append(checked_name(path, where))
        return Listing(folder, folders, files, above | {identity})


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
