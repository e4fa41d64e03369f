"""The real pipeline, by the real DVC, in clones: on a few images, and from what is committed."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.imports import ROOT

# What must come out the same bytes each time; the rest holds timings.
REPEATABLE = (
    "models/model.keras",
    "models/model_fp32.tflite",
    "models/model_int8.tflite",
    "metrics/prepare.json",
    "metrics/fingerprint.json",
    "metrics/history.csv",
    "metrics/quantize.json",
    "metrics/confusion.csv",
)
SMALL: dict[str, dict[str, object]] = {
    "prepare": {"images_per_class": 60},
    "network": {
        "blocks": [
            {"kind": "conv", "channels": 8, "stride": 2},
            {"kind": "separable", "channels": 16, "stride": 2},
        ]
    },
    "train": {"epochs": 3, "batch_size": 32},
    "quantize": {"calibration_images": 50},
    "benchmark": {"warmup_seconds": 0.0, "min_rounds": 6, "budget_seconds": 0.5, "processes": 1},
}


def clone(folder: Path, params: dict[str, dict[str, object]]) -> Path:
    """A repository of its own with the working tree's files, those not yet committed too."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in listed:
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if params:
        document = yaml.safe_load((folder / "params.yaml").read_text())
        for group, changes in params.items():
            document[group] |= changes
        (folder / "params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def commit(folder: Path) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    git(folder, "add", "--all")
    git(folder, *who, "commit", "--quiet", "--allow-empty", "--message", "state")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Starts a DVC command as the leader of a process group, its output going to `log`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / ".git/log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def output(folder: Path) -> str:
    return (folder / ".git/log").read_text()


def dvc(folder: Path, *arguments: str) -> str:
    assert start(folder, *arguments).wait() == 0, output(folder)
    return output(folder)


def ran(printed: str) -> list[str]:
    """The stages that `dvc repro` said it ran."""
    lines = (line for line in printed.splitlines() if line.startswith("Running stage"))
    return [line.split("'")[1] for line in lines]


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in REPEATABLE}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone on a few hundred images, reproduced once and committed."""
    folder = clone(tmp_path_factory.mktemp("small"), SMALL)
    assert ran(dvc(folder, "repro")) == ["prepare", "train", "quantize", "benchmark", "evaluate"]
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def expected(small: Path) -> dict[str, str]:
    """What an uninterrupted run gives."""
    return digests(small)


def test_a_second_repro_does_nothing(small: Path) -> None:
    assert "up to date" in dvc(small, "repro")
    dvc(small, "status", "--quiet")
    assert git(small, "status", "--porcelain") == ""


def test_from_scratch_again_gives_the_same_bytes(small: Path, expected: dict[str, str]) -> None:
    assert len(ran(dvc(small, "repro", "--force"))) == 5
    assert digests(small) == expected


def kill_when_running(folder: Path, stage: str, seconds: float, whole_group: bool) -> None:
    """Starts `dvc repro` and kills it with signal 9 so long after it has begun a stage."""
    process = start(folder, "repro")
    checkpoint = folder / ".resume/train.npz"
    while f"Running stage '{stage}'" not in output(folder) or (
        stage == "train" and not checkpoint.exists()
    ):
        assert process.poll() is None, output(folder)
        time.sleep(0.02)
    time.sleep(seconds)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:  # the stage alone, as a system that runs out of memory does
        subprocess.run(["pkill", "-9", "-g", str(process.pid), "-f", f"stages.{stage}"], check=True)
    assert process.wait() != 0
    assert not (folder / "metrics/evaluate.json").exists() or stage != "evaluate"


def test_killed_in_every_stage_it_ends_with_the_same_bytes(
    tmp_path: Path, expected: dict[str, str]
) -> None:
    folder = clone(tmp_path, SMALL)
    kill_when_running(folder, "prepare", 0.8, whole_group=True)
    kill_when_running(folder, "train", 0.1, whole_group=True)
    kill_when_running(folder, "train", 0.0, whole_group=False)
    kill_when_running(folder, "quantize", 3.5, whole_group=True)
    kill_when_running(folder, "benchmark", 0.5, whole_group=False)
    kill_when_running(folder, "evaluate", 1.0, whole_group=True)
    dvc(folder, "repro")
    assert digests(folder) == expected
    assert not list(folder.rglob("*.tmp"))


def test_an_experiment_and_its_comparison(small: Path) -> None:
    printed = dvc(small, "exp", "run", "--set-param", "train.epochs=1")
    assert ran(printed) == ["train", "quantize", "benchmark", "evaluate"]
    assert "train.epochs" in dvc(small, "params", "diff", "--md")
    changed = dvc(small, "metrics", "diff", "--md")
    assert "int8.top1" in changed
    assert "speedup.median" in changed
    shown = dvc(small, "metrics", "show", "--md")
    for name in ("int8.bytes.file", "fp32.bytes.file", "int8.median_ms", "fp32.median_ms"):
        assert name in shown
    dvc(small, "plots", "show", "--out", "plots")
    page = (small / "plots/index.html").read_text()
    assert "val_accuracy" in page
    assert "confusion" in page


def test_what_is_committed_belongs_together(tmp_path: Path) -> None:
    folder = clone(tmp_path, {})
    assert ran(dvc(folder, "repro")) == ["prepare"], "dvc.lock is not in step with the code"
    dvc(folder, "status", "--quiet")
    assert git(folder, "status", "--porcelain") == ""

    dvc(folder, "repro", "--force", "--single-item", "quantize")
    assert git(folder, "status", "--porcelain") == "", "quantize made other bytes"
