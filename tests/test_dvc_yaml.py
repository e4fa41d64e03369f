"""dvc.yaml is what the code needs, no more and no less."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotimes.params.load import GROUPS
from stages import params
from tests.imports import reached
from tests.project import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = PIPELINE["stages"]


# What is not in Git: a fresh clone makes it anew.
MADE_OF_DATA = {"data/prepared", "data/report.json", "data/samples"}


def group_of(param: str) -> str:
    """The group that a param, such as `network.backbone.card`, is in."""
    return param.partition(".")[0]


def outputs(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each output's path with its settings."""
    found: dict[str, dict[str, Any]] = {}
    for kind in ("outs", "metrics", "plots"):
        for entry in stage.get(kind, []):
            found |= entry if isinstance(entry, dict) else {entry: {}}
    return found


def test_stages_are_the_files_in_stages() -> None:
    files = {path.stem for path in (ROOT / "stages").glob("[!_]*.py")}
    assert set(STAGES) == files


def code(name: str) -> dict[str, set[str]]:
    """Each dep of a stage that is code, with the files in it; Python's caches are not, to DVC."""
    deps = (dep for dep in STAGES[name]["deps"] if dep.startswith(("spotimes", "stages")))
    return {
        dep: {dep}
        if dep.endswith(".py")
        else {path.relative_to(ROOT).as_posix() for path in (ROOT / dep).rglob("*.py")}
        for dep in deps
    }


def needed(name: str) -> set[str]:
    """The files that a stage's imports reach, less those that hold no behaviour.

    The stage that checks params depends on what is allowed, so on their schemas, too. It imports
    them by name.
    """
    modules, passive = [f"stages.{name}"], ["spotimes/__init__.py", "stages/__init__.py"]
    if name == "params":
        modules += [f"spotimes.params.{group}" for group in GROUPS]
    else:
        passive.append("spotimes/params/")
    found = set().union(*(reached(module) for module in modules))
    return {file for file in found if not file.startswith(tuple(passive))}


@pytest.mark.parametrize("name", STAGES)
def test_deps_hold_every_file_that_the_imports_reach(name: str) -> None:
    deps = code(name)
    assert needed(name) <= set().union(*deps.values())
    for dep, files in deps.items():
        assert files & needed(name), f"{name} does not need {dep}"


@pytest.mark.parametrize("name", ["train", "benchmark"])
def test_what_takes_long_or_is_never_the_same_depends_on_nothing_else(name: str) -> None:
    assert set().union(*code(name).values()) == needed(name)


def test_what_a_run_leaves_in_a_package_is_no_change_of_it() -> None:
    """A folder's hash in dvc.lock would else change with the first import (DVC issue 10225)."""
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert {"__pycache__", "*.tmp"} <= set(ignored)


