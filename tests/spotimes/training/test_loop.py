"""Training of a small network on 240 real images, alone and in fresh processes that are killed."""

import csv
import json
import math
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.nn.frameworks import keras
from spotimes.params.train import Train
from spotimes.training import keras_archive, loop
from spotimes.training.batches import EvaluationBatches
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.loop import Trained, TrainingData, train
from spotimes.training.progress import Progress
from tests.programs import program
from tests.project import ROOT
from tests.recipes import RECIPE, changed
from tests.repository import network_group

STEPS = 240 // 32


class Run(NamedTuple):
    """Artefacts of a run."""

    model: bytes
    history: bytes


Start = Callable[..., subprocess.Popen[bytes]]
TrainIn = Callable[..., Trained]


def result(folder: Path) -> Run:
    return Run((folder / "model.keras").read_bytes(), (folder / "history.csv").read_bytes())


def rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open() as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def loss_of(trained: Trained, split: Split, smoothing: float) -> float:
    """The validation loss of the kept weights, computed from the probabilities."""
    probabilities = np.concatenate(
        [trained.model(images).numpy() for images, _ in EvaluationBatches(split, 10)]
    ).astype(np.float64)
    wanted = np.eye(10)[split.labels] * (1 - smoothing) + smoothing / 10
    return float(-(wanted * np.log(probabilities)).sum(axis=1).mean())


def accuracy_of(trained: Trained, split: Split) -> float:
    batches = EvaluationBatches(split, 10)
    found = [trained.model(images).numpy().argmax(axis=1) for images, _ in batches]
    return float((np.concatenate(found) == split.labels).mean())


@pytest.fixture(scope="module")
def start(network: Architecture, prepared: Path) -> Start:
    """Starts a run in a fresh process."""

    def start(folder: Path, batches: int = 0, epochs: int = 0) -> subprocess.Popen[bytes]:
        folder.mkdir(exist_ok=True)
        texts = [json.dumps(network_group(network)), RECIPE.model_dump_json()]
        arguments = [*texts, prepared, folder, batches, epochs]
        return subprocess.Popen(program("train", *arguments), cwd=ROOT, stderr=subprocess.PIPE)

    return start


