import numpy as np
import pytest

from spotimes.evaluation.accuracy import compare

LABELS = np.array([0, 0, 1, 1])
FP32 = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
INT8 = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]], np.float32)


def test_two_models_on_four_images() -> None:
    found = compare(FP32, INT8, LABELS, ["cat", "dog"], bins=4)
    assert (found.fp32.top1, found.int8.top1, found.top1_loss) == (0.75, 0.5, 0.25)
    assert found.agreement == 0.75
    assert found.mcnemar.model_dump() == {
        "fp32_only_right": 1,
        "int8_only_right": 0,
        "p_value": 1.0,
    }
    assert found.fp32.class_top1 == {"cat": 1.0, "dog": 0.5}
    assert found.int8.top1_low < 0.5 < found.int8.top1_high
    assert found.int8.calibration_error == pytest.approx(
        (0.1 + abs(1 - 0.6 - 0.6 - 0.7)) / 4, abs=1e-6
    )


def test_a_class_without_images_is_left_out() -> None:
    found = compare(FP32[:2], INT8[:2], LABELS[:2], ["cat", "dog"], bins=10)
    assert found.int8.class_top1 == {"cat": 0.5}
