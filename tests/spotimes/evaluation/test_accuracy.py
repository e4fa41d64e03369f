import numpy as np
import pytest

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions, compare

LABELS = np.array([0, 0, 1, 1])
FP32 = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
INT8 = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]], np.float32)


def predictions(images: int) -> Predictions:
    test = Split(np.zeros((images, 2, 2, 1), np.uint8), LABELS[:images])
    return Predictions(test, ["cat", "dog"], FP32[:images], INT8[:images])


def test_two_models_on_four_images() -> None:
    found = compare(predictions(4), bins=4)
    assert (found.fp32.top1, found.int8.top1, found.top1_loss) == (0.75, 0.5, 0.25)
    assert found.agreement == 0.75
    assert found.mcnemar.model_dump() == {
        "fp32_only_correct": 1,
        "int8_only_correct": 0,
        "p_value": 1.0,
    }
    assert found.fp32.class_top1 == {"cat": 1.0, "dog": 0.5}
    assert found.fp32.balanced_accuracy == 0.75
    assert found.fp32.worst_class == 0.5
    assert found.int8.top1_low < 0.5 < found.int8.top1_high
    assert found.int8.calibration_error == pytest.approx(
        (0.1 + abs(1 - 0.6 - 0.6 - 0.7)) / 4, abs=1e-6
    )


def test_a_class_without_images_is_ignored() -> None:
    found = compare(predictions(2), bins=10)
    assert found.int8.class_top1 == {"cat": 0.5}
    assert found.int8.balanced_accuracy == 0.5
    assert found.int8.worst_class == 0.5


def test_predictions_as_a_table_and_a_matrix() -> None:
    found = predictions(4)
    assert found.confusion.tolist() == [[1, 1], [1, 1]]
    assert found.table().to_dict("list") == {
        "actual": ["cat", "cat", "dog", "dog"],
        "predicted": ["cat", "dog", "dog", "cat"],
    }
