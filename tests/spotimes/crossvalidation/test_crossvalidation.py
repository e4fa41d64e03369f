"""Cross-validation: its logic with trainings that only pretend, and for real."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spotimes.blocks import Architecture
from spotimes.crossvalidation import __main__ as crossvalidation
from spotimes.crossvalidation import training
from spotimes.dataset.prepared import PREPARED, Split, SplitName, load_split
from spotimes.evaluation.accuracy import Predictions
from spotimes.evaluation.statistics import wilson
from spotimes.nn.frameworks import keras
from spotimes.quantization.files import Files
from spotimes.quantization.temperature import Temperature
from spotimes.system.validation import load_yaml
from tests.project import ROOT
from tests.repository import network_group, prepare_group, save_params

COMMITTED = load_yaml(ROOT / "params.yaml")
OneLine = Callable[[str, Callable[[], None]], str]
OUT = (crossvalidation.METRICS, crossvalidation.TABLE)

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def repository(repository: Path, network: Architecture) -> Path:
    """With params and data, 370 images of 10 classes."""
    write_params(network)
    return repository


def write_params(network: Architecture, **train: Any) -> None:
    params = {name: COMMITTED[name] for name in ("versions", "runtime", "evaluate")} | {
        "prepare": prepare_group("none"),
        "network": network_group(network),
        "train": COMMITTED["train"] | {"epochs": 2, "batch_size": 32, "threads": 2} | train,
        "quantize": {
            "calibration_images": 20,
            "temperature": "fit",
            "known_share": 0.95,
            "seed": 1,
        },
    }
    save_params(params)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["crossvalidation", *words])
    crossvalidation.main()


class Pretended:
    """Trainings that learn nothing, and are right about seven of ten of what they are tested on.

    Attributes:
        epochs: that were trained, each as what was trained on: the number of images.
        stop_after: interrupts after so many.
    """

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.stop_after: int | None = None
        self.logits = 5 * np.eye(10) - 5  # of an answer, which is always correct

    def train(self, *arguments: Any, **_: Any) -> Any:
        _, recipe, data, checkpoint, _ = arguments
        saved = checkpoint.load()
        done = saved[1]["history"] if saved else []
        while len(done) < recipe.epochs:
            self.epochs.append(len(data.train.labels))
            done.append(len(data.train.labels))
            checkpoint.save({}, {"history": done})
            if len(self.epochs) == self.stop_after:
                raise KeyboardInterrupt
        return SimpleNamespace(model=None, seconds=[60.0] * len(done))

    def predict(self, *arguments: Any) -> Predictions:
        _, _, test, names = arguments
        answers = np.where(np.arange(len(test.labels)) % 10 < 7, test.labels, 9)
        probabilities = np.eye(len(names), dtype=np.float32)[answers]
        return Predictions(
            test, names, np.eye(len(names), dtype=np.float32)[test.labels], probabilities
        )


@pytest.fixture
def pretended(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    pretended = Pretended()
    monkeypatch.setattr(training, "train", pretended.train)
    monkeypatch.setattr(
        training, "logits_of", lambda _, split: pretended.logits[np.asarray(split.labels)]
    )
    monkeypatch.setattr(training, "quantize", lambda *_, **__: Files(b"", b"", Temperature(1)))
    monkeypatch.setattr("spotimes.evaluation.accuracy.predict", pretended.predict)
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(training, "code_digest", lambda: "code")  # takes longer than all else
    return pretended


def content() -> list[bytes]:
    return [path.read_bytes() for path in OUT]


def test_all_pictures_are_answered_and_all_folds_recorded(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    found = json.loads(crossvalidation.METRICS.read_text())
    assert found["made"] == {"folds": 5, "seed": 1, "validation_fraction": 0.25, "groups": None}
    assert (found["images"], found["fp32"]["top1"]) == (370, 1)
    table = pd.read_csv(crossvalidation.TABLE)
    assert table["fold"].tolist() == [1, 2, 3, 4, 5]
    assert table["held_out"].sum() == 370
    assert (table["train"] + table["validation"] + table["held_out"] == 370).all()
    assert pretended.epochs == table["train"].repeat(2).tolist()
    top1 = (table["int8_top1"] * table["held_out"]).sum() / 370
    assert found["int8"]["top1"] == pytest.approx(top1, abs=1e-5)
    share = wilson(round(top1 * 370), 370)
    assert [found["int8"][f"top1_{end}"] for end in ("low", "high")] == pytest.approx(
        [share.low, share.high], abs=1e-5
    )
    assert found["spread"]["lowest"] == pytest.approx(table["int8_top1"].min(), abs=1e-5)
    assert {each["predicted"] for each in found["confusions"]} == {"truck"}
    assert sum(each["images"] for each in found["confusions"]) == round((1 - top1) * 370)
    assert found["test_split"] is None
    temperature = found["temperature"]
    assert temperature["images"] == 320  # all but the 50 of the test split
    assert 0.2 < temperature["low"] <= temperature["value"] <= temperature["high"] < 1

    printed = capsys.readouterr().out.splitlines()
    (line,) = (each for each in printed if "quantize.temperature" in each)
    assert line.startswith(f"temperature {temperature['value']:g} (95% interval ")
    first = table.iloc[0]
    assert printed[:2] == [
        f"370 pictures: 5 folds that hold out about {first['held_out']:.0f}, train on "
        f"{first['train']:.0f} and validate on {first['validation']:.0f} "
        "(data/prepared: 50, 240, 80)",
        "how long that takes is known after the first fold",
    ]
    assert printed[2].endswith(" of 74 pictures, in 2 minutes; about 8 minutes left")
    assert printed[6].endswith(" of 74 pictures, in 2 minutes")
    assert printed[7] == (
        f"INT8 top-1 of all 370 pictures: {top1:.2%} (95% interval {share.low:.2%} to "
        f"{share.high:.2%})"
    )


def test_interrupted_it_goes_on_and_ends_with_the_same_bytes(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "3")
    undisturbed, epochs = content(), [*pretended.epochs]
    assert len(epochs) == 6
    for path in OUT:
        path.unlink()

    run(monkeypatch, "3")  # all folds are there
    assert (content(), len(pretended.epochs)) == (undisturbed, 6)
    assert "all folds are trained already" in capsys.readouterr().out

    run(monkeypatch, "4")
    assert len(pretended.epochs) == 6 + 8
    pretended.epochs, pretended.stop_after = [], 3
    with pytest.raises(KeyboardInterrupt):  # after the second fold's first epoch
        run(monkeypatch, "3")
    pretended.stop_after = None
    run(monkeypatch, "3")
    assert pretended.epochs == epochs
    assert content() == undisturbed


def test_another_seed_or_recipe_begins_anew(
    pretended: Pretended, network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "2")
    write_params(network, label_smoothing=0.2)
    run(monkeypatch, "2")
    assert len(pretended.epochs) == 8
    params = load_yaml(Path("params.yaml"))
    save_params(params | {"prepare": params["prepare"] | {"seed": 2}})
    run(monkeypatch, "2")
    assert len(pretended.epochs) == 12


def test_pictures_of_a_group_and_their_interval(
    pretended: Pretended,
    cifar10: dict[SplitName, Split],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, "4")
    plain = json.loads(crossvalidation.METRICS.read_text())["int8"]
    folder = PREPARED.resolve()
    PREPARED.unlink()
    PREPARED.mkdir()
    for file in folder.iterdir():
        (PREPARED / file.name).symlink_to(file)
    groups = {}
    for name, split in cifar10.items():  # eight of each class
        groups[name] = split.labels * 100 + np.arange(len(split.labels)) % 8
        np.save(PREPARED / f"{name}_groups.npy", groups[name])
    capsys.readouterr()
    run(monkeypatch, "4")
    found = json.loads(crossvalidation.METRICS.read_text())
    count = len(np.unique(np.concatenate([*groups.values()])))
    assert found["made"]["groups"] == count
    assert f"370 pictures in {count} groups that stay together: 4 folds" in capsys.readouterr().out
    width = found["int8"]["top1_high"] - found["int8"]["top1_low"]
    assert width > plain["top1_high"] - plain["top1_low"]


def test_it_says_what_the_test_split_alone_gives_and_how_long_it_takes(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("metrics").mkdir()
    committed = json.loads((ROOT / "metrics/evaluate.json").read_text())
    Path("metrics/evaluate.json").write_text(json.dumps(committed | {"images": 50}))
    Path("metrics/train.json").write_text('{"images_per_second": 20}')
    run(monkeypatch, "2")
    printed = capsys.readouterr().out
    # Twice two epochs of 135 images, and twice what comes after.
    assert "about 57 s for 2 trainings, as metrics/train.json has 20 images a second\n" in printed
    int8 = committed["int8"]
    assert (
        f"the test split alone, by metrics/evaluate.json: {int8['top1']:.2%} (95% interval "
        f"{int8['top1_low']:.2%} to {int8['top1_high']:.2%}) of 50 pictures\n"
    ) in printed
    test_split = json.loads(crossvalidation.METRICS.read_text())["test_split"]
    assert (test_split["images"], test_split["int8"]) == (50, int8)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("1", "K=1 is not allowed: it takes 2 folds or more"),
        ("-3", "K=-3 is not allowed: it must be a whole number, such as 5"),
        ("five", "K=five is not allowed: it must be a whole number, such as 5"),
        (
            "38",
            "K=38 is not allowed: the class airplane has 37 pictures, and needs 38; K can be 37 at "
            "most",
        ),
    ],
)
def test_another_number_of_folds_is_refused(
    pretended: Pretended,
    monkeypatch: pytest.MonkeyPatch,
    one_line: OneLine,
    asked: str,
    message: str,
) -> None:
    assert one_line("crossvalidation", lambda: run(monkeypatch, asked)) == message
    assert pretended.epochs == []
    assert not any(path.exists() for path in OUT)


def test_a_missing_dataset_is_reported(
    repository: Path, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    PREPARED.unlink()
    assert "run `dvc repro prepare`" in one_line("crossvalidation", lambda: run(monkeypatch))


def test_a_model_that_may_have_learnt_the_pictures_is_refused(
    pretended: Pretended, network: Architecture, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    teacher = COMMITTED["train"]["teacher"] | {"model": "data/b.keras"}
    for changes, where in (
        ({"start_from": "data/a.keras"}, "start_from: data/a.keras"),
        ({"teacher": teacher}, "teacher.model: data/b.keras"),
    ):
        write_params(network, **changes)
        assert one_line("crossvalidation", lambda: run(monkeypatch)) == (
            f"params.yaml: train.{where} is not allowed here: it may have learnt the pictures that "
            "a fold holds out; use data/none"
        )


def test_a_fold_s_teacher_is_fine_tuned_on_what_the_fold_learns_from(
    pretended: Pretended, network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[int] = []
    logits = np.zeros((1, 1, 1, 10), np.float32)

    def answers_of_backbone(*arguments: Any) -> Any:
        *_, data, checkpoints = arguments
        for checkpoint in checkpoints:
            checkpoint.save({}, {})
        taught.append(len(data.train.labels))
        return SimpleNamespace(logits=logits, seconds=600.0)

    used: list[Any] = []

    def train(*arguments: Any, **named: Any) -> Any:
        used.append(named["answers"])
        return pretended.train(*arguments)

    monkeypatch.setattr(training, "answers_of_backbone", answers_of_backbone)
    monkeypatch.setattr(training, "load_tensors", dict)
    monkeypatch.setattr(training, "train", train)
    write_params(network, teacher=COMMITTED["train"]["teacher"] | {"model": "a_card.yaml"})
    run(monkeypatch, "2")
    assert [each is logits for each in used] == [True, True]
    assert np.repeat(taught, 2).tolist() == pretended.epochs
    left = {path.name for path in Path(".resume/crossvalidation").iterdir()}
    assert left == {"fold1.npz", "fold2.npz"}


def test_a_batch_larger_than_a_fold_is_reported(
    repository: Path, network: Architecture, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    write_params(network, batch_size=300)
    line = one_line("crossvalidation", lambda: run(monkeypatch, "2"))
    assert line.startswith("params.yaml: train.batch_size: 300 is not allowed: there are only 1")


@pytest.mark.slow
def test_it_trains_quantizes_and_tests_for_real(
    repository: Path, network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(network, epochs=1)
    run(monkeypatch, "2")
    found = json.loads(crossvalidation.METRICS.read_text())
    assert found["images"] == sum(
        len(load_split(name).labels) for name in ("train", "validation", "test")
    )
    assert found["agreement"] > 0.5
    assert not Path(".resume/crossvalidation/train.npz").exists()


@pytest.mark.proof
@pytest.mark.parametrize("saves", [1, 3, 4])  # within a fold, after it, and within the next
def test_killed_and_started_again_it_gives_the_same_bytes(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, saves: int
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def status(*arguments: str) -> int:
        command = [sys.executable, "-m", *arguments, "2"]
        return subprocess.run(command, env=environment, check=False).returncode

    assert status("tests.programs.killed_crossvalidation", str(saves)) == -signal.SIGKILL
    assert not any(path.exists() for path in OUT)
    assert status("spotimes.crossvalidation") == 0
    resumed = content()
    for path in Path(".resume/crossvalidation").iterdir():
        path.unlink()
    assert status("spotimes.crossvalidation") == 0
    assert content() == resumed