@pytest.fixture(scope="module")
def background(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A run in a process of its own, at work while the killed ones are."""
    folder = tmp_path_factory.mktemp("alone")
    with start(folder) as process:
        yield folder, process
        process.kill()


@pytest.fixture
def alone(background: tuple[Path, subprocess.Popen[bytes]]) -> Path:
    """Where a run that nothing disturbed left its artefacts."""
    folder, process = background
    assert process.wait() == 0
    return folder


@pytest.fixture(scope="module")
def train_in(
    network: Architecture, cifar10: dict[SplitName, Split], reseed: Callable[[], None]
) -> TrainIn:
    """Runs in this process, where other networks were built and trained before."""

    def run(
        folder: Path, recipe: Train = RECIPE, key: str = "key", validation: Split | None = None
    ) -> Trained:
        reseed()
        trained = train(
            network,
            recipe,
            TrainingData(cifar10["train"], validation or cifar10["validation"], 10),
            Checkpoint(folder / "train.npz", key),
            folder / "history.csv",
        )
        keras_archive.save(trained.model, folder / "model.keras")
        return trained

    return run


def test_a_killed_run_goes_on_to_the_same_bytes(
    start: Start,
    background: tuple[Path, subprocess.Popen[bytes]],
    train_in: TrainIn,
    tmp_path: Path,
) -> None:
    """Killed in the middle of epoch 2, then, resumed in a fresh process, right after epoch 2."""
    for batches, epochs, done in ((STEPS + STEPS // 2, 0, 1), (0, 2, 2)):
        process = start(tmp_path, batches, epochs)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors.decode()
        assert len(rows(tmp_path)) == done
        assert not (tmp_path / "model.keras").exists()
    trained = train_in(tmp_path)
    assert (trained.epochs, len(trained.seconds)) == (3, 3)
    alone, undisturbed = background
    assert undisturbed.wait() == 0
    assert result(tmp_path) == result(alone)


def test_a_process_that_trained_before_gives_the_same_bytes(
    alone: Path, tmp_path: Path, train_in: TrainIn, cifar10: dict[SplitName, Split]
) -> None:
    """Beside another run's checkpoint, and then beside a damaged one; both are ignored."""
    train_in(tmp_path, changed(epochs=1), key="another")
    assert Checkpoint(tmp_path / "train.npz", "another").load() is not None
    trained = train_in(tmp_path)
    assert result(tmp_path) == result(alone)

    history = rows(tmp_path)
    assert (trained.epoch, trained.epochs, len(trained.seconds)) == (3, 3, 3)
    assert trained.val_accuracy == pytest.approx(history[-1]["val_accuracy"], abs=1e-6)
    assert trained.best_val_accuracy == pytest.approx(
        max(row["val_accuracy"] for row in history), abs=1e-6
    )
    validation = cifar10["validation"]
    assert accuracy_of(trained, validation) == pytest.approx(trained.val_accuracy)
    assert loss_of(trained, validation, 0.1) == pytest.approx(history[-1]["val_loss"], rel=1e-5)

    checkpoint = tmp_path / "train.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    train_in(tmp_path)
    assert result(tmp_path) == result(alone)


def test_a_network_learns(train_in: TrainIn, tmp_path: Path) -> None:
    optimizer = RECIPE.optimizer.model_copy(update={"peak_learning_rate": 0.3})
    train_in(tmp_path, RECIPE.model_copy(update={"epochs": 20, "optimizer": optimizer}))
    first, *_, last = rows(tmp_path)
    assert last["loss"] < 2.1 < first["loss"]
    assert last["accuracy"] > 0.25
    assert last["val_accuracy"] > 0.2


def test_a_history_names_each_epoch_and_the_rate_ends_at_zero(alone: Path) -> None:
    history = rows(alone)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert list(history[0]) == [
        "epoch",
        "learning_rate",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    ]
    steps, warmup = 3 * STEPS, round(0.25 * 3 * STEPS)
    for row in history:
        share = (row["epoch"] * STEPS - warmup) / (steps - warmup)
        expected = 0.05 * (1 + math.cos(math.pi * share)) / 2
        assert row["learning_rate"] == pytest.approx(expected, rel=1e-4, abs=1e-8)
    assert history[-1]["learning_rate"] == pytest.approx(0, abs=1e-8)


@pytest.fixture(scope="module")
def hopeless(cifar10: dict[SplitName, Split]) -> Split:
    """One image under each of the ten labels: whatever a network says, one in ten is correct."""
    image = cifar10["validation"].images[:1]
    return Split(np.repeat(image, 10, axis=0), np.arange(10))


def test_best_keeps_the_best_epoch_and_patience_stops_for_good(
    tmp_path: Path, train_in: TrainIn, hopeless: Split
) -> None:
    recipe = changed(epochs=50, keep="best", patience=2)
    trained = train_in(tmp_path, recipe, validation=hopeless)
    history, first = rows(tmp_path), result(tmp_path)
    assert [row["val_accuracy"] for row in history] == [0.1, 0.1, 0.1]
    assert (trained.epoch, trained.epochs) == (1, 3)
    assert trained.val_accuracy == pytest.approx(0.1)
    losses = [row["val_loss"] for row in history]
    assert len(set(losses)) == 3
    assert loss_of(trained, hopeless, 0.1) == pytest.approx(losses[0], rel=1e-5)

    again = train_in(tmp_path, recipe, validation=hopeless)  # as if killed before it was saved
    assert result(tmp_path) == first
    assert (again.epoch, again.epochs) == (1, 3)
    assert again.seconds == trained.seconds
    assert again.best_val_accuracy == trained.best_val_accuracy


def test_without_averaging_the_last_weights_are_kept_as_they_are(
    tmp_path: Path, train_in: TrainIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run that was killed after its last epoch does not train on."""
    plain: list[Any] = []

    class Spying(Progress):
        def on_train_end(self, logs: Any = None) -> None:
            super().on_train_end(logs)
            plain.append([weight.numpy() for weight in self.model.weights])

    monkeypatch.setattr(loop, "Progress", Spying)
    recipe = changed(epochs=1, averaging=0.0)
    kept = train_in(tmp_path, recipe).model.get_weights()
    first = result(tmp_path)
    for one, other in zip(kept, plain[0], strict=True):
        np.testing.assert_array_equal(one, other)
    train_in(tmp_path, recipe)
    assert result(tmp_path) == first


def test_a_batch_larger_than_the_split_is_refused(tmp_path: Path, train_in: TrainIn) -> None:
    with pytest.raises(InputError) as caught:
        train_in(tmp_path, changed(batch_size=241))
    assert str(caught.value) == (
        "params.yaml: train.batch_size: 241 is not allowed: there are only 240 training images"
    )
    assert not any(tmp_path.iterdir())


def test_the_model_is_whole_and_not_compiled(alone: Path) -> None:
    model = keras.saving.load_model(alone / "model.keras")
    assert not hasattr(model, "optimizer")
    assert [model.layers[0].name, model.layers[-1].name] == ["image", "probabilities"]
    assert all(np.isfinite(each).all() for each in model.get_weights())
