import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.backbone import Backbone
from spotimes.dataset.prepared import (
    PREPARED,
    SPLITS,
    Split,
    SplitName,
    load_card,
    load_split,
    write_prepared,
)
from spotimes.errors import InputError
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.system.validation import load_yaml
from spotimes.training import keras_archive
from spotimes.training.batches import EvaluationBatches
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.pretrained import tensors_of
from stages import train as stage
from tests.backbones import tiny_backbone
from tests.project import ROOT
from tests.repository import network_group, save_params

VERSIONS = load_yaml(ROOT / "params.yaml")["versions"]
STANDING_STILL = {
    "kind": "sgd",
    "peak_learning_rate": 1e-9,
    "warmup": 0.2,
    "momentum": 0.9,
    "weight_decay": 0,
    "muon": None,
}
OneLine = Callable[[str, Callable[[], None]], str]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]


@pytest.fixture
def repository(repository: Path, network: Architecture) -> Path:
    """With params and data."""
    write_params(network)
    return repository


def write_params(network: Architecture, versions: dict[str, str] = VERSIONS, **train: Any) -> None:
    recipe = {
        "start_from": "data/none",
        "epochs": 2,
        "batch_size": 60,
        "seed": 1,
        "threads": 2,
        "optimizer": {
            "kind": "sgd",
            "peak_learning_rate": 0.05,
            "warmup": 0.2,
            "momentum": 0.9,
            "weight_decay": 0,
            "muon": {"peak_learning_rate": 0.01, "momentum": 0.9},
        },
        "fine_tuning": {"head_epochs": 0, "rate_decay": 1},
        "teacher": {
            "model": "data/none",
            "side": 96,
            "epochs": 1,
            "peak_learning_rate": 0.01,
            "temperature": 2,
            "views": 1,
        },
        "augmentation": {
            "flip": True,
            "shift": 0.0625,
            "brightness": 0,
            "contrast": 0,
            "cutout": 0.25,
            "cutmix": 0.5,
            "cutmix_until": 0.5,
        },
        "class_balance": "none",
        "label_smoothing": 0,
        "averaging": 0,
        "keep": "last",
        "patience": None,
    }
    params = {"versions": versions, "network": network_group(network), "train": recipe | train}
    save_params(params)


def made() -> set[str]:
    """All files beside params and data."""
    files = {file.as_posix() for file in Path().rglob("*") if file.is_file()}
    return {file for file in files if not file.startswith(("data/", "params.yaml"))}


