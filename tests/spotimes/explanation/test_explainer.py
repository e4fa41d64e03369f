import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.errors import InputError
from spotimes.explanation.explainer import Explainer, Explanation
from spotimes.inference.classifier import Classifier
from tests.project import ROOT
from tests.spotimes.explanation.models import with_ending

FP32 = ROOT / "models/model_fp32.tflite"
INT8 = ROOT / "models/model_int8.tflite"


def pictures(classifier: Classifier, count: int) -> npt.NDArray[np.uint8]:
    """Noise, smooth enough to have parts."""
    height, width, channels = classifier.image_shape
    shape = (count, -(-height // 4), -(-width // 4), channels)
    coarse = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]


def explained(path: Path, count: int) -> list[Explanation]:
    classifier = Classifier(path)
    explainer = Explainer(classifier)
    return [explainer.explain(image) for image in pictures(classifier, count)]


def test_the_answer_is_the_classifiers() -> None:
    classifier = Classifier(INT8)
    expected = classifier.probabilities(pictures(classifier, 20))
    np.testing.assert_array_equal([each.probabilities for each in explained(INT8, 20)], expected)


def test_maps_and_bias_sum_to_the_logits_of_an_fp32_model() -> None:
    for each in explained(FP32, 5):
        assert each.remainders is not None
        assert each.method == "shares"
        np.testing.assert_allclose(each.remainders, 0, atol=1e-4)


def test_and_to_those_of_an_int8_model_but_for_rounding() -> None:
    steps = []
    for each in explained(INT8, 20):
        assert each.logits is not None
        assert each.remainders is not None
        steps += list(np.abs(each.remainders) / each.logits.step)
    assert np.mean(np.array(steps) <= 1) > 0.9
    assert np.max(steps) > 0  # it is measured against what the network computes


def test_each_position_has_the_share_that_its_features_give_it() -> None:
    """What is computed behind a position alone is changed, so only its share may change."""
    classifier = Classifier(FP32)
    height, width, channels = classifier.image_shape
    image = np.zeros((height, width, channels), np.uint8)
    explainer = Explainer(classifier)
    before = explainer.explain(image).maps
    image[: height // 8, : width // 8] = 255
    change = np.abs(explainer.explain(image).maps - before).sum(axis=0)
    assert np.unravel_index(change.argmax(), change.shape)[0] < change.shape[0] / 2
    assert change[0, 0] > 4 * change[-1, -1]


@pytest.mark.parametrize("quantized", [True, False])
def test_a_network_of_another_ending_is_explained_by_occlusion(
    tmp_path: Path, quantized: bool
) -> None:
    path = with_ending(tmp_path / "model.tflite", "dense", "dense", "softmax", quantized=quantized)
    classifier = Classifier(path)
    image = pictures(classifier, 1)[0]
    found = Explainer(classifier).explain(image)
    assert (found.method, found.remainders) == ("occlusion", None)
    assert found.maps.shape == (3, 6, 5)
    assert np.ptp(found.maps, axis=(1, 2)).min() > 0
    np.testing.assert_array_equal(found.probabilities, classifier.probabilities(image))


def test_an_occlusion_map_says_by_how_much_blanking_a_place_lowers_the_score(
    tmp_path: Path,
) -> None:
    """Without softmax, what the classifier puts out is the score."""
    path = with_ending(tmp_path / "model.tflite", "dense", "dense", quantized=False)
    classifier = Classifier(path)
    image = pictures(classifier, 1)[0]
    blanked = image.copy()
    blanked[2:5, :2] = np.rint(image.mean(axis=(0, 1)))
    fall = classifier.probabilities(image) - classifier.probabilities(blanked)
    maps = Explainer(classifier).explain(image).maps
    np.testing.assert_allclose(maps[:, 3, 0], fall, atol=1e-4)
    assert np.abs(fall).max() > 0.01


@pytest.mark.parametrize(
    "image",
    [np.zeros((32, 32), np.uint8), np.zeros((1, 32, 32, 3), np.uint8), np.zeros((32, 32, 3))],
)
def test_an_image_of_another_shape_or_type_is_refused(image: Any) -> None:
    with pytest.raises(InputError, match=r"^the image is .*, not uint8 or int8 of shape"):
        Explainer(Classifier(INT8)).explain(image)


def test_a_file_that_has_become_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    shutil.copy(INT8, path)
    classifier = Classifier(path)
    with_ending(path, "dense", "softmax")
    with pytest.raises(InputError, match="has changed since it was loaded"):
        Explainer(classifier)
