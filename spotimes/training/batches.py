"""Batches of a split, as Keras reads them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource, Joined
from spotimes.dataset.prepared import LabelledImages
from spotimes.nn.frameworks import tf
from spotimes.params.train import Train
from spotimes.pixels import PLAIN, Normalization, to_float32
from spotimes.training.augmentation import augment, cut_mix

FloatArray = npt.NDArray[np.float32]

PIXELS_AT_ONCE = 500 * 32 * 32  # in an evaluation batch: its activations are many times larger


class Batches(ABC):
    """The batches of an epoch, by their index."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> tuple[FloatArray, ...]: ...

    def __iter__(self) -> Iterator[tuple[FloatArray, ...]]:
        return (self[index] for index in range(len(self)))

    def stream(self) -> tf.data.Dataset:
        """Returns an epoch's batches for `fit`, which makes the next ones while it trains on one.

        A stream that Keras makes by itself tunes itself, and `fit` waits at the end of each epoch
        until the tuner's thread wakes: 13 s after an epoch of 20 s.
        """
        signature = tuple(tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in self[0])
        options = tf.data.Options()
        options.autotune.enabled = False
        return (
            tf.data.Dataset.from_generator(lambda: iter(self), output_signature=signature)
            .apply(tf.data.experimental.assert_cardinality(len(self)))
            .prefetch(2)
            .with_options(options)
        )


class TrainingBatches(Batches):
    """Shuffled, augmented batches; each is a function of seed, epoch and index alone.

    So an epoch can be repeated, or resumed after a kill, without what came before it:

        batches = TrainingBatches(load_split("train"), classes=10, recipe=recipe)
        batches.begin(3)
        images, targets = batches[0]  # the first batch of the fourth epoch

    Args:
        split: the images to train on.
        classes: how many classes the labels are of.
        recipe: its batch size, augmentation, epochs, seed and class balance count.
        normalization: of the images.
        answers: a teacher's logits for the first epochs' batches, float32 of (epochs, batches,
            batch, classes); later epochs are these again.
        unlabelled: images without labels, which an epoch shows once each among the others.
    """

    def __init__(
        self,
        split: LabelledImages,
        classes: int,
        recipe: Train,
        normalization: Normalization = PLAIN,
        answers: FloatArray | None = None,
        *,
        unlabelled: ImageSource | None = None,
    ) -> None:
        self.normalization = normalization
        self.labels = split.labels
        self.images = split.images if unlabelled is None else Joined(split.images, unlabelled)
        self.classes = classes
        self.batch_size = recipe.batch_size
        self.augmentation = recipe.augmentation
        self.answers = answers
        epochs = recipe.epochs if answers is None else len(answers)
        self.mixed_epochs = round(recipe.augmentation.cutmix_until * epochs)
        self.seed = recipe.seed
        self.balance = recipe.class_balance
        self.class_weights = class_weights(split.labels, classes)
        self.begin(0)

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __getitem__(self, index: int) -> tuple[FloatArray, ...]:
        """Returns normalized images, float32 NHWC, and targets, float32 of (batch, classes).

        A target is how much each class counts, 1 in sum; without `cutmix` it is one-hot. That of an
        image without a label is 0. With the balance `weights` there is each image's weight, too,
        float32 of (batch,). With a teacher's answers the targets are followed by these, (batch,
        2 classes) in all.
        """
        # Sorted, for a disk's sake; a batch has no order.
        chosen = np.sort(self.order[index * self.batch_size :][: self.batch_size])
        rng = np.random.default_rng((self.seed, self.epoch, index))
        images = augment(self.images[chosen], self.augmentation, rng)
        targets = self._targets(chosen)
        if self.augmentation.cutmix and self.epoch < self.mixed_epochs:
            images, targets = cut_mix(images, targets, self.augmentation.cutmix, rng)
        wanted = targets
        if self.answers is not None:
            wanted = np.concatenate([targets, self.answers[self.epoch, index]], axis=1)
        batch = to_float32(images, self.normalization), wanted
        return (*batch, self._weights(targets)) if self.balance == "weights" else batch

    def _targets(self, chosen: npt.NDArray[np.intp]) -> FloatArray:
        targets = np.zeros((len(chosen), self.classes), np.float32)
        labelled = chosen < len(self.labels)
        targets[labelled] = one_hot(self.labels[chosen[labelled]], self.classes)
        return targets

    def _weights(self, targets: FloatArray) -> FloatArray:
        """Of each image; what has no label counts as an image of mean weight does."""
        weights: FloatArray = targets @ self.class_weights
        if len(self.images) > len(self.labels):
            weights += 1 - targets.sum(axis=1)
        return weights

    def begin(self, epoch: int) -> None:
        """Shuffles the images for an epoch, counted from 0."""
        self.epoch = epoch if self.answers is None else epoch % len(self.answers)
        rng = np.random.default_rng((self.seed, self.epoch))
        if self.balance == "sampling":
            labelled = _equal_shares(self.labels, self.classes, rng)
            unlabelled = np.arange(len(self.labels), len(self.images))
            self.order = rng.permutation(np.concatenate([labelled, unlabelled]))
        else:
            self.order = rng.permutation(len(self.images))


class EvaluationBatches(Batches):
    """All images of a split, in its order and unchanged.

    A batch is of at most `PIXELS_AT_ONCE` pixels or of one image; the last may be smaller.

    Args:
        split: the images.
        classes: how many classes the labels are of.
        normalization: of the images.
    """

    def __init__(
        self, split: LabelledImages, classes: int, normalization: Normalization = PLAIN
    ) -> None:
        self.normalization = normalization
        self.split = split
        self.classes = classes
        height, width = split.images.shape[1:3]
        self.batch_size = max(1, PIXELS_AT_ONCE // (height * width))

    def __len__(self) -> int:
        return -(-len(self.split.labels) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Returns normalized images, float32 NHWC, and one-hot labels, (batch, classes)."""
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        images = to_float32(self.split.images[part], self.normalization)
        return images, one_hot(self.split.labels[part], self.classes)


def one_hot(labels: npt.NDArray[np.int64], classes: int) -> FloatArray:
    """Returns the labels as rows of the identity matrix, float32 of (labels, classes)."""
    return np.eye(classes, dtype=np.float32)[labels]


def class_weights(labels: npt.NDArray[np.int64], classes: int) -> FloatArray:
    """Returns weights by which each class counts alike, float32 of (classes,).

    A class' weight is images / (classes with images * images of the class), or 0 without an image;
    the mean over all images is 1.
    """
    counts = np.bincount(labels, minlength=classes)
    shares = counts * np.count_nonzero(counts)
    weights = np.divide(len(labels), shares, out=np.zeros(classes), where=counts > 0)
    return weights.astype(np.float32)


def _equal_shares(
    labels: npt.NDArray[np.int64], classes: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """As many indices as there are labels; the classes' counts differ by at most one."""
    present = np.flatnonzero(np.bincount(labels, minlength=classes))
    share, more = divmod(len(labels), len(present))
    indices = []
    for rank, label in enumerate(rng.permutation(present)):
        of_class = np.flatnonzero(labels == label)
        count = share + (rank < more)
        # Every image comes once before one comes again.
        rounds = [rng.permutation(of_class) for _ in range(-(-count // len(of_class)))]
        indices.append(np.concatenate(rounds)[:count] if rounds else of_class[:0])
    return np.concatenate(indices)
