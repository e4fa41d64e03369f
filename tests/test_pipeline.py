"""The real pipeline, by the real DVC, in clones: on a few images, and from what is committed."""

import functools
import hashlib
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from dvc.utils.serialize import modify_yaml  # type: ignore[import-untyped]
from PIL import Image

from spotimes.dataset.prepared import Card, Split, SplitName
from tests.folders import write_folder
from tests.project import ROOT
from tests.repository import commit, git, init, save_params
from tests.waiting import until

pytestmark = pytest.mark.slow

STAGES = ["params", "prepare", "train", "quantize", "export", "benchmark", "evaluate"]
# What must come out the same bytes each time; the rest holds timings.
REPEATABLE = (
    "models/README.md",
    "models/model.keras",
    "models/model_fp32.tflite",
    "models/model_int8.tflite",
    "models/c/spotimes_model.c",
    "models/c/spotimes_selftest.c",
    "data/report.json",
    "data/samples/3_cat.png",
    "metrics/prepare.json",
    "metrics/dataset.png",
    "metrics/fingerprint.json",
    "metrics/history.csv",
    "metrics/quantize.json",
    "metrics/export.json",
    "metrics/confusion.csv",
)
SMALL: dict[str, dict[str, object]] = {
    "prepare": {"images_per_class": {"train": 60, "test": 60}},
    "network": {
        "largest_side": 48,
        "blocks": [
            {"kind": "conv", "channels": 8, "stride": 2},
            {"kind": "separable", "channels": 16, "stride": 2},
        ],
    },
    "train": {"epochs": 3, "batch_size": 32},
    "quantize": {"calibration_images": 50},
    "benchmark": {"warmup_seconds": 0.0, "min_rounds": 6, "budget_seconds": 0.5, "processes": 1},
}


def clone(folder: Path, params: dict[str, dict[str, object]]) -> Path:
    """A repository of its own with the working tree's files, those not yet committed too."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT).split(
        "\0"
    )
    for name in listed:
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if params:
        document = yaml.safe_load((folder / "params.yaml").read_text())
        for group, changes in params.items():
            document[group] |= changes
        save_params(document, folder)
    init(folder)
    commit(folder=folder)
    return folder


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


def files(folder: Path) -> set[str]:
    """All that lies in a clone, but what Git, DVC and Python keep for themselves."""
    own = {".git", ".dvc", "__pycache__"}
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not own & set(path.parts)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone on a few hundred images, reproduced once and committed."""
    folder = clone(tmp_path_factory.mktemp("small"), SMALL)
    assert ran(dvc(folder, "repro")) == STAGES
    commit(folder=folder)
    return folder


@pytest.fixture(scope="module")
def expected(small: Path) -> dict[str, str]:
    """What an uninterrupted run gives."""
    return digests(small)


def test_a_second_repro_does_nothing(small: Path) -> None:
    assert "up to date" in dvc(small, "repro")
    assert git("status", "--porcelain", folder=small) == ""


@pytest.mark.proof
def test_from_scratch_again_gives_the_same_bytes(small: Path, expected: dict[str, str]) -> None:
    assert ran(dvc(small, "repro", "--force")) == STAGES
    assert digests(small) == expected


def test_a_latency_is_measured_anew_and_never_restored(small: Path) -> None:
    (small / "metrics/benchmark.json").unlink()
    assert ran(dvc(small, "repro")) == ["benchmark", "evaluate"]


# What a stage says, or has written, once it is in the middle of its work.
AT_WORK = {
    "prepare": "> python -m stages.prepare",
    "quantize": "calibrate:",
    "benchmark": "fresh processes:",
    "evaluate": "model_fp32.tflite:",
}


