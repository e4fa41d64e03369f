"""The loss of a network that learns from another's answers.

What it is to give is float32 of (batch, 2 classes): how much each class counts by the labels, and
behind that the teacher's logits.
"""

from collections.abc import Callable

from spotimes.nn.frameworks import keras, tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def loss(classes: int, temperature: float, by_labels: Loss) -> Loss:
    """Makes the loss: the Kullback-Leibler divergence of the network's softmax from the teacher's.

    Both logits are divided by the temperature; the loss is multiplied by its square, so that the
    gradients do not depend on it. Hinton et al., 2015 (arXiv:1503.02531), section 2.

    Args:
        classes: how many there are.
        temperature: above 0.
        by_labels: the loss of what has no answers, as the validation images.

    Returns:
        A function of what is wanted and of logits, float32 of (batch, classes).
    """

    def divergence(wanted: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if wanted.shape[-1] == classes:
            return by_labels(wanted, logits)
        answers = wanted[:, classes:] / temperature
        probabilities = tf.nn.softmax(answers)
        differences = tf.nn.log_softmax(answers) - tf.nn.log_softmax(logits / temperature)
        return temperature**2 * tf.reduce_sum(probabilities * differences, axis=-1)

    return divergence


class Accuracy(keras.metrics.Mean):  # type: ignore[misc]  # Keras gives no types
    """The share of labelled images whose most probable class is the label's.

    One that is mixed with an image without a label counts by its share.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="accuracy")
        self.classes = classes

    def update_state(self, wanted: tf.Tensor, logits: tf.Tensor, **_: object) -> None:
        """Counts a batch: what is wanted of it, and logits, float32 of (batch, classes).

        Keras also gives a `sample_weight`, which is None for what is not to be weighted by it.
        """
        labels = wanted[:, : self.classes]
        right = tf.equal(tf.argmax(labels, axis=-1), tf.argmax(logits, axis=-1))
        super().update_state(tf.cast(right, tf.float32), tf.reduce_sum(labels, axis=-1))
