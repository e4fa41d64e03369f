"""The FP32 and the INT8 model beside each other, on the same labelled images."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from spotimes.dataset.prepared import LabelledImages
from spotimes.errors import InputError
from spotimes.evaluation import statistics
from spotimes.evaluation.calibration import Confidence
from spotimes.evaluation.metrics import Accuracy, Disagreement, Evaluation
from spotimes.figures import ACCURACIES
from spotimes.inference.classifier import Classifier
from spotimes.system import atomic
from spotimes.tflite import softmax

BATCH = 500

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class Predictions(NamedTuple):
    """What both models answer for the test images.

    Attributes:
        test: the images and their labels.
        class_names: one for each class.
        fp32: the FP32 model's probabilities, float32, shape (images, classes).
        int8: the INT8 model's.
    """

    test: LabelledImages
    class_names: list[str]
    fp32: Probabilities
    int8: Probabilities

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """The INT8 model's, shape (classes, classes); a row for each label."""
        return statistics.confusion_matrix(
            self.int8.argmax(axis=1), self.test.labels, len(self.class_names)
        )

    def table(self) -> pd.DataFrame:
        """For each image its class, `actual`, and the INT8 model's answer, `predicted`."""
        return pd.DataFrame(
            {
                "actual": np.take(self.class_names, self.test.labels),
                "predicted": np.take(self.class_names, self.int8.argmax(axis=1)),
            }
        )


def predict(fp32: Path, int8: Path, test: LabelledImages, class_names: list[str]) -> Predictions:
    """Classifies the test images by both models.

    Args:
        fp32: the FP32 .tflite file.
        int8: the INT8 one.
        test: the images, of the size that the models take, and their labels.
        class_names: one for each class.

    Raises:
        InputError: a model cannot be run, or has another number of classes.
    """
    fp32_probabilities, int8_probabilities = (
        classify(path, test, len(class_names)) for path in (fp32, int8)
    )
    return Predictions(test, class_names, fp32_probabilities, int8_probabilities)


def classify(path: Path, test: LabelledImages, classes: int) -> Probabilities:
    """Classifies the test images by one model, as `predict` does."""
    model = Classifier(path)
    if model.classes != classes:
        raise InputError(f"{path}: has {model.classes} classes, the data has {classes}")
    starts = tqdm(range(0, len(test.labels), BATCH), desc=path.name, unit="image", unit_scale=BATCH)
    return np.concatenate([model.probabilities(test.images[i : i + BATCH]) for i in starts])


def at_temperature_1(int8: Path, test: LabelledImages, classes: int) -> Probabilities:
    """What the INT8 model would answer if its temperature were 1, as `predict` does."""
    content = softmax.with_beta(int8.read_bytes(), 1)
    with atomic.scratch(len(content)) as folder:
        path = folder / "temperature_1.tflite"
        path.write_bytes(content)
        return classify(path, test, classes)


def compare(predictions: Predictions, bins: int) -> Evaluation:
    """Compares two models' answers.

    Args:
        predictions: the answers.
        bins: of the expected calibration error.

    Returns:
        Every figure but the budgets, of which there are none yet.
    """
    labels = predictions.test.labels
    fp32, int8 = (each.argmax(axis=1) for each in (predictions.fp32, predictions.int8))
    test = statistics.mcnemar(fp32 == labels, int8 == labels)
    return Evaluation(
        images=len(labels),
        fp32=_accuracy(predictions.fp32, labels, predictions.class_names, bins),
        int8=_accuracy(predictions.int8, labels, predictions.class_names, bins),
        # Of counts: a difference of rounded shares could just miss a budget that it is equal to.
        top1_loss=(test.first_only - test.second_only) / len(labels),
        agreement=float(np.mean(fp32 == int8)),
        mcnemar=Disagreement(
            fp32_only_correct=test.first_only,
            int8_only_correct=test.second_only,
            p_value=test.p_value,
        ),
        budgets={},
    )


def _accuracy(
    probabilities: Probabilities, labels: Labels, class_names: list[str], bins: int
) -> Accuracy:
    predicted = probabilities.argmax(axis=1)
    by_class = statistics.correct_by_class(predicted, labels, class_names)
    interval = statistics.wilson(int(np.sum(predicted == labels)), len(labels))
    return Accuracy.model_validate(
        {
            figure.key: statistics.ACCURACY_STATISTICS[figure.key].value([*by_class.values()])
            for figure in ACCURACIES
        }
        | {
            "top1_low": interval.low,
            "top1_high": interval.high,
            "calibration_error": Confidence.of(probabilities, labels).error(bins),
            "class_top1": {name: float(correct.mean()) for name, correct in by_class.items()},
        }
    )
