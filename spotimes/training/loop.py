"""Trains a network by a recipe."""

from pathlib import Path
from typing import NamedTuple

from spotimes.blocks import Architecture
from spotimes.dataset.backbone import Tensors
from spotimes.dataset.image_file import ImageSource
from spotimes.dataset.prepared import LabelledImages
from spotimes.errors import InputError
from spotimes.nn import network as networks
from spotimes.nn.frameworks import keras
from spotimes.params.train import Train
from spotimes.training import distillation, optimizer
from spotimes.training.batch_norm import FusedBatchNormalization
from spotimes.training.batches import EvaluationBatches, FloatArray, TrainingBatches
from spotimes.training.checkpoint import Checkpoint, Resume
from spotimes.training.fine_tuning import shares
from spotimes.training.kept_weights import AverageWeights, KeepWeights
from spotimes.training.pretrained import set_pretrained
from spotimes.training.progress import History, Progress
from spotimes.training.pruned_weights import pruned


class TrainingData(NamedTuple):
    """What a network is trained on.

    Attributes:
        train: the images that it learns from.
        validation: the images that each epoch is measured on.
        classes: how many classes the labels are of.
        unlabelled: images without labels, of which a teacher's answers alone can be learned.
    """

    train: LabelledImages
    validation: LabelledImages
    classes: int
    unlabelled: ImageSource | None = None

    @property
    def images(self) -> int:
        """How many images it learns from."""
        return len(self.train.labels) + len(self.unlabelled if self.unlabelled is not None else ())


class Trained(NamedTuple):
    """What a run gives.

    Attributes:
        model: the network with the kept weights, not compiled.
        epoch: the epoch that they are from, from 1.
        val_accuracy: their accuracy on the validation split.
        best_val_accuracy: the highest of all epochs.
        epochs: how many epochs were trained.
        seconds: how long each of them took, validation included.
    """

    model: keras.Model
    epoch: int
    val_accuracy: float
    best_val_accuracy: float
    epochs: int
    seconds: list[float]


def train(
    network: Architecture,
    recipe: Train,
    data: TrainingData,
    checkpoint: Checkpoint,
    history_csv: Path,
    *,
    pretrained: Tensors | None = None,
    answers: FloatArray | None = None,
) -> Trained:
    """Trains from the beginning, or from where `checkpoint` says that a killed run was.

        data = TrainingData(load_split("train"), load_split("validation"), classes=10)
        make_deterministic(recipe.seed, recipe.threads)
        trained = train(network, recipe, data, Checkpoint(path, key), Path("history.csv"))
        keras_archive.save(trained.model, Path("model.keras"))

    Args:
        network: the architecture.
        recipe: how to train it. Its threads and seed have effect by `make_deterministic` alone,
            which must be called before.
        data: what to train it on.
        checkpoint: where the run's state is kept from epoch to epoch.
        history_csv: the file that gets a row for each epoch.
        pretrained: weights to begin with, by `spotimes.dataset.backbone`'s names. Layers that they
            do not name begin with random ones. Where the network is narrower than they are, the
            channels stay that lose least (`spotimes.training.pruned_weights`).
        answers: a teacher's, which are learned from instead of the labels, as
            `spotimes.training.teacher.ask` gives them. Without them images without labels are not
            looked at.

    Raises:
        InputError: the batch is larger than the training split, or the network does not fit the
            images.
    """
    if answers is None:
        data = data._replace(unlabelled=None)
    if recipe.batch_size > data.images:
        raise InputError(
            f"params.yaml: train.batch_size: {recipe.batch_size} is not allowed: there are only "
            f"{data.images} training images"
        )
    height, width, channels = data.train.images.shape[1:]
    shape = (height, width, channels)
    fused = networks.build(network, shape, data.classes, norm=FusedBatchNormalization)
    set_pretrained(fused, network, pruned(pretrained or {}, network, data.train.images))
    average = AverageWeights(recipe.averaging)
    keep = KeepWeights(average, best=recipe.keep == "best", patience=recipe.patience)
    history = History(history_csv)
    resume = Resume(checkpoint, history, [average, keep])
    batches = TrainingBatches(
        data.train,
        data.classes,
        recipe,
        network.normalization,
        answers,
        unlabelled=data.unlabelled,
    )
    validation = EvaluationBatches(data.validation, data.classes, network.normalization)
    reshuffle = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
    progress = Progress(recipe.epochs, len(batches), recipe.batch_size, done=resume.done)
    trained_layers = {name.partition("/")[0] for name in pretrained or {}}
    of_rate = None
    if trained_layers:
        of_rate = shares(fused, network, trained_layers, recipe.fine_tuning, len(batches))
    made = optimizer.make(recipe.optimizer, recipe.epochs * len(batches), of_rate)
    _compiled(fused, recipe, made, taught=answers is not None).fit(
        batches.stream(),
        initial_epoch=resume.done,
        epochs=resume.done if resume.stopped else recipe.epochs,
        validation_data=validation.stream(),
        callbacks=[reshuffle, average, keep, history, resume, progress],
        verbose=0,
    )
    history.write()
    model = networks.build(network, shape, data.classes)
    model.set_weights(keep.weights)
    return Trained(
        model,
        keep.epoch,
        keep.accuracy,
        best_val_accuracy=max(row["val_accuracy"] for row in history.rows),
        epochs=len(history.rows),
        seconds=history.seconds,
    )


def _compiled(
    model: keras.Model, recipe: Train, made: keras.optimizers.Optimizer, *, taught: bool
) -> keras.Model:
    """A model of the same layers that ends before softmax, whose loss is steadier from there."""
    logits = keras.Model(model.input, model.get_layer("logits").output)
    classes = logits.output_shape[-1]
    by_labels = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )
    by_answers = distillation.loss(classes, recipe.teacher.temperature, by_labels)
    logits.compile(
        made,
        by_answers if taught else by_labels,
        metrics=[distillation.Accuracy(classes) if taught else "accuracy"],
        jit_compile=False,  # XLA on the CPU makes depthwise convolutions ten times slower
    )
    logits.optimizer.build(logits.trainable_variables)
    return logits
