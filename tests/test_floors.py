"""The packages' floors, which pyproject.toml declares, and how CONTRIBUTING.md shows them."""

import re
import subprocess
import sys
from pathlib import Path

from tests import package_graph
from tests.project import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_no_package_imports_from_a_higher_floor() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_contributing_draws_the_imports_as_they_are() -> None:
    shown = re.search(r"```mermaid\n(.*?)\n```", CONTRIBUTING, re.DOTALL)
    assert shown is not None
    assert shown[1] == package_graph.drawn(), "python -m tests.package_graph draws it anew"


def test_contributing_lists_every_package() -> None:
    names = {path.stem for path in (ROOT / "spotimes").iterdir() if not path.name.startswith("_")}
    table = [line for line in CONTRIBUTING.splitlines() if line.startswith("| `")]
    listed = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table))
    assert sorted(listed) == sorted(names)
