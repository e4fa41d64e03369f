"""Teachers of small networks, on 240 real images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build, normalization_of
from spotimes.pixels import PLAIN, Normalization, to_float32
from spotimes.training import keras_archive, loop, teacher
from spotimes.training.batches import TrainingBatches
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.loop import TrainingData
from tests.backbones import tiny_backbone
from tests.recipes import RECIPE, changed

pytestmark = pytest.mark.usefixtures("reseed")

SHAPE = (32, 32, 3)
NORMALIZATION = Normalization(127, 128)
BACKBONE = tiny_backbone(
    Block(kind="conv", channels=4, stride=2, activation="relu6"),
    Block(kind="inverted_residual", channels=8, stride=2, expansion=2),
)
TAUGHT = changed(teacher={**RECIPE.teacher.model_dump(), "views": 2, "side": 40, "epochs": 2})
CUTMIX = {**RECIPE.augmentation.model_dump(), "cutmix": 0.5}


@pytest.fixture
def data(cifar10: dict[SplitName, Split], reseed: Callable[[], None]) -> TrainingData:
    reseed()
    return TrainingData(cifar10["train"], cifar10["validation"], 10)


@pytest.fixture
def model(network: Architecture, data: TrainingData, randomized: Callable[..., Any]) -> Any:
    """A network that answers, if not well."""
    return randomized(build(network, SHAPE, 10), 3)


def logits_of(model: Any, images: Any) -> Any:
    return keras.Model(model.input, model.get_layer("logits").output)(images).numpy()


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def asking(folder: Path, key: str = "key") -> Checkpoint:
    return Checkpoint(folder / "answers.npz", key)


def test_each_augmented_image_of_each_view_is_answered(
    model: Any, data: TrainingData, tmp_path: Path
) -> None:
    recipe = changed(teacher=TAUGHT.teacher.model_dump(), augmentation=CUTMIX)
    answers = teacher.ask(model, recipe, data, asking(tmp_path))
    assert answers.logits.shape == (2, 240 // 32, 32, 10)
    assert 0 <= answers.val_accuracy < 0.5
    assert answers.seconds > 0
    batches = TrainingBatches(data.train, 10, recipe, answers=answers.logits)
    for epoch in range(4):  # in the third and fourth the first two are seen again
        batches.begin(epoch)
        for index, (images, wanted) in enumerate(batches):
            said = answers.logits[epoch % 2, index]
            np.testing.assert_array_equal(wanted[:, 10:], said)
            np.testing.assert_allclose(wanted[:, :10].sum(axis=1), 1, rtol=1e-6)
            if index in (0, 3):
                np.testing.assert_allclose(logits_of(model, images), said, rtol=1e-3, atol=1e-3)


def test_what_was_answered_before_a_kill_is_not_asked_again(
    model: Any, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teacher.ask(model, TAUGHT, data, asking(tmp_path / "whole"))
    original = Checkpoint.save

    def killed(self: Checkpoint, *state: Any) -> None:
        original(self, *state)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        teacher.ask(model, TAUGHT, data, asking(tmp_path))
    monkeypatch.undo()
    begun: list[int] = []
    begin = TrainingBatches.begin

    def noting(self: TrainingBatches, epoch: int) -> None:
        begun.append(epoch)
        begin(self, epoch)

    monkeypatch.setattr(TrainingBatches, "begin", noting)
    resumed = teacher.ask(model, TAUGHT, data, asking(tmp_path))
    np.testing.assert_array_equal(resumed.logits, whole.logits)
    assert begun == [0, 1]  # the first is the batches' own beginning
    assert resumed.val_accuracy == whole.val_accuracy


def test_a_backbone_is_fine_tuned_on_scaled_images_and_asked_once(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Architecture(BACKBONE.blocks, normalization=NORMALIZATION)
    untrained = build(network, SHAPE, 10)
    tensors = {}
    for layer in untrained.layers:
        if layer.weights and layer.name != "logits":
            name = layer.name.removesuffix("_norm")
            names = ("kernel",) if name == layer.name else ("gamma", "beta", "mean", "variance")
            for part, each in zip(names, layer.get_weights(), strict=True):
                tensors[f"{name}/{part}"] = each
    checkpoints = Checkpoint(tmp_path / "teacher.npz", "key"), asking(tmp_path)
    data = data._replace(unlabelled=data.validation.images)
    learned_from = []

    class Noting(TrainingBatches):
        def begin(self, epoch: int) -> None:
            learned_from.append(len(self.images))
            super().begin(epoch)

    monkeypatch.setattr(loop, "TrainingBatches", Noting)
    answers = teacher.answers_of_backbone(BACKBONE, tensors, TAUGHT, data, checkpoints)
    assert set(learned_from) == {240}  # the labelled ones alone, but it is asked about all
    assert answers.logits.shape == (2, (240 + 80) // 32, 32, 10)
    assert len((tmp_path / "teacher.csv").read_text().splitlines()) == 3
    assert not checkpoints[0].path.exists()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(teacher, "train", never)
    again = teacher.answers_of_backbone(BACKBONE, tensors, TAUGHT, data, checkpoints)
    np.testing.assert_array_equal(again.logits, answers.logits)
    assert (again.val_accuracy, again.seconds) == (answers.val_accuracy, answers.seconds)


def test_a_scaled_network_sees_the_image_enlarged(data: TrainingData) -> None:
    scaled = Architecture(BACKBONE.blocks, normalization=NORMALIZATION, scaled_to=64)
    large = Architecture(BACKBONE.blocks, normalization=NORMALIZATION)
    one, other = build(scaled, SHAPE, 10), build(large, (64, 64, 3), 10)
    other.set_weights(one.get_weights())
    pixels = np.full((1, *SHAPE), 200, np.uint8)
    enlarged = np.full((1, 64, 64, 3), 200, np.uint8)
    np.testing.assert_allclose(
        one(to_float32(pixels, NORMALIZATION)),
        other(to_float32(enlarged, NORMALIZATION)),
        rtol=1e-5,
    )


def test_a_network_learns_what_its_teacher_says_not_the_labels(
    network: Architecture, data: TrainingData, tmp_path: Path
) -> None:
    """The teacher says the next class."""
    recipe = changed(
        epochs=20,
        optimizer={**RECIPE.optimizer.model_dump(), "peak_learning_rate": 0.3},
        teacher=TAUGHT.teacher.model_dump(),
    )
    labels = TrainingBatches(data.train, 10, recipe)
    logits = np.empty((2, len(labels), 32, 10), np.float32)
    for view in range(2):
        labels.begin(view)
        logits[view] = [5 * np.roll(targets, 1, axis=1) for _, targets in labels]
    checkpoint = Checkpoint(tmp_path / "train.npz", "key")
    trained = loop.train(
        network, recipe, data, checkpoint, tmp_path / "history.csv", answers=logits
    )
    images = to_float32(data.train.images[:])
    said = trained.model(images).numpy().argmax(axis=1)
    assert (said == (data.train.labels + 1) % 10).mean() > 0.25 > (said == data.train.labels).mean()


def test_images_without_labels_bring_a_network_nearer_to_its_teacher(
    network: Architecture, model: Any, data: TrainingData, tmp_path: Path
) -> None:
    """Beside 12 labelled images, than copies of these do, on images that it has not seen."""
    head = model.get_layer("logits")
    mean = logits_of(model, to_float32(data.train.images[:])).mean(axis=0)
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias - mean])  # else it says the same class of all
    recipe = changed(
        epochs=12,
        batch_size=12,
        optimizer={**RECIPE.optimizer.model_dump(), "peak_learning_rate": 0.1},
        teacher={**RECIPE.teacher.model_dump(), "views": 1},
        augmentation={**RECIPE.augmentation.model_dump(), "flip": False, "shift": 0},
    )
    few = Split(data.train.images[:12], data.train.labels[:12])
    held_out = to_float32(data.validation.images[:])
    said = softmax(logits_of(model, held_out))
    distances: list[float] = []
    for unlabelled in (np.tile(few.images, (19, 1, 1, 1)), data.train.images[12:]):
        keras.utils.set_random_seed(1)
        learned = TrainingData(few, data.validation, 10, unlabelled)
        folder = tmp_path / str(len(distances))
        answers = teacher.ask(model, recipe, learned, asking(folder)).logits
        checkpoint = Checkpoint(folder / "train.npz", "key")
        trained = loop.train(
            network, recipe, learned, checkpoint, folder / "history.csv", answers=answers
        )
        ours = softmax(logits_of(trained.model, held_out))
        distances.append(float(np.abs(ours - said).sum(axis=1).mean()))
    assert distances[1] < 0.8 * distances[0]


def test_a_model_of_ours_is_asked_with_its_own_normalization(
    data: TrainingData, tmp_path: Path, randomized: Callable[..., Any]
) -> None:
    network = Architecture(BACKBONE.blocks, normalization=NORMALIZATION)
    model = randomized(build(network, SHAPE, 10), 3)
    keras_archive.save(model, tmp_path / "teacher.keras")
    loaded = keras.saving.load_model(tmp_path / "teacher.keras", compile=False)
    assert normalization_of(loaded) == NORMALIZATION
    answers = teacher.answers_of_model(tmp_path / "teacher.keras", TAUGHT, data, asking(tmp_path))
    images, _ = TrainingBatches(data.train, 10, TAUGHT, NORMALIZATION)[0]
    np.testing.assert_allclose(answers.logits[0, 0], logits_of(model, images), rtol=1e-3, atol=1e-3)


def test_a_plain_network_is_named_as_ever(network: Architecture) -> None:
    model = build(network, SHAPE, 10)
    assert model.name == "spotimes"
    assert normalization_of(model) == PLAIN


@pytest.mark.parametrize("damaged", [True, False])
def test_what_is_no_model_for_the_data_is_refused_in_one_line(
    network: Architecture, data: TrainingData, tmp_path: Path, *, damaged: bool
) -> None:
    path = tmp_path / "teacher.keras"
    keras_archive.save(build(network, (28, 28, 1), 7), path)
    message = f"{path} is for images and classes of 28x28x1 and 7, not of 32x32x3 and 10 as data"
    if damaged:
        path.write_bytes(path.read_bytes()[:100])
        message = f"{path} is no model.keras that `dvc repro` made"
    with pytest.raises(InputError) as caught:
        teacher.answers_of_model(path, TAUGHT, data, asking(tmp_path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
