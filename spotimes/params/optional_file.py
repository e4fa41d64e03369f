"""Files and folders that params may leave out.

DVC cannot interpolate null into a stage's deps, so such a param always names one. `NONE`, which
is in Git, stands for none. It is not empty, of which DVC would warn in every run.
"""

from collections.abc import Callable
from pathlib import Path

from spotimes.errors import InputError, printable

NONE = "data/none"


def optional_file(path: str, key: str) -> Path | None:
    """The file that a param names, or None for `NONE`.

    Args:
        path: the param's value.
        key: the param's, such as `train.start_from`.

    Raises:
        InputError: there is no such file.
    """
    return _named(path, key, "file", Path.is_file)


def optional_folder(path: str, key: str) -> Path | None:
    """The folder that a param names, or None for `NONE`.

    Args:
        path: the param's value.
        key: the param's, such as `prepare.unlabelled`.

    Raises:
        InputError: there is no such folder.
    """
    return _named(path, key, "folder", Path.is_dir)


def _named(path: str, key: str, what: str, is_there: Callable[[Path], bool]) -> Path | None:
    if path == NONE:
        return None
    if not is_there(Path(path)):
        raise InputError(
            f"params.yaml: {key}: {printable(path)} is not a {what}; name one that is there, or "
            f"{NONE} for none"
        )
    return Path(path)
