"""The pages' links and commands lead somewhere; the README's figures are the metrics'."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.imports import PACKAGES, distributions, file_of, imported, reached
from tests.project import ROOT
from tests.test_requirements import normalized, pins

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "docs/*.md", "models/README.md", "deploy/**/*.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.MULTILINE)
# What the pipeline's packages do not suffice for, as it imports or starts the server.
OF_THE_SERVER = {
    "app.serve",
    "benchmarks.request_parts",
    "benchmarks.server_load",
    "benchmarks.serving_peers",
}
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_exist(page: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", text(page))
    assert not re.search(r"@[A-Z]+@", text(page)), "something is left to fill in"
    for target in targets:
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(page: str) -> set[str]:
    """Those that a page's headings have, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_the_readme_or_the_index_leads_to_each_page() -> None:
    for page in (page for page in PAGES if page.startswith("docs/")):
        assert page == "docs/README.md" or f"]({Path(page).name})" in text("docs/README.md"), page


def test_a_page_begins_with_what_it_is_for() -> None:
    for page in PAGES:
        title, rest = text(page).split("\n", 1)
        assert title.startswith("# "), page
        assert re.match(r"\s*(<!--.*-->\s*)?[A-Z]", rest), page


def test_the_readme_is_read_in_ten_minutes() -> None:
    assert len(text("README.md").splitlines()) <= 150


def commands(page: str, first: str) -> list[list[str]]:
    """The commands of a page, in blocks and between backticks, whose first word is `first`."""
    blocks = "".join(BLOCK.findall(text(page))).replace("\\\n", "")
    spans = (span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text(page)))
    simple = re.split(r"\n| && | \| ", "\n".join([blocks, *spans]))
    words = (re.sub(r"\s+#.*", "", command).strip() for command in simple)
    return [
        shlex.split(command) for command in words if re.match(rf"(\S*/)?{first}(\s|$)", command)
    ]


def modules(page: str) -> list[tuple[str, list[str]]]:
    """What `python -m` runs on a page, verbs of the app as modules of their own, and its words."""
    found = []
    for _, *words in commands(page, "python3?"):
        if words[:1] != ["-m"] or words[1] == "venv":
            continue
        _, name, *rest = words
        if name == "app" and rest:
            verb, *rest = rest
            name = f"app.{verb}"
        found.append((name, rest))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_python_is_to_run_is_there_and_has_those_options(page: str) -> None:
    for name, words in modules(page):
        file = file_of(f"{name}.__main__") or file_of(name)
        assert file is not None, name
        source = (ROOT / file).read_text(encoding="utf-8")
        assert name.startswith("app") or '__name__ == "__main__"' in source, name
        for word in words:
            assert not word.startswith("--") or f'"{word.partition("=")[0]}"' in source, word


@pytest.mark.parametrize("page", PAGES)
def test_a_command_needs_the_pipelines_packages_or_the_page_installs_more(page: str) -> None:
    owners, pipeline = distributions(), {name for name, _ in pins("requirements.txt")}
    for name in {name for name, _ in modules(page)}:
        files = reached(f"{name}.__main__") | reached(name)
        imports = {each.partition(".")[0] for file in files for each in imported(ROOT / file)}
        foreign = imports - sys.stdlib_module_names - set(PACKAGES)
        more = {each for each in foreign if not {normalized(o) for o in owners[each]} & pipeline}
        assert not more or name in OF_THE_SERVER, (name, more)
        assert name not in OF_THE_SERVER or "make serve" in text(page), name


@pytest.mark.parametrize("page", PAGES)
def test_what_dvc_is_asked_for_is_there(page: str) -> None:
    params = yaml.safe_load(text("params.yaml"))
    stages = yaml.safe_load(text("dvc.yaml"))["stages"]
    for _, *words in commands(page, "dvc"):
        options = dict(pairwise(words))
        for setting in (b for a, b in pairwise(words) if a == "-S"):
            value: Any = params
            for key in setting.partition("=")[0].split("."):
                assert key in value, setting
                value = value[key]
        if words[:1] == ["repro"] and "-s" in options:
            assert options["-s"] in stages
        if words[:2] == ["plots", "show"]:
            with (ROOT / words[2]).open(encoding="utf-8") as file:
                columns = next(csv.reader(file))
            assert {options["-x"], options["-y"]} <= set(columns)