def kill_at_work(folder: Path, stage: str, whole_group: bool) -> None:
    """Starts `dvc repro` and kills it with signal 9 in the middle of a stage.

    All of it, as when a terminal or a machine goes, or the stage alone, as a system that runs out
    of memory does.
    """
    leader = start(folder, "repro")
    began = time.time()
    checkpoint = folder / ".resume/train.npz"

    def at_work() -> bool:
        assert leader.poll() is None, output(folder)
        if stage == "train":
            return checkpoint.exists() and checkpoint.stat().st_mtime > began
        return AT_WORK[stage] in output(folder)

    def workers() -> list[psutil.Process]:
        return [
            process
            for process in psutil.Process(leader.pid).children(recursive=True)
            if process.cmdline()[1:] == ["-m", f"stages.{stage}"]
        ]

    # DVC announces a stage a moment before it starts it.
    until(lambda: at_work() and workers())
    if whole_group:
        os.killpg(leader.pid, signal.SIGKILL)
    else:
        workers()[0].kill()
    assert leader.wait() != 0


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param([("train", True), ("quantize", False)], id="once of each kind"),
        pytest.param(
            [
                ("prepare", True),
                ("train", True),
                ("train", False),
                ("quantize", True),
                ("benchmark", False),
                ("evaluate", True),
            ],
            id="in every stage",
            marks=pytest.mark.proof,
        ),
    ],
)
def test_killed_it_ends_with_the_same_bytes(
    tmp_path: Path, small: Path, expected: dict[str, str], kills: list[tuple[str, bool]]
) -> None:
    folder = clone(tmp_path, SMALL)
    for stage, whole_group in kills:
        kill_at_work(folder, stage, whole_group)
    dvc(folder, "repro")
    assert digests(folder) == expected
    assert files(folder) == files(small)


def test_an_experiment_and_its_comparison(small: Path) -> None:
    small_decay = ("--set-param", "train.optimizer.weight_decay=0.00001")
    shutil.copy(small / "models/model.keras", small / "data/start.keras")
    start = ("--set-param", "train.start_from=data/start.keras")
    printed = dvc(small, "exp", "run", "--set-param", "train.epochs=1", *start, *small_decay)
    assert "weight_decay: 1e-05" in (small / "params.yaml").read_text()  # text in YAML 1.1
    assert ran(printed) == ["params", "train", "quantize", "export", "benchmark", "evaluate"]
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


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        (["exp", "run"], "train.optimizer.weight_decay", -1),
        (["repro"], "train.optimizer.weight_decay", -1),
        (["repro", "train"], "evaluate.calibration_bins", "no"),
    ],
)
def test_a_value_that_is_not_allowed_costs_no_model(
    tmp_path: Path, small: Path, command: list[str], key: str, value: object
) -> None:
    """DVC deletes what a stage made before it runs it."""
    folder = tmp_path / "clone"
    shutil.copytree(small, folder, symlinks=True)
    git("checkout", "--force", ".", folder=folder)
    before = digests(folder)
    if command[0] == "exp":
        command = [*command, "--set-param", f"{key}={value}"]
    else:
        with modify_yaml(folder / "params.yaml") as params:
            *groups, name = key.split(".")
            functools.reduce(operator.getitem, groups, params)[name] = value
    assert start(folder, *command).wait() != 0
    assert f"params: params.yaml: {key}: {value!r} is not allowed" in output(folder)
    assert ran(output(folder)) == ["params"]
    assert (folder / "data/prepared/dataset.json").exists()
    assert (folder / "metrics/params.json").exists()
    assert digests(folder) == before


