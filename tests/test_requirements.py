import re
import sys
from importlib.metadata import version
from pathlib import Path

from app.__main__ import VERBS
from tests.imports import PACKAGES, distributions, imported, reached
from tests.project import ROOT

PIN = re.compile(r"^([\w.-]+)(?:\[\w+\])?==([^\s;]+)(?: ; (.*?))?\s*(?:#.*)?$", re.MULTILINE)
Pins = set[tuple[str, str]]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> Pins:
    """(distribution, version) of each line."""
    found = PIN.findall((ROOT / file).read_text(encoding="utf-8"))
    return {(normalized(name), pinned) for name, pinned, _ in found}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_every_line_of_requirements_in_is_a_pin() -> None:
    peers = (f"benchmarks/serving_peers/{name}.in" for name in ("fastapi", "mlserver"))
    ours = ("requirements.in", "app/requirements.in", "requirements-postgresql.in")
    for file in (*ours, "requirements-dev.in", *peers):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        for line in lines:
            assert not line.strip() or line.startswith(("#", "-c ", "-r ")) or PIN.match(line), line


def test_what_is_asked_for_directly_is_what_is_locked() -> None:
    assert pins("requirements.in")
    assert pins("requirements.in") <= pins("requirements.txt")
    assert pins("requirements-postgresql.in") <= pins("requirements-postgresql.txt")
    assert pins("requirements-dev.in") <= pins("requirements-dev.txt")


def test_the_peers_of_the_server_run_the_same_network_and_decoder() -> None:
    ours, shared = pins("app/requirements.txt"), {"numpy", "pillow", "ai-edge-litert"}
    for name in ("fastapi", "mlserver"):
        asked, locked = (pins(f"benchmarks/serving_peers/{name}.{end}") for end in ("in", "txt"))
        assert asked and asked <= locked
        assert {pin for pin in locked if pin[0] in shared} <= ours


def test_tools_and_pipeline_lock_no_package_in_two_versions() -> None:
    locked, tools = dict(pins("requirements.txt")), pins("requirements-dev.txt")
    together = {(name, locked[name]) for name, _ in tools if name in locked}
    assert together <= tools


def test_what_the_code_imports_is_asked_for_directly() -> None:
    asked = {name for name, _ in pins("requirements.in")}
    found = set()
    for file in (file for folder in ("spotimes", "stages") for file in modules(folder)):
        for name in {name.partition(".")[0] for name in imported(file)}:
            if name in sys.stdlib_module_names or name in PACKAGES:
                continue
            found.add(name)
            owners = {normalized(owner) for owner in distributions().get(name, [])}
            assert owners & asked, f"{file}: {name} is of {owners or 'nothing that is installed'}"
    assert {"numpy", "tensorflow", "yaml", "PIL"} <= found


def test_the_app_asks_for_what_it_imports_in_the_pipelines_versions() -> None:
    asked = {name for name, _ in pins("app/requirements.in")}
    files = {file for module in ("__main__", *VERBS) for file in reached(f"app.{module}")}
    imports = {name for file in files for name in imported(ROOT / file)}
    found = {name.partition(".")[0] for name in imports} - sys.stdlib_module_names - set(PACKAGES)
    owners = {normalized(owner) for name in found for owner in distributions()[name]}
    assert owners - {"numpy-stubs"} == asked
    assert pins("app/requirements.in") <= pins("app/requirements.txt")
    locked = pins("requirements.txt")
    names = {name for name, _ in locked}
    shared = {(name, version) for name, version in pins("app/requirements.txt") if name in names}
    assert {"numpy", "ai-edge-litert", "pillow"} <= {name for name, _ in shared}
    assert shared <= locked


def test_what_is_installed_here_is_what_is_locked() -> None:
    locked = dict(pins("requirements.txt"))
    for name in ("ai-edge-litert", "flatbuffers", "pydantic", "pandas", "scipy"):
        assert version(name) == locked[name]
