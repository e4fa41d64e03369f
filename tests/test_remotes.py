"""Data and models that others get from a remote of DVC: from a folder, and from a server of S3."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotimes.dataset.prepared import Card, Split, SplitName
from tests.folders import write_folder
from tests.programs import output_of
from tests.project import ROOT
from tests.repository import commit, git
from tests.test_pipeline import clone, dvc, files, ran

pytestmark = pytest.mark.slow

SERVER = """
import time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
time.sleep(3600)
"""
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
PREPARE: dict[str, object] = {
    "source": "data/mine",
    "images_per_class": {"train": None, "test": None},
}


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, cifar10: dict[SplitName, Split], card: Card
) -> Path:
    """A repository whose pictures DVC keeps, prepared and tagged."""
    folder = clone(tmp_path_factory.mktemp("project"), {"prepare": PREPARE})
    write_folder(folder / "data/mine", cifar10["train"], card.class_names, 12)
    dvc(folder, "add", "data/mine")
    assert ran(dvc(folder, "repro", "prepare")) == ["params", "prepare"]
    commit(folder=folder)
    git("tag", "--annotate", "spotimes-int8@v1.0.0", "--message", "first", folder=folder)
    return folder


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server of S3, and the keys to it in the environment."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as it,
    ):
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert it.stdout is not None
        yield it.stdout.readline().strip()
        it.kill()


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_fresh_clone_pulls_what_was_pushed(
    project: Path, s3: str, kind: str, tmp_path: Path
) -> None:
    url = {"folder": str(tmp_path / "remote"), "s3": "s3://bucket/spotimes"}[kind]
    dvc(project, "remote", "add", "--default", "--force", "shared", url)
    if kind == "s3":
        dvc(project, "remote", "modify", "shared", "endpointurl", s3)
        output_of("make_bucket", s3)
    commit(folder=project)
    assert re.search(r"\d+ files? pushed", dvc(project, "push"))
    fresh = tmp_path / "fresh"
    git("clone", "--quiet", str(project), str(fresh), folder=tmp_path)
    assert not (fresh / "data/prepared").exists()
    dvc(fresh, "pull")
    assert contents(fresh) == contents(project)
    assert "up to date" in dvc(fresh, "repro", "prepare")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_a_tagged_model_is_got_without_a_clone(project: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "dvc", "artifacts", "get", str(project), "spotimes-int8"],
        cwd=tmp_path,
        check=True,
    )
    model = tmp_path / "model_int8.tflite"
    assert model.read_bytes() == (ROOT / "models/model_int8.tflite").read_bytes()
