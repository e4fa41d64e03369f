"""The installed packages, compared with what params.yaml pins."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from spotimes.errors import InputError


def check_installed(pins: Iterable[tuple[str, str]]) -> None:
    """Compares the installed packages with pins, as params.yaml has them.

    Args:
        pins: packages by import name, with the version that each must have.

    Raises:
        InputError: one is missing or has another version.
    """
    for name, wanted in pins:
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "none"
        if installed != wanted:
            raise InputError(
                f"{name}: params.yaml wants version {wanted}, installed is {installed}; "
                "`make install` installs what requirements.txt pins"
            )
