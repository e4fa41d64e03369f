"""What a cross-validation found: all folds' answers put together."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.crossvalidation.folds import Fold
from spotimes.crossvalidation.interval import share_of_groups
from spotimes.crossvalidation.pool import Pool
from spotimes.errors import InputError
from spotimes.evaluation import accuracy, metrics
from spotimes.evaluation.accuracy import Predictions
from spotimes.evaluation.metrics import Accuracy, Evaluation
from spotimes.quantization.temperature import MOST_IMAGES, Temperature, fit

CONFUSIONS = 10


class Answers(NamedTuple):
    """What a fold's networks answer for the images that it held out.

    Attributes:
        fp32: the FP32 model's probabilities, float32, shape (images, classes).
        int8: the INT8 model's.
        logits: the INT8 model's, as `spotimes.quantization.temperature.logits_of` has them.
        seconds: how long it took to train, quantize and test them.
    """

    fp32: npt.NDArray[np.float32]
    int8: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float64]
    seconds: float


class Result(NamedTuple):
    """What a cross-validation found.

    Attributes:
        pooled: of all images, each answered by the networks that did not learn it; the intervals
            are those of `spotimes.crossvalidation.interval`.
        of_folds: of the images that each fold held out.
        confusions: how many images of a class were taken for another, by the INT8 models.
        temperature: the one that all images but the test split's make most likely.
        test_split: what evaluate found of the test split alone, by the one network that is
            committed; None if it did not, or of another split.
    """

    pooled: Evaluation
    of_folds: list[Evaluation]
    confusions: list[dict[str, Any]]
    temperature: Temperature
    test_split: Evaluation | None


def result_of(
    pool: Pool, folds: Sequence[Fold], answers: Sequence[Answers], class_names: list[str], bins: int
) -> Result:
    """Puts the folds' answers together.

    Args:
        pool: all images.
        folds: which each held out.
        answers: of each fold.
        class_names: one for each class.
        bins: of the expected calibration error.
    """
    shape = (len(pool.labels), len(class_names))
    fp32, int8 = np.empty(shape, np.float32), np.empty(shape, np.float32)
    logits = np.empty(shape)
    of_folds = []
    for fold, found in zip(folds, answers, strict=True):
        fp32[fold.held_out], int8[fold.held_out] = found.fp32, found.int8
        logits[fold.held_out] = found.logits
        own = Predictions(pool.split(fold.held_out), class_names, found.fp32, found.int8)
        of_folds.append(accuracy.compare(own, bins))
    everything = Predictions(pool.split(np.arange(shape[0])), class_names, fp32, int8)
    pooled = accuracy.compare(everything, bins)
    intervals = {
        name: _with_interval(getattr(pooled, name), probabilities, pool)
        for name, probabilities in (("fp32", fp32), ("int8", int8))
    }
    return Result(
        pooled.model_copy(update=intervals),
        of_folds,
        list(_confusions(everything)),
        _temperature(logits, pool),
        _of_test_split(pool.sizes[-1]),
    )


def _temperature(logits: npt.NDArray[np.float64], pool: Pool) -> Temperature:
    # A choice: so none of the test split, whose images are the pool's last.
    count = sum(pool.sizes[:-1])
    chosen = np.random.default_rng(1).permutation(count)[:MOST_IMAGES]
    return fit(logits[chosen], pool.labels[chosen])


def _with_interval(found: Accuracy, probabilities: accuracy.Probabilities, pool: Pool) -> Accuracy:
    share = share_of_groups(probabilities.argmax(axis=1) == pool.labels, pool.groups)
    return found.model_copy(update={"top1_low": share.low, "top1_high": share.high})


def _confusions(predictions: Predictions) -> Iterator[dict[str, Any]]:
    """The most frequent first, at most `CONFUSIONS`."""
    counts = predictions.confusion
    totals, names = counts.sum(axis=1), predictions.class_names
    np.fill_diagonal(counts, 0)
    for index in np.argsort(-counts, axis=None, kind="stable")[:CONFUSIONS].tolist():
        actual, predicted = divmod(index, len(names))
        if counts[actual, predicted]:
            yield {
                "actual": names[actual],
                "predicted": names[predicted],
                "images": int(counts[actual, predicted]),
                "of": int(totals[actual]),
            }


def _of_test_split(images: int) -> Evaluation | None:
    try:
        found = metrics.load("evaluate", Evaluation)
    except InputError:
        return None
    return found if found.images == images else None