def test_a_package_s_own_file_is_its_docstring() -> None:
    for path in [*(ROOT / "spotimes").rglob("__init__.py"), ROOT / "stages/__init__.py"]:
        (statement,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(statement, ast.Expr), path


@pytest.mark.parametrize(
    "group", sorted({group_of(param) for each in STAGES.values() for param in each["params"]})
)
def test_a_schema_holds_no_behaviour(group: str) -> None:
    """DVC watches the values in params.yaml, and no stage depends on their schema."""
    tree = ast.parse((ROOT / f"spotimes/params/{group}.py").read_text(encoding="utf-8"))
    for statement in tree.body:
        assert not isinstance(statement, ast.FunctionDef)
        for member in statement.body if isinstance(statement, ast.ClassDef) else []:
            if isinstance(member, ast.FunctionDef):
                assert [ast.unparse(each) for each in member.decorator_list] == [
                    "model_validator(mode='after')"
                ], member.name
            elif isinstance(member, ast.AnnAssign):
                assert not isinstance(member.value, ast.Constant), "a default that DVC cannot see"


def test_the_stage_that_checks_params_watches_what_the_others_read() -> None:
    others = {
        group_of(param)
        for name, each in STAGES.items()
        if name != "params"
        for param in each["params"]
    }
    assert STAGES["params"]["params"] == [group for group in GROUPS if group in others]
    assert STAGES["params"]["params"] == list(params.PARAMS)


def test_all_stages_come_after_the_one_that_checks_params() -> None:
    after = {"params"}
    for name, stage in STAGES.items():
        made = {path for each in after for path in outputs(STAGES[each])}
        assert name == "params" or made & set(stage["deps"]), name
        after.add(name)


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"params"}))
def test_params_are_the_groups_that_the_stage_reads(name: str) -> None:
    source = (ROOT / "stages" / f"{name}.py").read_text()
    declared = importlib.import_module(f"stages.{name}").PARAMS
    assert STAGES[name]["params"] == list(declared)
    assert source.count("load_group(") == len(declared)
    for param in declared:
        assert f'load_group("{group_of(param)}", ' in source


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_says_what_it_does_and_runs_its_own_file(name: str) -> None:
    assert STAGES[name]["desc"].endswith(".")
    assert STAGES[name]["cmd"] == f"python -m stages.{name}"


def test_data_that_a_stage_reads_is_made_by_an_earlier_one() -> None:
    made: set[str] = set()
    for stage in STAGES.values():
        data = {dep for dep in stage["deps"] if not dep.startswith(("spotimes", "stages"))}
        assert data - made <= {
            "${prepare.source}",
            "${prepare.unlabelled}",
            "${network.backbone.card}",
            "${train.start_from}",
            "${train.teacher.model}",
        }
        made |= set(outputs(stage))


def test_only_what_prepare_makes_of_the_data_is_kept_out_of_git() -> None:
    cached = {
        path
        for stage in STAGES.values()
        for path, settings in outputs(stage).items()
        if settings.get("cache", True)
    }
    assert cached == MADE_OF_DATA


def test_only_evaluate_compare_crossvalidation_and_mistakes_read_the_test_split() -> None:
    """Whoever says which split by anything but its literal name may read any."""
    readers = []
    for path in [*(ROOT / "stages").glob("*.py"), *(ROOT / "spotimes").rglob("*.py")]:
        source = path.read_text()
        if "load_split(" in source and set(splits_loaded(source)) - {"'train'", "'validation'"}:
            readers.append(path.relative_to(ROOT).as_posix())
    assert sorted(readers) == [
        "spotimes/compare/comparison.py",
        "spotimes/crossvalidation/pool.py",
        "spotimes/mistakes/__main__.py",
        "stages/evaluate.py",
    ]


def splits_loaded(source: str) -> Iterator[str]:
    """The first arguments of calls of `load_split`, as Python writes them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "load_split":
            yield ast.unparse(node.args[0])


def test_only_evaluate_depends_on_a_latency() -> None:
    dependents = [
        name for name, stage in STAGES.items() if "metrics/benchmark.json" in stage["deps"]
    ]
    assert dependents == ["evaluate"]


def test_a_latencys_percentiles_are_restored_no_more_than_it() -> None:
    assert {"metrics/latency.csv": {"cache": False}} in STAGES["benchmark"]["outs"]


def test_latency_is_shown_as_a_metric_but_never_restored_as_one() -> None:
    assert "metrics/benchmark.json" in PIPELINE["metrics"]
    assert "metrics" not in STAGES["benchmark"]


def test_every_plot_and_artifact_exists() -> None:
    made = {path for stage in STAGES.values() for path in outputs(stage)}
    for plot in PIPELINE["plots"]:
        for settings in plot.values():
            assert set(settings["y"]) <= made
    assert {artifact["path"] for artifact in PIPELINE["artifacts"].values()} <= made
    for path in made - MADE_OF_DATA:
        assert (ROOT / Path(path)).exists(), path
