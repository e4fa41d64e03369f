"""Trains the network that `network` describes by the recipe in `train`.

In: data/prepared (its training and validation splits, and the pictures without labels), the earlier
model.keras that `train.start_from` names, and the teacher that `train.teacher.model` names.
Out: models/model.keras (FP32, byte-stable), metrics/history.csv (a row an epoch; `dvc plots show`),
metrics/train.json, metrics/fingerprint.json (on which machines training gives the same bytes).

On two cores the committed recipe takes an hour or two.
It needs the same memory however many images there are: each batch is read from disk.
A killed run resumes after its last whole epoch, from .resume/train.npz, and ends with the same
bytes. A teacher's answers stay in .resume/answers.npz, for another student of the same pictures.
"""

import json
from pathlib import Path
from statistics import median

from pooch import file_hash

from spotimes.blocks import Architecture, Shape
from spotimes.dataset.backbone import Tensors
from spotimes.dataset.prepared import (
    PREPARED,
    load_backbone,
    load_card,
    load_kept_tensors,
    load_split,
    load_tensors,
    load_unlabelled,
)
from spotimes.nn.architecture import architecture
from spotimes.nn.frameworks import keras
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.optional_file import optional_file
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.system import atomic, command, host
from spotimes.system.cores import at_most_allowed
from spotimes.system.packages import check_installed
from spotimes.training import earlier_model, keras_archive
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.determinism import ALL_ARE_USED, code_digest, make_deterministic
from spotimes.training.loop import TrainingData, train
from spotimes.training.teacher import Answers, answers_of_backbone, answers_of_model

PARAMS = ("versions", "network", "train")
MODEL = Path("models/model.keras")
HISTORY = Path("metrics/history.csv")
METRICS = Path("metrics/train.json")
FINGERPRINT = Path("metrics/fingerprint.json")
RESUME = Path(".resume/train.npz")
TEACHER = Path(".resume/teacher.npz")
ANSWERS = Path(".resume/answers.npz")


def main() -> None:
    """Runs the stage."""
    versions = load_group("versions", Versions)
    network = load_group("network", Network)
    recipe = load_group("train", Train)
    check_installed(versions)
    start = optional_file(recipe.start_from, "train.start_from")
    teacher = optional_file(recipe.teacher.model, "train.teacher.model")
    at_most_allowed(recipe.threads, "params.yaml: train.threads", ALL_ARE_USED)
    make_deterministic(recipe.seed, recipe.threads)

    data = TrainingData(
        load_split("train"),
        load_split("validation"),
        classes=len(load_card().class_names),
        unlabelled=None if teacher is None else load_unlabelled(),
    )
    whole = architecture(network, load_backbone())
    height, width, channels = data.train.images.shape[1:]
    pretrained = _pretrained(network, whole, start, (height, width, channels))
    here = host.fingerprint(versions.model_dump(), recipe.threads)
    key = [
        network.model_dump(),
        recipe.model_dump(),
        here,
        code_digest(),
        _digests(PREPARED),
        start and file_hash(str(start)),
        teacher and file_hash(str(teacher)),
    ]
    checkpoint = Checkpoint(RESUME, json.dumps(key, sort_keys=True))
    answers = _answers(recipe, data, teacher, here)
    logits = None if answers is None else answers.logits
    trained = train(whole, recipe, data, checkpoint, HISTORY, pretrained=pretrained, answers=logits)

    keras_archive.save(trained.model, MODEL)
    atomic.write_json(FINGERPRINT, here)
    atomic.write_json(
        METRICS,
        {
            "val_accuracy": trained.val_accuracy,
            "epoch": trained.epoch,
            "best_val_accuracy": trained.best_val_accuracy,
            "epochs": trained.epochs,
            "seconds": sum(trained.seconds),
            "epoch_seconds": median(trained.seconds),
            "images_per_second": data.images / median(trained.seconds),
            **_metrics_of(answers),
        },
    )
    checkpoint.remove()


def _pretrained(
    network: Network, whole: Architecture, start: Path | None, image_shape: Shape
) -> Tensors:
    """The weights to begin with: an earlier model's, or else those of the backbone's blocks."""
    if start is not None:
        return earlier_model.load_weights(start, whole, image_shape)
    return load_kept_tensors(network.backbone.keep)


def _answers(
    recipe: Train,
    data: TrainingData,
    teacher: Path | None,
    here: dict[str, object],
) -> Answers | None:
    """The teacher's, which stay in .resume/ for another student; None without a teacher."""
    if teacher is None:
        return None
    # What the answers depend on, so without the student: its network, its epochs and its rate.
    asked = recipe.model_dump(exclude={"start_from": True, "epochs": True})
    asked["optimizer"].pop("peak_learning_rate")
    asked["teacher"].pop("temperature")
    text = json.dumps(
        [asked, here, code_digest(), _digests(PREPARED), file_hash(str(teacher))], sort_keys=True
    )
    asking = Checkpoint(ANSWERS, text)
    if teacher.suffix == ".keras":
        answers = answers_of_model(teacher, recipe, data, asking)
    else:
        training = Checkpoint(TEACHER, text)
        answers = answers_of_backbone(
            load_backbone(), load_tensors(), recipe, data, (training, asking)
        )
    # The student's first weights must not depend on whether its teacher was trained just now.
    keras.utils.set_random_seed(recipe.seed)
    return answers


def _metrics_of(answers: Answers | None) -> dict[str, object]:
    if answers is None:
        return {}
    return {"teacher": {"val_accuracy": answers.val_accuracy, "seconds": answers.seconds}}


def _digests(folder: Path) -> dict[str, str]:
    return {file.name: file_hash(str(file)) for file in sorted(folder.iterdir())}


if __name__ == "__main__":
    command.run("train", main)
