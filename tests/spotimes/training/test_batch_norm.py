from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Split, SplitName
from spotimes.nn.frameworks import keras, tf
from spotimes.nn.network import build
from spotimes.pixels import to_float32
from spotimes.training.batch_norm import FusedBatchNormalization

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def images(cifar10: dict[SplitName, Split]) -> Any:
    return tf.constant(to_float32(cifar10["train"].images[:16]))


@pytest.fixture
def layers() -> tuple[Any, Any]:
    """Keras' own and ours, with the same weights."""
    own, fused = (
        kind(momentum=0.9) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)
    )
    rng = np.random.default_rng(1)
    weights = [rng.uniform(0.5, 1.5, 3).astype(np.float32) for _ in range(4)]
    for layer in (own, fused):
        layer.build((None, 32, 32, 3))
        layer.set_weights(weights)
    return own, fused


def test_training_computes_what_keras_computes(layers: tuple[Any, Any], images: Any) -> None:
    results = []
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs**3)
        gradients = tape.gradient(loss, [images, layer.gamma, layer.beta])
        results.append([outputs, *gradients])
    for ours, keras_own in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-3, atol=1e-3)


def test_the_moving_variance_is_that_of_the_unbiased_one(
    layers: tuple[Any, Any], images: Any
) -> None:
    before = layers[1].moving_variance.numpy()
    for layer in layers:
        layer(images, training=True)
    own, fused = layers
    np.testing.assert_allclose(fused.moving_mean, own.moving_mean, rtol=1e-5)
    count = 16 * 32 * 32
    biased = (own.moving_variance - 0.9 * before) / 0.1
    unbiased = (fused.moving_variance - 0.9 * before) / 0.1
    np.testing.assert_allclose(unbiased / biased, count / (count - 1), rtol=1e-5)


def test_inference_is_keras_own(layers: tuple[Any, Any], images: Any) -> None:
    own, fused = (layer(images, training=False).numpy() for layer in layers)
    np.testing.assert_array_equal(fused, own)
    for layer in layers:
        assert layer.moving_mean.numpy().max() > 0.5  # left as it was


def test_a_network_of_them_has_the_weights_of_one_of_keras_own(network: Architecture) -> None:
    own, fused = (
        build(network, (32, 32, 3), 10, norm=norm)
        for norm in (keras.layers.BatchNormalization, FusedBatchNormalization)
    )
    assert [each.path for each in fused.weights] == [each.path for each in own.weights]
    assert [each.shape for each in fused.weights] == [each.shape for each in own.weights]


def test_frozen_it_normalizes_by_the_moving_statistics(
    layers: tuple[Any, Any], images: Any
) -> None:
    for layer in layers:
        layer.trainable = False
    before = [weight.numpy() for weight in layers[1].weights]
    keras_own, ours = (layer(images, training=True) for layer in layers)
    np.testing.assert_array_equal(ours, keras_own)
    for weight, value in zip(layers[1].weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
