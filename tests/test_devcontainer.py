"""The development container has what CI installs, and runs verbs that exist."""

import json
import re

from tests.project import ROOT

FOLDER = ROOT / ".devcontainer"


def test_it_has_the_packages_that_ci_installs() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    installed = {
        name for names in re.findall(r"packages\+=\(([^)]+)\)", script) for name in names.split()
    }
    assert {"chromium", "gcc"} <= installed
    made = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    named = set(re.search(r"--no-install-recommends (.*?)&&", made, re.DOTALL)[1].split())  # type: ignore[index]
    assert installed <= named
    assert "npm" in named


def test_it_is_set_up_by_targets_of_the_makefile() -> None:
    container = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["build"]["dockerfile"] == "Dockerfile"
    make, *targets = container["postCreateCommand"].split()
    assert make == "make"
    assert targets
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
