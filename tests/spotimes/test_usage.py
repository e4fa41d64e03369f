import subprocess
import sys

import pytest

from tests.project import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["params", "doctor", "search", "reproducibility.reproduced"])
def test_help_is_shown_and_nothing_begun(name: str) -> None:
    """Of the commands that take no argument."""
    for argument, status in (("--help", 0), ("--nonsense", 2)):
        done = subprocess.run(
            [sys.executable, "-m", f"spotimes.{name}", argument],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert f"usage: python -m spotimes.{name} [-h]" in done.stdout + done.stderr
