"""The rules of CONTRIBUTING.md that a machine can hold."""

import re
import subprocess
from collections.abc import Set

import pytest

from app.__main__ import VERBS
from tests.imports import imported, reached
from tests.project import ROOT

HEAVY = {"tensorflow", "keras", "dvc", "pandas", "matplotlib", "scipy", "pydantic"}
SOURCES = [
    path for package in ("spotimes", "stages", "app") for path in (ROOT / package).rglob("*.py")
]


def roots(names: Set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", ["app.__main__", *(f"app.{verb}" for verb in VERBS)])
def test_what_runs_on_the_device_is_light(module: str) -> None:
    for file in reached(module):
        assert not roots(imported(ROOT / file)) & HEAVY, file


def test_the_library_never_imports_stages() -> None:
    for path in (ROOT / "spotimes").rglob("*.py"):
        assert not roots(imported(path)) & {"stages", "app", "tests"}, path


def test_tensorflow_is_imported_in_one_place() -> None:
    importers = [path.name for path in SOURCES if roots(imported(path)) & {"tensorflow", "keras"}]
    assert importers == ["frameworks.py"]


@pytest.mark.parametrize("stage", ["prepare", "benchmark", "evaluate"])
def test_stages_that_build_no_network_do_without_tensorflow(stage: str) -> None:
    assert "spotimes/nn/frameworks.py" not in reached(f"stages.{stage}")


def test_git_holds_nothing_large_and_no_data() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    files = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    assert len(files) > 50
    for file in files:
        assert file.stat().st_size < 2**20, file
    others = r"data/(?!backbones/|catalog/|none$|.*\.dvc$|\.gitignore$)"
    assert not [name for name in listed if re.match(others, name)]
