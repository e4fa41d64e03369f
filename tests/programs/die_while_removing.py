"""Replaces a folder, and is killed when the first file of the old one is gone."""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from spotimes.system import atomic


def killed(folder: Path, *_: Any, **__: Any) -> None:
    next(folder.iterdir()).unlink()
    os.kill(os.getpid(), signal.SIGKILL)


with (
    mock.patch.object(shutil, "rmtree", killed),
    atomic.replacing(Path(sys.argv[1])) as beside,
):
    beside.mkdir()
    (beside / "new.txt").write_bytes(b"new")
