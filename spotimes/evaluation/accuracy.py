"""The FP32 and the INT8 model beside each other, on the same labelled images."""

import numpy as np
import numpy.typing as npt

from spotimes.evaluation import statistics
from spotimes.evaluation.metrics import Accuracy, Disagreement, Evaluation

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def compare(
    fp32: Probabilities, int8: Probabilities, labels: Labels, class_names: list[str], bins: int
) -> Evaluation:
    """Compares two models' answers.

    Args:
        fp32: the FP32 model's, float32, shape (images, classes).
        int8: the INT8 model's.
        labels: int64, shape (images,).
        class_names: one for each class.
        bins: of the expected calibration error.

    Returns:
        Every figure but the budgets, of which there are none yet.
    """
    fp32_class, int8_class = fp32.argmax(axis=1), int8.argmax(axis=1)
    test = statistics.mcnemar(fp32_class == labels, int8_class == labels)
    fp32_right, int8_right = np.sum(fp32_class == labels), np.sum(int8_class == labels)
    return Evaluation(
        images=len(labels),
        fp32=_accuracy(fp32, labels, class_names, bins),
        int8=_accuracy(int8, labels, class_names, bins),
        # Subtracted as counts: a difference of rounded shares could just miss a budget that it is
        # equal to.
        top1_loss=int(fp32_right - int8_right) / len(labels),
        agreement=float(np.mean(fp32_class == int8_class)),
        mcnemar=Disagreement(
            fp32_only_right=test.first_only, int8_only_right=test.second_only, p_value=test.p_value
        ),
        budgets={},
    )


def _accuracy(
    probabilities: Probabilities, labels: Labels, class_names: list[str], bins: int
) -> Accuracy:
    predicted = probabilities.argmax(axis=1)
    top1 = statistics.wilson(int(np.sum(predicted == labels)), len(labels))
    by_class = statistics.class_accuracy(predicted, labels, len(class_names))
    return Accuracy(
        top1=top1.value,
        top1_low=top1.low,
        top1_high=top1.high,
        calibration_error=statistics.expected_calibration_error(probabilities, labels, bins),
        class_top1={
            name: float(share)
            for name, share in zip(class_names, by_class, strict=True)
            if not np.isnan(share)
        },
    )
