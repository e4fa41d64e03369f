"""Asks Git about the repository that this folder is in, be it all of it or a part."""

import os
import subprocess

from spotimes.errors import InputError

NO_REPOSITORY = (
    "this folder is in no Git repository, as one that came as a ZIP is not: `git clone` has the "
    "revisions, and `git init && git add --all && git commit -m start` begins anew"
)


def run(*words: str) -> "subprocess.CompletedProcess[bytes]":
    """Runs a command of Git, whatever comes of it.

    Raises:
        InputError: there is no Git.
    """
    environment = {**os.environ, "LC_ALL": "C"}  # its messages in English
    try:
        return subprocess.run(["git", *words], capture_output=True, env=environment, check=False)
    except OSError as error:
        raise InputError(f"git: {error.strerror}: apt-get install git") from error


def output(*words: str) -> str:
    """What a command of Git prints.

    Raises:
        InputError: it fails, there is no Git, or no repository.
    """
    done = run(*words)
    if done.returncode == 0:
        return done.stdout.decode(errors="surrogateescape")
    said = done.stderr.decode(errors="replace")
    if "not a git repository" in said:
        raise InputError(NO_REPOSITORY)
    raise InputError(f"git {words[0]}: {' '.join(said.split()) or 'failed'}")