def test_what_it_leaves(repository: Path, cifar10: dict[SplitName, Split]) -> None:
    stage.main()
    assert made() == {
        "models/model.keras",
        "metrics/history.csv",
        "metrics/train.json",
        "metrics/fingerprint.json",
    }

    metrics = json.loads(stage.METRICS.read_text())
    assert list(metrics) == [
        "val_accuracy",
        "epoch",
        "best_val_accuracy",
        "epochs",
        "seconds",
        "epoch_seconds",
        "images_per_second",
    ]
    assert (metrics["epoch"], metrics["epochs"]) == (2, 2)
    assert metrics["images_per_second"] * metrics["epoch_seconds"] == pytest.approx(240, rel=1e-4)
    history = pd.read_csv(stage.HISTORY)
    assert metrics["val_accuracy"] == pytest.approx(history["val_accuracy"][1], rel=1e-5)
    assert metrics["best_val_accuracy"] == pytest.approx(history["val_accuracy"].max(), rel=1e-5)

    fingerprint = json.loads(stage.FINGERPRINT.read_text())
    assert (fingerprint["threads"], fingerprint["versions"]) == (2, VERSIONS)

    model = keras.saving.load_model(stage.MODEL)
    split = cifar10["validation"]
    found = [model(images).numpy().argmax(axis=1) for images, _ in EvaluationBatches(split, 10)]
    accuracy = (np.concatenate(found) == split.labels).mean()
    assert accuracy == pytest.approx(metrics["val_accuracy"], rel=1e-5)
    with zipfile.ZipFile(stage.MODEL) as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_more_threads_than_cores_are_reported_and_used(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights depend on them."""
    monkeypatch.setattr("spotimes.system.cores.allowed", lambda: 1)
    stage.main()
    assert json.loads(stage.FINGERPRINT.read_text())["threads"] == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        "params.yaml: train.threads: 2 is more than the 1 core that this process may use; "
        "all are used, as fewer would give other weights, so training takes longer"
    )


def test_a_run_that_breaks_off_can_be_resumed(
    repository: Path, network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the model is saved: trained epochs are not lost, and then are."""

    def full(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr("spotimes.training.keras_archive.save", full)
        with pytest.raises(OSError):
            stage.main()
    assert made() == {".resume/train.npz", "metrics/history.csv"}
    seconds = np.load(stage.RESUME)["_facts"].item()
    stage.main()
    assert not stage.RESUME.exists()
    assert json.loads(stage.METRICS.read_text())["seconds"] == pytest.approx(
        sum(json.loads(seconds)["seconds"]), rel=1e-5
    )


def test_it_starts_from_an_earlier_model(repository: Path, network: Architecture) -> None:
    """Of which every weight but the head's is still there at a rate that is nearly nothing."""
    stage.main()
    start = stage.MODEL.rename("start.keras")
    write_params(network, start_from="start.keras", optimizer=STANDING_STILL)
    stage.main()
    before, after = (
        {layer.name: layer.get_weights() for layer in keras.saving.load_model(path).layers}
        for path in (start, stage.MODEL)
    )
    for name in before:
        # The first two are a kernel, a norm's scale and offset, or the head's kernel and bias; a
        # norm's statistics move with every batch.
        same = [
            np.allclose(old, new, atol=1e-4)
            for old, new in zip(before[name][:2], after[name][:2], strict=True)
        ]
        assert all(same) == (name != "logits"), name


def test_another_start_is_another_run(
    repository: Path, network: Architecture, monkeypatch: pytest.MonkeyPatch, trained: Any
) -> None:
    """A run that was killed is not resumed once the file is another, of the same name."""
    start = Path("start.keras")
    write_params(network, start_from="start.keras")
    keras_archive.save(trained, start)

    def full(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr("spotimes.training.keras_archive.save", full)
        with pytest.raises(OSError):
            stage.main()
    saved = json.loads(np.load(stage.RESUME)["_facts"].item())
    weights = trained.get_weights()
    other = keras.models.clone_model(trained)
    other.set_weights([weights[0] + 1, *weights[1:]])
    keras_archive.save(other, start)
    stage.main()
    assert json.loads(stage.METRICS.read_text())["seconds"] != pytest.approx(
        sum(saved["seconds"]), rel=1e-5
    )


def test_a_start_that_does_not_fit_is_reported(
    repository: Path, network: Architecture, one_line: OneLine
) -> None:
    write_params(network, start_from="start.keras")
    assert one_line("train", stage.main).startswith(
        "params.yaml: train.start_from: start.keras is not a file"
    )
    Path("start.keras").write_bytes(b"no archive")
    assert one_line("train", stage.main).startswith("start.keras: is not a model.keras that")
    assert made() == {"start.keras"}


@pytest.fixture
def backbone() -> Backbone:
    """Prepared beside the pictures, with random weights; `card.yaml` stands for its card."""
    blocks = [Block(kind="conv", channels=4, stride=2, activation="relu6")]
    made = tiny_backbone(*blocks)
    network = Architecture(blocks, normalization=made.normalization)
    tensors = tensors_of(build(network, (32, 32, 3), 2), network)
    source = PREPARED.resolve()
    splits = {name: load_split(name, source) for name in SPLITS}
    PREPARED.unlink()
    write_prepared(PREPARED, load_card(source), splits, made, tensors)
    Path("card.yaml").touch()
    return made


TAUGHT = {
    "model": "card.yaml",
    "side": 40,
    "epochs": 2,
    "peak_learning_rate": 0.01,
    "temperature": 2,
    "views": 2,
}


def test_a_backbone_teaches_and_a_killed_run_goes_on_to_the_same_bytes(
    repository: Path,
    network: Architecture,
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
    reseed: Callable[[], None],
) -> None:
    """Killed in the teacher's training, while it is asked, and once the student is trained."""
    write_params(network, teacher=TAUGHT)
    stage.main()
    whole = stage.MODEL.read_bytes()
    metrics = json.loads(stage.METRICS.read_text())
    assert 0 <= metrics["teacher"]["val_accuracy"] <= 1
    assert metrics["teacher"]["seconds"] > 0
    assert stage.ANSWERS.exists()
    assert not stage.TEACHER.exists()
    stage.ANSWERS.unlink()

    saved: list[Path] = []
    save = Checkpoint.save

    def killed(self: Checkpoint, *state: Any) -> None:
        save(self, *state)
        saved.append(self.path)
        if len(saved) in {1, 3, 6}:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", killed)
    for _ in range(3):
        reseed()
        with pytest.raises(KeyboardInterrupt):
            stage.main()
    stage.main()
    teacher, answers, student = [stage.TEACHER] * 2, [stage.ANSWERS] * 2, [stage.RESUME] * 2
    assert saved == [*teacher, *answers, *student]
    assert stage.MODEL.read_bytes() == whole


def test_another_student_learns_from_the_same_answers(
    repository: Path, network: Architecture, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(network, teacher=TAUGHT)
    stage.main()
    first = stage.MODEL.read_bytes()
    answers = stage.ANSWERS.read_bytes()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("spotimes.training.teacher.train", never)
    monkeypatch.setattr("spotimes.training.teacher.ask", never)
    write_params(network, teacher={**TAUGHT, "temperature": 1}, epochs=1)
    stage.main()
    assert stage.ANSWERS.read_bytes() == answers
    assert stage.MODEL.read_bytes() != first


def test_a_model_of_ours_teaches(repository: Path, network: Architecture) -> None:
    stage.main()
    stage.MODEL.rename("teacher.keras")
    before = json.loads(stage.METRICS.read_text())
    assert "teacher" not in before
    write_params(network, teacher={**TAUGHT, "model": "teacher.keras"})
    stage.main()
    found = json.loads(stage.METRICS.read_text())["teacher"]["val_accuracy"]
    assert found == pytest.approx(before["val_accuracy"])


def test_pictures_without_labels_are_learned_from_where_there_is_a_teacher(
    repository: Path, network: Architecture, trained: Any, cifar10: dict[SplitName, Split]
) -> None:
    keras_archive.save(trained, Path("teacher.keras"))
    source = PREPARED.resolve()
    splits = {name: load_split(name, source) for name in SPLITS}
    PREPARED.unlink()
    write_prepared(
        PREPARED, load_card(source), splits, unlabelled=cifar10["validation"].images[:60]
    )
    write_params(network, teacher={**TAUGHT, "model": "teacher.keras"})
    stage.main()
    metrics = json.loads(stage.METRICS.read_text())
    assert metrics["images_per_second"] * metrics["epoch_seconds"] == pytest.approx(300, rel=1e-4)
    with np.load(stage.ANSWERS) as answers:
        assert answers["logits"].shape == (2, 300 // 60, 60, 10)


def test_a_missing_dataset_is_reported(repository: Path, one_line: OneLine) -> None:
    PREPARED.unlink()
    assert "run `dvc repro prepare`" in one_line("train", stage.main)
    assert made() == set()


def test_half_a_dataset_is_reported(repository: Path, prepared: Path, one_line: OneLine) -> None:
    PREPARED.unlink()
    PREPARED.mkdir()
    for file in prepared.iterdir():
        if file.name != "validation_images.npy":
            (PREPARED / file.name).symlink_to(file)
    line = one_line("train", stage.main)
    assert line.startswith("data/prepared/validation_images.npy: no such file; run")
    assert made() == set()


def test_another_installed_version_is_reported(
    repository: Path, network: Architecture, one_line: OneLine
) -> None:
    write_params(network, VERSIONS | {"keras": "2.0.0"})
    assert one_line("train", stage.main).startswith("keras: params.yaml wants version 2.0.0")
    assert made() == set()


def test_params_that_do_not_fit_the_data_are_reported(
    repository: Path, network: Architecture, one_line: OneLine
) -> None:
    write_params(network, batch_size=241)
    assert "train.batch_size: 241 is not allowed" in one_line("train", stage.main)
    deep = Architecture([Block(kind="conv", channels=1, stride=4)] * 4, 48)
    write_params(deep)
    assert "network.blocks[3].stride: 4 is not allowed" in one_line("train", stage.main)
    assert made() == set()


def test_bad_params_are_reported(
    repository: Path, network: Architecture, one_line: OneLine
) -> None:
    write_params(network, epochs=0)
    assert one_line("train", stage.main).startswith("params.yaml: train.epochs: 0 is not allowed")
    Path("params.yaml").unlink()
    assert one_line("train", stage.main).startswith("params.yaml: cannot be read")
    with pytest.raises(InputError):
        stage.main()
    assert made() == set()
