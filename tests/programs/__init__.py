"""Programs that tests run in processes of their own, where mypy checks them.

Each is a module that takes its arguments from `sys.argv`. `output_of("NAME", argument)` runs it
and gives back what it prints; `program("NAME", argument)` is its command, for what needs more.
"""

import subprocess
import sys

from tests.project import ROOT


def program(name: str, *arguments: object) -> list[str]:
    """The command that runs tests/programs/NAME.py; its working directory must be ROOT."""
    return [sys.executable, "-m", f"tests.programs.{name}", *map(str, arguments)]


def output_of(name: str, *arguments: object) -> str:
    """What the program prints; it must succeed."""
    done = subprocess.run(
        program(name, *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout
