"""A teacher: a trained network whose answers a smaller one learns from."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from spotimes.blocks import Architecture
from spotimes.dataset.backbone import Backbone, Tensors
from spotimes.errors import InputError
from spotimes.nn.frameworks import keras, tf
from spotimes.nn.network import normalization_of
from spotimes.params.train import Train
from spotimes.training.batches import EvaluationBatches, FloatArray, TrainingBatches
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.loop import TrainingData, train

UNMIXED = {"cutmix": 0.0}
Answering = Callable[[FloatArray], tf.Tensor]


class Answers(NamedTuple):
    """What a teacher says of the training images, those without labels among them.

    Attributes:
        logits: float32, shape (views, batches, batch, classes): of each image of each batch of the
            first epochs, as it is augmented there.
        val_accuracy: the teacher's accuracy on the validation split.
        seconds: how long it took to train and to ask it.
    """

    logits: FloatArray
    val_accuracy: float
    seconds: float


def answers_of_backbone(
    backbone: Backbone,
    tensors: Tensors,
    recipe: Train,
    data: TrainingData,
    checkpoints: tuple[Checkpoint, Checkpoint],
) -> Answers:
    """Fine-tunes a whole backbone on images that are scaled for it, and asks it.

    Args:
        backbone: the network.
        tensors: its weights.
        recipe: of the network that is to learn from it; `recipe.teacher` says what differs.
        data: what both are trained on, itself without the images that have no labels.
        checkpoints: of the fine-tuning, and of the answers. Answers that are whole are returned as
            they are.

    Raises:
        InputError: the batch is larger than the training split.
    """
    training, asking = checkpoints
    if (known := _saved(asking, recipe)) is not None:
        return known
    params = recipe.teacher
    rate = {"peak_learning_rate": params.peak_learning_rate}
    optimizer = recipe.optimizer.model_copy(update=rate)
    # One that has learnt from mixed images or smoothed labels says less of the classes beside the
    # first: Müller et al., 2019 (arXiv:1906.02629), section 4.
    whole = {"label_smoothing": 0.0, "augmentation": recipe.augmentation.model_copy(update=UNMIXED)}
    own = recipe.model_copy(update={"epochs": params.epochs, "optimizer": optimizer, **whole})
    network = Architecture(
        backbone.blocks, normalization=backbone.normalization, scaled_to=params.side
    )
    kept = {name: each for name, each in tensors.items() if not name.startswith("logits/")}
    history = training.path.with_suffix(".csv")
    print(f"Fine-tuning {backbone.name}, the teacher", file=sys.stderr)
    trained = train(network, own, data, training, history, pretrained=kept)
    answers = ask(trained.model, recipe, data, asking, seconds=sum(trained.seconds))
    training.remove()
    return answers


def answers_of_model(
    path: Path, recipe: Train, data: TrainingData, checkpoint: Checkpoint
) -> Answers:
    """Asks a model.keras of ours.

    Args:
        path: the file.
        recipe: of the network that is to learn from it.
        data: what that is trained on.
        checkpoint: of the answers. Answers that are whole are returned as they are.

    Raises:
        InputError: the file is missing or damaged, or takes other images or has other classes than
            the data.
    """
    if (known := _saved(checkpoint, recipe)) is not None:
        return known
    try:
        teacher = keras.saving.load_model(path, compile=False)
        teacher.get_layer("logits")
    except Exception as error:  # Keras lets through whatever a damaged part makes h5py or zip raise
        raise InputError(
            f"params.yaml: train.teacher.model: {path} is no model.keras that `dvc repro` made"
        ) from error
    wanted = (tuple(data.train.images.shape[1:]), data.classes)
    found = (tuple(teacher.input_shape[1:]), teacher.output_shape[-1])
    if found != wanted:
        shown = [f"{'x'.join(map(str, shape))} and {classes}" for shape, classes in (found, wanted)]
        raise InputError(
            f"params.yaml: train.teacher.model: {path} is for images and classes of {shown[0]}, "
            f"not of {shown[1]} as data/prepared has"
        )
    return ask(teacher, recipe, data, checkpoint)


def ask(
    teacher: keras.Model,
    recipe: Train,
    data: TrainingData,
    checkpoint: Checkpoint,
    *,
    seconds: float = 0,
) -> Answers:
    """Asks a teacher about the training images as they are augmented.

    Args:
        teacher: a network of ours.
        recipe: of the network that is to learn from it.
        data: what that is trained on.
        checkpoint: where the answers are kept; those that are there are not asked for again.
        seconds: how long it took to train the teacher.
    """
    views, size = recipe.teacher.views, recipe.batch_size
    logits = np.empty((views, data.images // size, size, data.classes), np.float32)
    asked = 0
    if (saved := checkpoint.load()) is not None:
        asked, seconds = len(saved[0]["logits"]), saved[1]["seconds"]
        logits[:asked] = saved[0]["logits"]
    began = perf_counter() - seconds
    answer = _answering(teacher)
    normalization = normalization_of(teacher)
    accuracy = _accuracy(answer, EvaluationBatches(data.validation, data.classes, normalization))
    batches = TrainingBatches(
        data.train, data.classes, recipe, normalization, logits, unlabelled=data.unlabelled
    )
    progress = tqdm(
        desc="ask the teacher",
        total=views * len(batches) * size,
        initial=asked * len(batches) * size,
        unit="img",
        unit_scale=True,
        mininterval=1 if sys.stderr.isatty() else 30,  # a log file wants few lines
    )
    with progress:
        for view in range(asked, views):
            batches.begin(view)
            for index in range(len(batches)):
                logits[view, index] = answer(batches[index][0]).numpy()
                progress.update(size)
            facts = {"val_accuracy": accuracy, "seconds": perf_counter() - began}
            checkpoint.save({"logits": logits[: view + 1]}, facts)
    return Answers(logits, **facts)


def _saved(checkpoint: Checkpoint, recipe: Train) -> Answers | None:
    saved = checkpoint.load()
    if saved is None or len(saved[0]["logits"]) < recipe.teacher.views:
        return None
    return Answers(saved[0]["logits"], **saved[1])


def _answering(model: keras.Model) -> Answering:
    until = keras.Model(model.input, model.get_layer("logits").output)
    answer: Answering = tf.function(
        lambda images: until(images, training=False), reduce_retracing=True
    )
    return answer


def _accuracy(answer: Answering, batches: EvaluationBatches) -> float:
    correct = [
        np.argmax(answer(images).numpy(), axis=1) == np.argmax(labels, axis=1)
        for images, labels in batches
    ]
    return float(np.concatenate(correct).mean())
