"""Batches of a split, as Keras reads them."""

import numpy as np
import numpy.typing as npt

from spotimes.augmentation import augment
from spotimes.dataset import Split
from spotimes.frameworks import keras
from spotimes.params.train import Augmentation

FloatArray = npt.NDArray[np.float32]


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches; each is a function of seed, epoch and place alone.

    So an epoch can be repeated or taken up after a kill without what came before it.
    """

    def __init__(
        self,
        split: Split,
        classes: int,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        """Batches of the epoch that `begin` names."""
        super().__init__()
        self.split = split
        self.classes = classes
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.begin(0)

    def __len__(self) -> int:
        return len(self.split.labels) // self.batch_size

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Images in [0, 1], float32 NHWC, and one-hot labels, float32 of (batch, classes)."""
        chosen = self.order[index * self.batch_size :][: self.batch_size]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        images = augment(self.split.images[chosen], self.augmentation, rng)
        return scaled(images), one_hot(self.split.labels[chosen], self.classes)

    def begin(self, epoch: int) -> None:
        """Shuffles anew; not left to Keras' `on_epoch_end`, which comes once before the first."""
        self.epoch = epoch
        rng = np.random.default_rng((self.seed, epoch))
        self.order = rng.permutation(len(self.split.labels))


class EvaluationBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """All of a split, in its order, as it is."""

    def __init__(self, split: Split, classes: int, batch_size: int = 500) -> None:
        """Batches of `batch_size`; the last may be smaller."""
        super().__init__()
        self.split = split
        self.classes = classes
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.split.labels) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Images in [0, 1], float32 NHWC, and one-hot labels, float32 of (batch, classes)."""
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return scaled(self.split.images[part]), one_hot(self.split.labels[part], self.classes)


def scaled(images: npt.NDArray[np.uint8]) -> FloatArray:
    """Pixels as the network takes them: exactly x/255, float32."""
    return np.divide(images, 255, dtype=np.float32)


def one_hot(labels: npt.NDArray[np.int64], classes: int) -> FloatArray:
    """Labels as rows of the identity matrix, float32 of (labels, classes)."""
    return np.eye(classes, dtype=np.float32)[labels]