def test_the_example_in_python_runs(prepared: Path, tmp_path: Path) -> None:
    (example,) = [block for block in BLOCK.findall(text("README.md")) if "Classifier(" in block]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/prepared").symlink_to(prepared)
    (tmp_path / "models").symlink_to(ROOT / "models")
    done = subprocess.run(
        [sys.executable, "-c", re.sub(r"^    ", "", example, flags=re.MULTILINE)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [len(re.findall(r"\d%", line)) for line in lines] == [3, 3]


def test_every_verb_that_is_mentioned_is_in_the_makefile() -> None:
    sources = [ROOT / page for page in (*PAGES, "CONTRIBUTING.md", ".ci/run")] + WORKFLOWS
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
    assert {"repro", "test", "lint", "check", "rebuild", "serve"} <= mentioned
    assert mentioned <= verbs


@pytest.mark.parametrize("page", PAGES)
def test_presets_that_are_mentioned_are_there(page: str) -> None:
    for name in re.findall(r"make preset NAME=(\w+)", text(page)):
        assert (ROOT / f"presets/{name}.yaml").is_file(), name


def rows(page: str) -> dict[str, list[str]]:
    """The cells of a page's tables behind each row's first; a later row of that name counts."""
    cells = [
        [cell.strip(" *") for cell in line.split("|")[1:-1]]
        for line in text(page).splitlines()
        if line.startswith("| ")
    ]
    return {row[0]: row[1:] for row in cells}


def figures(stage: str) -> Any:
    return json.loads(text(f"metrics/{stage}.json"))


def test_the_readme_shows_the_figures_of_the_metrics() -> None:
    size, accuracy, export = figures("quantize"), figures("evaluate"), figures("export")
    shown = rows("README.md")
    for name, model in (("Spotimes**, the default", "int8"), ("the same in FP32", "fp32")):
        top1, file, arena, as_c, macs, *_ = shown[name]
        assert top1 == f"{accuracy[model]['top1']:.2%}"
        assert file == f"{size[model]['bytes']['file']:,}"
        assert arena == f"{size[model]['arena_bytes']:,}"
        assert as_c == (f"{export['ram_bytes']:,}" if model == "int8" else "")
        assert macs == f"{size['macs'] / 1e6:.2f} M"


def test_the_page_of_results_shows_the_figures_of_the_metrics() -> None:
    size, accuracy, export = figures("quantize"), figures("evaluate"), figures("export")
    shown = rows("docs/results.md")
    for column, model in enumerate(("fp32", "int8")):
        assert shown["top-1, 10,000 test images"][column] == f"{accuracy[model]['top1']:.2%}"
        assert shown["file"][column] == f"{size[model]['bytes']['file']:,} bytes"
        arena = f"{size[model]['arena_bytes']:,} bytes"
        assert shown["RAM on a microcontroller"][column] == arena
        beside = shown[f"Spotimes, {model.upper()}"]
        assert beside[0].startswith(f"{100 * accuracy[model]['top1']:.2f}%") or "K" in beside[0]
    assert f"{size['parameters']:,} parameters, {size['macs'] / 1e6:.2f} million" in text(
        "docs/results.md"
    )
    (as_c,) = (cells[1] for name, cells in shown.items() if name.startswith("the same, [as C]"))
    assert as_c.startswith(f"{export['ram_bytes']:,} bytes")


def test_pages_show_the_figures_of_few_pictures() -> None:
    with (ROOT / "metrics/few_pictures.csv").open(encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    found = [
        float(run["int8_top1"])
        for run in runs
        if run["preset"] == "few_pictures" and not run["changes"]
        if run["images_per_class"] == "100"
    ]
    accuracy = f"{sum(found) / len(found):.1%}"
    for page in ("README.md", "docs/own-images.md", "docs/few-pictures.md"):
        assert accuracy in text(page), page


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_exists(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert any(command.startswith(("make ", ".ci/run")) for command in commands)
    for command in commands:
        subprocess.run(["bash", "-n", "-c", re.sub(r"\$\{\{.*?\}\}", "x", command)], check=True)
