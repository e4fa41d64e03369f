"""One temperature that makes a classifier's probabilities as often right as they say.

Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599), section 4.2: the
logits are divided by it, which changes no answer. It is found by likelihood, from the logits of
images that the network did not learn.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.dataset.prepared import LabelledImages
from spotimes.export import graph, reference
from spotimes.pixels import to_int8
from spotimes.tflite import softmax

CANDIDATES = np.arange(20, 501) / 100
MOST_IMAGES = 5_000  # more make it no surer than it need be
UNCERTAIN = 1.25  # an interval whose ends differ by this factor
MOST_LOST = 500
DRAWS = 500
_BATCH = 500

Logits = npt.NDArray[np.float64]  # shape (images, classes)
Labels = npt.NDArray[np.int64]  # shape (images,)


class Temperature(NamedTuple):
    """What the logits are divided by.

    Attributes:
        value: the temperature.
        low: lower end of its 95% interval; None where it was not fitted.
        high: upper end.
        images: how many it was fitted on.
    """

    value: float
    low: float | None = None
    high: float | None = None
    images: int = 0

    @property
    def beta(self) -> float:
        """The softmax' beta."""
        return float(np.float32(1 / self.value))

    @property
    def is_uncertain(self) -> bool:
        """Whether more images would make it much surer."""
        return self.low is not None and self.high is not None and self.high > UNCERTAIN * self.low

    def __str__(self) -> str:
        if self.low is None:
            return f"temperature {self.value:g}"
        return (
            f"temperature {self.value:g} (95% interval {self.low:g} to {self.high:g}), from "
            f"{self.images:,} images"
        )


def logits_of(content: bytes, split: LabelledImages) -> Logits:
    """An INT8 model's logits, in real values, less those of each image's answer.

    They are computed as a microcontroller does, in integers, so on every machine alike; each is a
    whole number of the logits' scale.

    Args:
        content: the .tflite file.
        split: the images.
    """
    network, scale = graph.read(content, "the INT8 model"), softmax.read(content).scale
    starts = tqdm(range(0, len(split.labels), _BATCH), desc="logits", unit_scale=_BATCH, unit="img")
    values = np.concatenate(
        [
            reference.logits(network, to_int8(split.images[start : start + _BATCH]))
            for start in starts
        ]
    )
    steps: Logits = values.astype(np.float64)
    steps -= steps.max(axis=1, keepdims=True)
    return steps * scale


def fit(logits: Logits, labels: Labels) -> Temperature:
    """Finds the most likely of `CANDIDATES`, and how sure that is.

    A few images that are all answered correctly would have it as low as can be. So each label is
    believed a little less: of n images the one more that Laplace's rule adds, 1 / (n + 2), goes to
    the other classes (Platt 1999, Probabilistic Outputs for Support Vector Machines, section 2.2,
    for two classes). Of 1,000 images of the default this moves it from 0.64 to 0.65.

    An INT8 probability has steps of 1/256: what is flattened too much loses the difference between
    the first and the second class. So no candidate is taken by which one more in `MOST_LOST` images
    than by 1 has another answer; of the default's test images none has at 2, one in 10,000 at 2.5.

    Neighbouring candidates' sums differ by far more than the last bits in which exp and log may
    differ between machines, so the choice is the same on all.

    Args:
        logits: of images that the network did not learn.
        labels: theirs.

    Returns:
        The temperature, its interval by the bootstrap over images (percentiles of `DRAWS`).
    """
    keeping = _keeping_answers(logits)
    tried, losses = CANDIDATES[keeping], _losses(logits, labels)[:, keeping]
    generator = np.random.default_rng(1)
    count = len(labels)
    drawn = np.stack(
        [
            np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
            for _ in range(DRAWS)
        ]
    )
    found = tried[(drawn @ losses).argmin(axis=1)]
    low, high = np.percentile(found, [2.5, 97.5], method="nearest")
    best = tried[losses.sum(axis=0).argmin()]
    return Temperature(float(best), float(low), float(high), count)


def _losses(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """Each image's cross-entropy at each candidate, shape (images, candidates)."""
    count, classes = logits.shape
    doubt = 1 / (count + 2)
    believed = np.full(logits.shape, doubt / (classes - 1))
    believed[np.arange(count), labels] = 1 - doubt
    expected = (believed * logits).sum(axis=1)
    losses = np.empty((count, len(CANDIDATES)))
    for column, temperature in enumerate(CANDIDATES):
        total = np.exp(logits / temperature).sum(axis=1)
        losses[:, column] = np.log(total) - expected / temperature
    return losses


def _keeping_answers(logits: Logits) -> npt.NDArray[np.bool_]:
    """Which candidates leave most images with their answer once rounded."""
    answers = logits.argmax(axis=1)
    lost = np.empty(len(CANDIDATES), np.int64)
    for index, temperature in enumerate(CANDIDATES):
        exponentials = np.exp(logits / temperature)
        shares = np.rint(256 * exponentials / exponentials.sum(axis=1, keepdims=True))
        lost[index] = np.count_nonzero(np.minimum(shares, 255).argmax(axis=1) != answers)
    found: npt.NDArray[np.bool_] = lost <= lost[CANDIDATES == 1] + len(logits) // MOST_LOST
    return found
