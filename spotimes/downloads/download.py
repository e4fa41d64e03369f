"""Fetches files into a cache: whole and with the right hash, or not at all."""

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pooch
from filelock import FileLock

from spotimes.downloads.downloaders import DOWNLOADERS
from spotimes.downloads.remote_file import AnyFile
from spotimes.errors import InputError, MirrorError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Offer(Protocol):
    """A mirror: files that together are what is wanted."""

    @property
    def files(self) -> Sequence[AnyFile]:
        """All of them."""


AnyOffer = TypeVar("AnyOffer", bound=Offer)
Used = TypeVar("Used")


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
    return use_any(mirrors, lambda mirror, files: (mirror, files))


def use_any(mirrors: Sequence[AnyOffer], use: Callable[[AnyOffer, list[Path]], Used]) -> Used:
    """Fetches as `fetch_any` does, and takes a mirror only if what it delivers is of use.

    Args:
        mirrors: in the order in which to try them.
        use: gives the result, from a mirror and its files. It raises `MirrorError` if they are not
            what is wanted; then those without a hash are not kept.

    Raises:
        InputError: as `fetch_any`.
    """
    failures = []
    for mirror in sorted(mirrors, key=lambda mirror: not _is_cached(mirror)):
        used = _used(mirror, use)
        if not isinstance(used, MirrorError):
            return used
        print(f"mirror failed: {used}", file=sys.stderr, flush=True)
        failures.append(str(used))
    raise InputError(
        f"no mirror delivers: {'; '.join(failures)}; check the network, then run again"
    )


def fetch(file: AnyFile) -> Path:
    """Gives the path of the cached file, which it fetches where it is missing or damaged.

    Without a hash a damaged file looks like any other.

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
            if file.hash is not None and (found := _hash(arrived, file.hash)) != file.hash:
                raise MirrorError(
                    f"{file.url}: delivers {found}, but its card promises {file.hash}"
                )
            arrived.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return path


def cached_path(file: AnyFile) -> Path:
    """Where `fetch` puts a file; its hash, or its URL's, keeps apart what has the same name."""
    promised = file.hash or f"sha256:{hashlib.sha256(file.url.encode()).hexdigest()}"
    return cache_folder() / f"{promised.partition(':')[2][:16]}-{file.name}"


def _used(mirror: AnyOffer, use: Callable[[AnyOffer, list[Path]], Used]) -> Used | MirrorError:
    """What comes of the mirror, or why it does not deliver."""
    try:
        return use(mirror, [fetch(file) for file in mirror.files])
    except MirrorError as error:
        with _cache_errors():
            for file in mirror.files:
                if file.hash is None:
                    cached_path(file).unlink(missing_ok=True)
        return error


def _is_cached(mirror: Offer) -> bool:
    return all(cached_path(file).is_file() for file in mirror.files)


def _has_hash(path: Path, promised: str | None) -> bool:
    return path.is_file() and (promised is None or _hash(path, promised) == promised)


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
