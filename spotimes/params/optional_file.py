"""Files and folders that params may leave out.

DVC cannot interpolate null into a stage's deps, so such a param always names one. `NONE`, which
is in Git, stands for none. It is not empty, of which DVC would warn in every run.
"""

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
    if path == NONE:
        return None
    if not Path(path).is_file():
        raise InputError(
            f"params.yaml: {key}: {printable(path)} is not a file; name one that is there, or "
            f"{NONE} for none"
        )
    return Path(path)


def optional_folder(path: str, key: str) -> Path | None:
    """The folder that a param names, or None for `NONE`.

    Args:
        path: the param's value.
        key: the param's, such as `prepare.unlabelled`.

    Raises:
        InputError: there is no such folder.
    """
    if path == NONE:
        return None
    if not Path(path).is_dir():
        raise InputError(
            f"params.yaml: {key}: {path} is not a folder; name one that is there, or {NONE} for "
            "none"
        )
    return Path(path)
