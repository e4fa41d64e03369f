"""The app as on a device: installed as docs/deploy.md says, with its own requirements alone."""

import getpass
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.slow

ABSENT = ("tensorflow", "keras", "dvc", "pandas", "scipy", "pydantic", "yaml", "psutil")


def commands_to_copy(folder: Path) -> str:
    """The commands of docs/deploy.md that copy the app, to `folder` instead of /opt/spotimes."""
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    block = re.findall(r"(?:^    .+\n)+", text.partition("\n## Install\n")[2], re.MULTILINE)[0]
    commands, _, to_install = block.partition("    cd /opt/spotimes\n")
    assert [line.strip() for line in to_install.splitlines()] == [
        "python3 -m venv .venv",
        ".venv/bin/pip install --requirement app/requirements.txt",
    ]
    # The samples are optional, and `make repro` makes them.
    lines = [line for line in commands.splitlines() if "data/samples" not in line]
    return "\n".join(lines).replace("sudo ", "").replace("/opt/spotimes", str(folder))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a device gets, and its virtual environment."""
    folder = tmp_path_factory.mktemp("device") / "spotimes"
    environment = {**os.environ, "USER": getpass.getuser()}
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands_to_copy(folder)],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    # As the page's two commands, but by this environment's pip: to install another takes longer
    # than the rest. Without dependencies of their own, the locked packages must be complete.
    python = folder / ".venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    install = ["install", "--quiet", "--no-deps", "--no-compile", "--requirement"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, *install, "app/requirements.txt"],
        cwd=folder,
        check=True,
    )
    return folder


def run(device: Path, *arguments: str) -> str:
    done = subprocess.run(
        [device / ".venv/bin/python", *arguments],
        cwd=device,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_nothing_of_the_pipeline_is_there(device: Path) -> None:
    (packages,) = (device / ".venv/lib").glob("python*/site-packages")
    names = {path.name.partition(".")[0].partition("-")[0] for path in packages.iterdir()}
    assert "numpy" in names
    assert not names & set(ABSENT)


def test_every_verb_works(device: Path, picture_bytes: bytes) -> None:
    (device / "one.png").write_bytes(picture_bytes)
    assert run(device, "-m", "app", "predict", "one.png").startswith("one.png: ")
    assert json.loads(run(device, "-m", "app", "info", "--json"))["dtype"] == "int8"
    assert "classifier / bare" in run(device, "-m", "app", "bench", "--seconds", "0.1")
    with subprocess.Popen(
        [device / ".venv/bin/python", "-m", "app", "serve", "--port", "0"],
        cwd=device,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}v2/health/ready") as answer:
            assert json.load(answer) == {"ready": True}
        with urllib.request.urlopen(f"{url}openapi.json") as answer:
            assert json.load(answer)["openapi"] == "3.1.0"
        with urllib.request.urlopen(f"{url}page/page.js") as answer:
            assert answer.read()
        with urllib.request.urlopen(f"{url}predict?top=1", picture_bytes) as answer:
            (prediction,) = json.load(answer)["predictions"]
        assert run(device, "-m", "app", "predict", "one.png") == (
            f"one.png: {prediction['label']} {prediction['probability']:.1%}\n"
        )
        server.terminate()
        assert server.wait(20) == 0