@pytest.mark.proof
def test_the_comment_on_a_pull_request(tmp_path: Path, small: Path) -> None:
    folder = tmp_path / "branch"
    shutil.copytree(small, folder)
    git("checkout", "--force", ".", folder=folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["quantize"]["calibration_images"] = 20
    params["compare"]["timing"] |= {"rounds": 2, "min_loads": 2, "budget_seconds": 1}
    params["compare"]["regressions"]["top1"]["absolute"] = 1
    params["compare"]["regressions"]["worst_class"]["absolute"] = 1
    params["evaluate"]["budgets"] = dict.fromkeys(params["evaluate"]["budgets"])
    save_params(params, folder)
    assert ran(dvc(folder, "repro")) == ["params", "quantize", "export", "benchmark", "evaluate"]
    commit(folder=folder)

    def comment(status: int = 0) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [".ci/comment", "HEAD~1", "https://example.org/blob", "then", "now"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    text = comment()
    assert re.findall("^### (.*)", text, re.MULTILINE) == [
        "The INT8 model",
        "Budgets",
        "Params",
        "Metrics",
        "Pictures that changed",
    ]
    assert re.search(r"^\| latency", text, re.MULTILINE)
    assert re.search(r"^params.yaml +quantize.calibration_images ", text, re.MULTILINE)
    assert "int8.calibration_error" in text  # a mean of probabilities, so any other scale moves it
    for commit_of, side in (("then", "before"), ("now", "after")):
        url = f"https://example.org/blob/{commit_of}/metrics/plots/latency.png?raw=true"
        assert f'alt="latency {side}" src="{url}"' in text
    assert "training.png" not in text

    shutil.copy(folder / "metrics/plots/memory.png", folder / "metrics/plots/latency.png")
    params["evaluate"]["budgets"]["bytes"] = 1
    save_params(params, folder)
    text = comment(status=3)
    assert "bytes: at most 1 wanted" in text
    assert text.endswith("latency.png.\n")  # whole, though a budget is exceeded
    assert "to be seen in the report alone: latency.png." in text
    assert 'alt="latency' not in text

    git("checkout", "--force", ".", folder=folder)
    git("rm", "--quiet", "--cached", "metrics/plots/latency.png", folder=folder)
    git("commit", "--quiet", "--message", "without a picture", folder=folder)
    git("checkout", "--quiet", "HEAD~1", "--", "metrics/plots/latency.png", folder=folder)
    git("commit", "--quiet", "--message", "a new picture", folder=folder)
    text = comment()
    assert "### Params\nNone.\n" in text
    assert "|  | <img" in text
    Path(folder / "models/model_int8.tflite").write_bytes(b"damaged")
    text = comment(status=2)
    assert "### The INT8 model\nIt failed with status 2:\n```\ncompare: working tree: " in text
    assert "### Budgets" in text


def test_a_folder_of_pictures_goes_all_the_way_to_a_prediction_and_back(
    tmp_path: Path, cifar10: dict[SplitName, Split], card: Card
) -> None:
    """What docs/own-images.md says."""
    folder = clone(tmp_path, SMALL | {"prepare": {}})
    write_folder(folder / "data/my_images", cifar10["train"], card.class_names, 24)
    dvc(folder, "add", "data/my_images")
    printed = dvc(folder, "exp", "run", "--set-param", "prepare.source=data/my_images")
    assert ran(printed) == STAGES

    picture = folder / "data/new one.jpg"
    Image.fromarray(cifar10["test"].images[0]).resize((90, 60)).save(picture)
    done = subprocess.run(
        [sys.executable, "-m", "app", "predict", picture],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(rf"{picture}: (cat|dog|frog) \d+\.\d%\n", done.stdout)

    picture.unlink()
    dvc(folder, "remove", "data/my_images.dvc")
    shutil.move(folder / "data/my_images", tmp_path.parent / "my_images")
    git("checkout", ".", folder=folder)
    assert git("status", "--porcelain", folder=folder) == ""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, with the data made and nothing else."""
    folder = clone(tmp_path_factory.mktemp("fresh"), {})
    dvc(folder, "repro", "prepare")
    return folder


def test_what_is_committed_belongs_together(fresh: Path) -> None:
    # Not run: where a stage is out of step, that would train for half an hour.
    assert "up to date" in dvc(fresh, "status"), "dvc.lock is not in step with the code"
    assert git("status", "--porcelain", folder=fresh) == ""


def test_quantize_makes_the_committed_bytes(fresh: Path) -> None:
    dvc(fresh, "repro", "--force", "--single-item", "quantize")
    assert git("status", "--porcelain", folder=fresh) == ""


@pytest.mark.proof
@pytest.mark.skipif(
    shutil.which("qemu-x86_64") is None and "CI" not in os.environ,
    reason="needs qemu-x86_64: apt-get install qemu-user",
)
def test_quantize_makes_the_committed_bytes_on_another_cpu(fresh: Path) -> None:
    subprocess.run(
        ["qemu-x86_64", "-cpu", "Haswell", sys.executable, "-m", "stages.quantize"],
        cwd=fresh,
        check=True,
    )
    assert git("status", "--porcelain", folder=fresh) == ""
