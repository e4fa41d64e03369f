"""The pages' links and commands lead somewhere; the README's figures are the metrics'."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.project import ROOT

PAGES = ["README.md", "docs/network.md", "docs/own-images.md", "models/README.md"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_exist(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", text(page))
    assert targets
    assert not re.search(r"@[A-Z]+@", text(page)), "something is left to fill in"
    for target in targets:
        if not target.startswith("https://"):
            assert (ROOT / page).parent.joinpath(target).exists(), target


def test_every_verb_that_is_mentioned_is_in_the_makefile() -> None:
    sources = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci/run", *WORKFLOWS]
    mentioned = {
        verb
        for source in sources
        for line in re.findall(r"(?:^ *|- run: |`)make ((?:[a-z]+ ?)+)", source.read_text(), re.M)
        for verb in line.split()
    }
    helped = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    verbs = {line.split()[0] for line in helped.splitlines()}
    assert {"repro", "test", "lint", "check", "rebuild"} <= mentioned
    assert mentioned <= verbs


def test_the_readme_shows_the_figures_of_the_metrics() -> None:
    def figures(stage: str) -> dict[str, dict[str, float]]:
        loaded: dict[str, dict[str, float]] = json.loads(text(f"metrics/{stage}.json"))
        return loaded

    size, accuracy = json.loads(text("metrics/quantize.json")), figures("evaluate")
    row = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in text("README.md").splitlines()
        if line.startswith("| ")
    }
    for column, model in enumerate(("fp32", "int8")):
        assert row["top-1, 10,000 test images"][column] == f"{accuracy[model]['top1']:.2%}"
        assert row["file"][column] == f"{size[model]['bytes']['file']:,} bytes"
        arena = f"{size[model]['arena_bytes']:,} bytes"
        assert row["RAM on a microcontroller"][column] == arena


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_exists(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert any(command.startswith(("make ", ".ci/run")) for command in commands)
    for command in commands:
        subprocess.run(["bash", "-n", "-c", re.sub(r"\$\{\{.*?\}\}", "x", command)], check=True)
