"""Which of the project's files a module's imports reach."""

import ast
import functools
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.project import ROOT

PACKAGES = ("spotimes", "stages", "app", "benchmarks")


def reached(module: str) -> set[str]:
    """Paths from the root of `module`'s file and of all that it imports, packages' own included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = file_of(name)
        if file is None or file in found:
            continue
        found.add(file)
        waiting += [name.rpartition(".")[0], *imported(ROOT / file)]
    return found


@functools.cache
def imported(file: Path) -> frozenset[str]:
    """Names that a file's import statements could mean, at any depth of the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{file}: a relative import"
            assert node.level == 0, f"{file}: a relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """The installed distributions that each top-level module is of."""
    return packages_distributions()


@functools.cache
def file_of(module: str) -> str | None:
    """The project's file of a module, or None if it is not the project's."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = Path(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / file).is_file():
            return file.as_posix()
    return None
