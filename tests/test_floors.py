"""The packages' floors, which pyproject.toml declares."""

import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def test_no_package_imports_from_a_higher_floor() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
