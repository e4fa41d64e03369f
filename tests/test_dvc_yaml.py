"""dvc.yaml is what the code needs, no more and no less."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.imports import ROOT, reached

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = PIPELINE["stages"]


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


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_files_that_the_imports_reach(name: str) -> None:
    ours = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert ours == reached(f"stages.{name}")


@pytest.mark.parametrize("name", STAGES)
def test_params_are_the_groups_that_the_stage_reads(name: str) -> None:
    source = (ROOT / "stages" / f"{name}.py").read_text()
    declared = importlib.import_module(f"stages.{name}").PARAMS
    assert STAGES[name]["params"] == list(declared)
    assert source.count("load_group(") == len(declared)
    for group in declared:
        assert f'load_group("{group}", ' in source


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_says_what_it_does_and_runs_its_own_file(name: str) -> None:
    assert STAGES[name]["desc"].endswith(".")
    assert STAGES[name]["cmd"] == f"python -m stages.{name}"


def test_data_that_a_stage_reads_is_made_by_an_earlier_one() -> None:
    made: set[str] = set()
    for stage in STAGES.values():
        data = {dep for dep in stage["deps"] if not dep.endswith(".py")}
        assert data - made <= {"${prepare.source}"}
        made |= set(outputs(stage))


def test_only_what_prepare_makes_of_the_data_is_kept_out_of_git() -> None:
    cached = {
        path
        for stage in STAGES.values()
        for path, settings in outputs(stage).items()
        if settings.get("cache", True)
    }
    assert cached == {"data/prepared", "data/report.json", "data/samples"}


def test_only_evaluate_and_compare_read_the_test_split() -> None:
    readers = [
        path.stem
        for path in [*(ROOT / "stages").glob("*.py"), *(ROOT / "spotimes").rglob("*.py")]
        if 'load_split("test"' in path.read_text()
    ]
    assert readers == ["evaluate", "compare"]


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
    for path in made - {"data/prepared", "data/report.json", "data/samples"}:
        assert (ROOT / Path(path)).exists(), path
