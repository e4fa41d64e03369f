"""A virtual environment for each peer, of pinned packages, kept from one run to the next."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.project import ROOT
from spotimes.errors import InputError

ENVIRONMENTS = ROOT / ".peers"


def python_of(requirements: Path, environments: Path = ENVIRONMENTS) -> Path:
    """The Python of an environment that has what a file pins; it is made if it is not there.

    Args:
        requirements: the compiled file; its name is that of the environment.
        environments: the folder that they are in.

    Raises:
        InputError: something cannot be installed.
    """
    folder = environments / requirements.stem
    installed = folder / "installed.txt"
    wanted = f"{sys.version}\n{requirements.read_text(encoding='utf-8')}"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", "--requirement", str(requirements))
        installed.write_text(wanted, encoding="utf-8")
    return folder / "bin/python"


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).split("\n")
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-2:]
        raise InputError(f"cannot be installed: {' '.join(' '.join(errors).split())}")
