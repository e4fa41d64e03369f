"""Files of other revisions, from Git, or from DVC's cache and remotes."""

import subprocess

from dvc.api import DVCFileSystem  # type: ignore[import-untyped]
from dvc.exceptions import DvcException  # type: ignore[import-untyped]

from spotimes.errors import InputError


class Revision:
    """A revision of the repository in this folder.

    Attributes:
        name: what it was asked for by.
        commit: its hash.

    Args:
        name: anything that Git knows: a branch, a tag, a commit.

    Raises:
        InputError: Git does not know it, or DVC cannot read it.
    """

    def __init__(self, name: str) -> None:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise InputError(
                f"{name}: is no revision that Git knows here; `git branch --all` lists some, and "
                "`git fetch` gets those of a remote"
            )
        self.name = name
        self.commit = found.stdout.strip()
        try:
            self._files = DVCFileSystem(url=".", rev=self.commit)
        except DvcException as error:
            raise InputError(f"{name}: DVC cannot read it here: {error}") from error

    def read(self, path: str) -> bytes | None:
        """A file's content, or None if the revision has no such file.

        Raises:
            InputError: DVC cannot read the revision, or neither Git nor DVC's cache or remotes hold
                the file's content.
        """
        try:
            self._files.info(path)
        except FileNotFoundError:
            return None
        except (OSError, DvcException) as error:
            raise InputError(f"{self.name}: DVC cannot read it: {error}") from error
        try:
            content: bytes = self._files.read_bytes(path)
        except (OSError, DvcException) as error:
            raise InputError(
                f"{self.name}: {path} is in none of DVC's caches and remotes here ({error})"
            ) from error
        return content
