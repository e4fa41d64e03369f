"""Files of other revisions, from Git, or from DVC's cache and remotes.

Paths are relative to this folder, which may be a part of a Git repository, a submodule or a
worktree: DVC's root need not be Git's.
"""

from functools import cached_property

from dvc.api import DVCFileSystem  # type: ignore[import-untyped]
from dvc.exceptions import DvcException  # type: ignore[import-untyped]

from spotimes.errors import InputError
from spotimes.reproducibility import git


class Revision:
    """A revision of the repository that this folder is in.

    Attributes:
        name: what it was asked for by.
        commit: its hash.

    Args:
        name: anything that Git knows: a branch, a tag, a commit.

    Raises:
        InputError: Git does not know it, or there is no Git repository.
    """

    def __init__(self, name: str) -> None:
        self._prefix = git.output("rev-parse", "--show-prefix").removesuffix("\n")
        asked = ["--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        found = git.run("rev-parse", *asked)
        if found.returncode:
            raise InputError(
                f"{name}: is no revision that Git knows here; `git branch --all` lists some, and "
                "`git fetch` gets those of a remote"
            )
        self.name = name
        self.commit = found.stdout.decode().strip()

    def read(self, path: str) -> bytes | None:
        """A file's content, or None if the revision has no such file.

        Raises:
            InputError: Git or DVC cannot read the revision, or neither Git nor DVC's cache or
                remotes hold the file's content.
        """
        entry = git.output("ls-tree", self.commit, "--", path)  # MODE TYPE HASH PATH
        if not entry:
            return self._read_from_dvc(path)
        done = git.run("cat-file", "blob", entry.split()[2])
        if done.returncode:
            raise InputError(
                f"{self.name}: {path}: Git cannot read it: {done.stderr.decode(errors='replace')}"
            )
        return done.stdout

    def _read_from_dvc(self, path: str) -> bytes | None:
        path_of_dvc = f"/{self._prefix}{path}"
        try:
            self._files.info(path_of_dvc)
        except FileNotFoundError:
            return None
        except (OSError, DvcException) as error:
            raise InputError(f"{self.name}: DVC cannot read it: {error}") from error
        try:
            content: bytes = self._files.read_bytes(path_of_dvc)
        except (OSError, DvcException) as error:
            raise InputError(
                f"{self.name}: {path} is in none of DVC's caches and remotes here ({error})"
            ) from error
        return content

    @cached_property
    def _files(self) -> DVCFileSystem:
        return DVCFileSystem(url=".", rev=self.commit, subrepos=True)
