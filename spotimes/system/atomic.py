"""Files and folders that are either whole or not there."""

import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or a folder to, and renames it over at the end.

    The data reaches the disk before the name does, so that a crash leaves the old content or the
    new (of a folder, for a moment, neither), never a part. If the block raises, what it wrote is
    removed and `path` stays as it was. What a killed process left behind is removed by the next
    write.

    Args:
        path: where the content goes; its parent folders are made.

    Yields:
        A path in the same folder, free, whose name ends in `.tmp`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, aside = (path.with_name(f".{path.name}.{n}.{os.getpid()}.tmp") for n in ("new", "old"))
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        pid = leftover.name.split(".")[-2]
        if leftover in (beside, aside) or not (pid.isdigit() and psutil.pid_exists(int(pid))):
            _remove(leftover)
    try:
        yield beside
        for file in [beside, *beside.rglob("*")]:
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        if path.is_dir():  # a folder cannot be renamed over another
            path.rename(aside)
        beside.replace(path)
    finally:
        if aside.exists() and not path.exists():
            aside.rename(path)
        _remove(beside)
        _remove(aside)


@contextmanager
def scratch(bytes_needed: int) -> Iterator[Path]:
    """Gives a temporary folder that is removed at the end.

    Args:
        bytes_needed: how much will be written there by code that hides a full disk's errno.

    Raises:
        OSError: ENOSPC, there is less free space than that.
    """
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < bytes_needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), tempfile.gettempdir())
        yield Path(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes `content` to `path` as indented JSON, keys in the given order, floats to 6 digits."""
    write_text(path, json.dumps(_rounded(content), indent=2, allow_nan=False) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
