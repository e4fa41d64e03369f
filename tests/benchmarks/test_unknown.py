import numpy as np
import pytest

from benchmarks import unknown
from benchmarks.project import MODEL
from spotimes.dataset.prepared import Split
from spotimes.inference.classifier import Classifier
from spotimes.tflite import softmax


def test_some_classes_are_left_out_and_the_others_numbered_anew() -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 2])
    images = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1)
    found = unknown.of_classes(Split(images, labels), np.array([-1, 0, 1]), None)
    assert found.images.ravel().tolist() == [1, 2, 4, 5, 6]
    assert found.labels.tolist() == [0, 1, 0, 1, 1]
    few = unknown.of_classes(Split(images, labels), np.array([1, -1, 0]), 1)
    assert sorted(few.labels.tolist()) == [0, 1]


def test_probabilities_are_those_of_the_model() -> None:
    images = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), np.uint8)
    classifier = Classifier(MODEL)
    found = unknown.probabilities(
        unknown.logits_of(MODEL, images), softmax.read(MODEL.read_bytes()).beta
    )
    # XNNPACK's logits are some steps from a microcontroller's.
    np.testing.assert_allclose(found, classifier.probabilities(images), atol=0.06)


def test_scores_of_probabilities() -> None:
    some = np.array([[0.75, 0.25, 0], [0.5, 0.25, 0.25]])
    assert unknown.largest(some).tolist() == [0.75, 0.5]
    assert unknown.margin(some).tolist() == [0.5, 0.25]
    entropies = [0.75 * np.log2(4 / 3) + 0.25 * 2, 1.5]
    assert unknown.negative_entropy(some) / np.log(2) == pytest.approx(
        [-each for each in entropies]
    )
    assert unknown.energy(np.log(some[1:]) + 3) == pytest.approx([3])


def test_phases_change_and_spectra_stay() -> None:
    images = np.full((1, 8, 8, 3), 128, np.uint8)
    images[:, ::2] = 120
    made = unknown.random_phases(images)
    assert made.shape == images.shape
    spectra = [np.abs(np.fft.fft2(each[0].astype(float), axes=(0, 1))) for each in (images, made)]
    assert spectra[1] == pytest.approx(spectra[0], abs=60)


def test_a_cell_has_share_interval_and_auroc() -> None:
    assert unknown.cell(np.array([5, 6, 7, 8]), np.array([1, 2, 6, 9]), 5) == (
        "50.0% (15.0 to 85.0), 0.656"
    )
