"""The app with its own requirements alone, as on a device."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.project import ROOT

ABSENT = ("tensorflow", "keras", "dvc", "pandas", "scipy", "pydantic", "yaml")


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what docs/deploy.md copies to a device, and its virtual environment."""
    folder = tmp_path_factory.mktemp("device")
    for name in ("app", "spotimes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "models").mkdir()
    shutil.copy(ROOT / "models/model_int8.tflite", folder / "models")
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    subprocess.run(
        [folder / ".venv/bin/python", "-m", "pip", "install", "-qr", "app/requirements.txt"],
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
    code = "import sys, importlib.util as i; print([bool(i.find_spec(n)) for n in sys.argv[1:]])"
    assert run(device, "-c", code, *ABSENT) == f"{[False] * len(ABSENT)}\n"


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
        with urllib.request.urlopen(f"{url}predict?top=1", picture_bytes) as answer:
            (prediction,) = json.load(answer)["predictions"]
        assert run(device, "-m", "app", "predict", "one.png") == (
            f"one.png: {prediction['label']} {prediction['probability']:.1%}\n"
        )
        server.terminate()
        assert server.wait(20) == 0
