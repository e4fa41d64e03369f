import numpy as np
import numpy.typing as npt
import pytest

from spotimes.nn.frameworks import keras, tf
from spotimes.training import distillation

CLASSES = 4
BY_LABELS = keras.losses.CategoricalCrossentropy(from_logits=True)

pytestmark = pytest.mark.usefixtures("reseed")


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_loss_is_the_divergence_from_the_teacher_s_softmax(temperature: float) -> None:
    generator = np.random.default_rng(1)
    labels = np.eye(CLASSES)[generator.integers(0, CLASSES, 6)]
    answers, logits = generator.normal(size=(2, 6, CLASSES)) * 3
    wanted = tf.constant(np.concatenate([labels, answers], axis=1), tf.float32)
    loss = distillation.loss(CLASSES, temperature, BY_LABELS)
    teacher, ours = softmax(answers / temperature), softmax(logits / temperature)
    expected = temperature**2 * (teacher * np.log(teacher / ours)).sum(axis=1)
    found = loss(wanted, tf.constant(logits, tf.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    same = loss(wanted, tf.constant(answers, tf.float32)).numpy()
    np.testing.assert_allclose(same, 0, atol=1e-5)


def test_without_answers_the_labels_count() -> None:
    logits = tf.constant(np.random.default_rng(1).normal(size=(6, CLASSES)), tf.float32)
    labels = tf.constant(np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 3, 0, 1]])
    found = distillation.loss(CLASSES, 3, BY_LABELS)(labels, logits)
    np.testing.assert_allclose(found, BY_LABELS(labels, logits))


def test_accuracy_is_by_the_labels_not_the_answers() -> None:
    labels = np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 3]]
    logits = np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 0]]
    wanted = np.concatenate([labels, logits * 9], axis=1)
    for each in (wanted, labels):
        metric = distillation.Accuracy(CLASSES)
        assert metric.name == "accuracy"  # the history's column
        metric.update_state(tf.constant(each), tf.constant(logits))
        assert float(metric.result()) == 0.75


def test_accuracy_counts_an_image_as_far_as_it_has_a_label() -> None:
    """The first is right and has a label, the second is wrong and has half of one."""
    labels = np.array([[0, 1, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    logits = np.eye(CLASSES, dtype=np.float32)[[1, 2, 0]]
    metric = distillation.Accuracy(CLASSES)
    metric.update_state(tf.constant(labels), tf.constant(logits))
    assert float(metric.result()) == pytest.approx(1 / 1.5)
    metric.reset_state()
    metric.update_state(tf.constant(labels[2:]), tf.constant(logits[2:]))
    assert float(metric.result()) == 0
