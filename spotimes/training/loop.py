"""Trains a network by a recipe."""

from pathlib import Path
from typing import NamedTuple

from spotimes.dataset.prepared import LabelledImages
from spotimes.errors import InputError
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras
from spotimes.params.network import Network
from spotimes.params.train import Train
from spotimes.training import optimizer
from spotimes.training.batch_norm import FusedBatchNormalization
from spotimes.training.batches import EvaluationBatches, TrainingBatches
from spotimes.training.callbacks import AverageWeights, History, KeepWeights, Progress, Resume
from spotimes.training.checkpoint import Checkpoint


class Trained(NamedTuple):
    """What a run gives.

    Attributes:
        model: with the kept weights, not compiled.
        epoch: the epoch that they are from, from 1.
        val_accuracy: their accuracy on the validation split.
        best_val_accuracy: the highest of all epochs.
        epochs: how many were trained.
        seconds: how long each of them took, validation included.
    """

    model: keras.Model
    epoch: int
    val_accuracy: float
    best_val_accuracy: float
    epochs: int
    seconds: list[float]


def train(
    network: Network,
    recipe: Train,
    train_split: LabelledImages,
    validation_split: LabelledImages,
    classes: int,
    checkpoint: Checkpoint,
    history_csv: Path,
) -> Trained:
    """Trains from scratch, or from where `checkpoint` says that a killed run was.

    Args:
        network: the architecture.
        recipe: how to train it; its threads and seed are for `make_deterministic`, to be called
            before.
        train_split: what it learns from.
        validation_split: what each epoch is measured on.
        classes: how many there are.
        checkpoint: where the run's state is kept from epoch to epoch.
        history_csv: gets one row an epoch.

    Raises:
        InputError: the batch is larger than the training split, or the network does not fit the
            images.
    """
    if recipe.batch_size > len(train_split.labels):
        raise InputError(
            f"params.yaml: train.batch_size: {recipe.batch_size} is not allowed: there are only "
            f"{len(train_split.labels)} training images"
        )
    height, width, channels = train_split.images.shape[1:]
    shape = (height, width, channels)
    fused = networks.build(network, shape, classes, norm=FusedBatchNormalization)
    average = AverageWeights(recipe.averaging)
    keep = KeepWeights(average, recipe.keep == "best", recipe.patience)
    history = History(history_csv)
    resume = Resume(checkpoint, history, [average, keep])
    batches = TrainingBatches(
        train_split,
        classes,
        recipe.batch_size,
        recipe.augmentation,
        recipe.epochs,
        recipe.seed,
        recipe.class_balance,
    )
    reshuffle = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
    progress = Progress(recipe.epochs, len(batches), recipe.batch_size, resume.done)
    _compiled(fused, recipe, steps=recipe.epochs * len(batches)).fit(
        batches.stream(),
        initial_epoch=resume.done,
        epochs=resume.done if resume.stopped else recipe.epochs,
        validation_data=EvaluationBatches(validation_split, classes).stream(),
        callbacks=[reshuffle, average, keep, history, resume, progress],
        verbose=0,
    )
    history.write()
    model = networks.build(network, shape, classes)
    model.set_weights(keep.weights)
    return Trained(
        model,
        keep.epoch,
        keep.accuracy,
        max(row["val_accuracy"] for row in history.rows),
        len(history.rows),
        history.seconds,
    )


def _compiled(model: keras.Model, recipe: Train, steps: int) -> keras.Model:
    """A model of the same layers that ends before softmax, whose loss is steadier from there."""
    logits = keras.Model(model.input, model.get_layer("logits").output)
    logits.compile(
        optimizer.make(recipe.optimizer, steps),
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=["accuracy"],
        jit_compile=False,  # XLA on the CPU makes depthwise convolutions ten times slower
    )
    logits.optimizer.build(logits.trainable_variables)
    return logits
