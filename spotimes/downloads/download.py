"""Fetches files into a cache: whole and with the right hash, or not at all."""

import errno
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pooch
from filelock import FileLock

from spotimes.downloads.downloaders import DOWNLOADERS
from spotimes.downloads.remote_file import File
from spotimes.errors import InputError, MirrorError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Offer(Protocol):
    """A mirror: files that together are what is wanted."""

    @property
    def files(self) -> list[File]:
        """All of them."""


AnyOffer = TypeVar("AnyOffer", bound=Offer)


def cache_folder() -> Path:
    """Where fetched files stay: `SPOTIMES_CACHE`, or else the system's place for caches."""
    return Path(os.environ.get("SPOTIMES_CACHE") or pooch.os_cache("spotimes"))


def fetch_any(mirrors: Sequence[AnyOffer]) -> tuple[AnyOffer, list[Path]]:
    """Fetches the files of the first mirror that delivers them all.

    A mirror whose files are all in the cache already goes before the others, so that a second run
    needs no network. Each mirror that fails gives a line on standard error.

    Args:
        mirrors: in the order in which to try them.

    Returns:
        The mirror, and its files in its order, each with the hash that it promises.

    Raises:
        InputError: no mirror delivers, the disk is full, or the cache is no folder.
    """
    failures = []
    for mirror in sorted(mirrors, key=lambda mirror: not _is_cached(mirror)):
        files = _fetch_all(mirror)
        if not isinstance(files, MirrorError):
            return mirror, files
        print(f"mirror failed: {files}", file=sys.stderr, flush=True)
        failures.append(str(files))
    raise InputError(
        f"no mirror delivers: {'; '.join(failures)}; check the network, then run again"
    )


def fetch(file: File) -> Path:
    """Gives the path of the cached file, which it fetches where it is missing or damaged.

    Safe with several processes at once: one fetches, the others wait for it.

    Raises:
        MirrorError: the mirror cannot be reached or delivers something else.
        InputError: the disk is full, or the cache is no folder.
    """
    path = cached_path(file)
    with _cache_errors(), FileLock(f"{path}.lock"):
        if _has_hash(path, file.hash):
            return path
        if path.exists():
            print(f"{path}: damaged; fetching it anew", file=sys.stderr, flush=True)
            path.unlink()
        partial = path.with_name(f"{path.name}.partial")
        # Whoever holds the lock is alone: a partial folder is a killed process's.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        arrived = partial / "body"
        try:
            DOWNLOADERS[file.scheme](file.url, str(arrived), None)
            if not _has_hash(arrived, file.hash):
                raise MirrorError(
                    f"{file.url}: delivers {_hash(arrived, file.hash)}, but its card promises "
                    f"{file.hash}"
                )
            arrived.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return path


def cached_path(file: File) -> Path:
    """Where `fetch` puts a file; its hash in the name keeps apart what has the same name."""
    return cache_folder() / f"{file.hash.partition(':')[2][:16]}-{file.name}"


def _fetch_all(mirror: Offer) -> list[Path] | MirrorError:
    """The mirror's files, or why it does not deliver them."""
    try:
        return [fetch(file) for file in mirror.files]
    except MirrorError as error:
        return error


def _is_cached(mirror: Offer) -> bool:
    return all(cached_path(file).is_file() for file in mirror.files)


def _has_hash(path: Path, promised: str) -> bool:
    return path.is_file() and _hash(path, promised) == promised


def _hash(path: Path, promised: str) -> str:
    algorithm = promised.partition(":")[0]
    return f"{algorithm}:{pooch.file_hash(str(path), algorithm)}"


@contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "free some space" if error.errno in FULL else "mend it"
        raise InputError(
            f"{cache_folder()}: the cache cannot be used: {error.strerror or error}; {mend} or let "
            "SPOTIMES_CACHE name another folder"
        ) from error
