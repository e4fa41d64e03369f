"""Reads HEIC where pillow-heif is installed.

It is no requirement, since its wheels hold x265, which is under the GPL.
"""

import importlib
from types import ModuleType
from typing import IO, cast

from PIL.ImageFile import ImageFile

from spotimes.preprocessing.unread import MissingPackageError

PACKAGE = "pillow-heif"


def check_package() -> None:
    """Checks that pictures can be read, before anything of one is.

    Raises:
        MissingPackageError: pillow-heif is not installed.
    """
    _package()


def open_heic(stream: IO[bytes]) -> ImageFile:
    """Opens a picture. It is upright once it is decoded.

    Raises:
        MissingPackageError: pillow-heif is not installed.
        Exception: the file is damaged.
    """
    pillow_heif = _package()
    # Callers have threads of their own. It has this setting for the whole process alone.
    pillow_heif.options.DECODE_THREADS = 1
    return cast(ImageFile, pillow_heif.HeifImageFile(stream))


def _package() -> ModuleType:
    try:
        return importlib.import_module("pillow_heif")
    except ImportError as error:
        raise MissingPackageError(PACKAGE) from error
