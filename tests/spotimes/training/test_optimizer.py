import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.nn.frameworks import keras, tf
from spotimes.params.train import Muon, Optimizer
from spotimes.training import optimizer

SGD = Optimizer(
    kind="sgd", peak_learning_rate=0.05, warmup=0.25, momentum=0.9, weight_decay=0.005, muon=None
)
WITH_MUON = SGD.model_copy(
    update={"warmup": 0.0, "muon": Muon(peak_learning_rate=0.1, momentum=0.5)}
)
Array = npt.NDArray[np.float32]

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def model() -> keras.Model:
    """Each kind of convolution, with a batch norm behind it, and a classifier."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            layers.Conv2D(4, 1, use_bias=False, name="first"),
            layers.BatchNormalization(),
            layers.Conv2D(6, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(2, use_bias=False, name="depthwise"),
            layers.BatchNormalization(),
            layers.Conv2D(4, 1, use_bias=False, name="pointwise"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2, name="logits"),
        ]
    )


def steps(model: keras.Model, params: Optimizer, gradients: list[list[Array]]) -> None:
    """Applies gradients one after the other, at a rate that hardly falls."""
    made = optimizer.make(params, 10**6)
    made.build(model.trainable_variables)
    for each in gradients:
        made.apply([tf.constant(gradient) for gradient in each])


def random_gradients(model: keras.Model, seed: int) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [
        generator.normal(size=each.shape).astype(np.float32) for each in model.trainable_variables
    ]


def test_the_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    rate = optimizer.make(SGD, steps=100)._learning_rate
    rates = [float(rate(step)) for step in range(101)]
    assert rates[0] == pytest.approx(0.05 / 20)
    assert rates[25] == pytest.approx(0.05) == max(rates)
    np.testing.assert_allclose(np.diff(rates[:26]), (0.05 - 0.05 / 20) / 25, rtol=1e-3)
    cosine = [0.025 * (1 + math.cos(math.pi * (step - 25) / 75)) for step in range(25, 101)]
    np.testing.assert_allclose(rates[25:], cosine, atol=1e-7)


def test_without_a_warm_up_the_rate_begins_at_its_peak() -> None:
    rate = optimizer.make(SGD.model_copy(update={"warmup": 0.0}), steps=10)._learning_rate
    assert float(rate(0)) == pytest.approx(0.05)
    assert float(rate(10)) == pytest.approx(0, abs=1e-8)


def test_a_step_shrinks_kernels_alone(model: keras.Model) -> None:
    """Without gradients, each kernel becomes 1 - rate * decay of itself, and the rest stays."""
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    params = SGD.model_copy(update={"weight_decay": 0.5, "warmup": 0.0})
    steps(model, params, [[np.zeros(each.shape, np.float32) for each in model.trainable_variables]])
    kernels = 0
    for variable in model.trainable_variables:
        is_kernel = len(variable.shape) > 1
        kernels += is_kernel
        expected = 1 - 0.05 * 0.5 if is_kernel else 1
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)
    assert kernels == 5


def polar_factor(matrix: Array) -> Array:
    """The orthogonal matrix that is nearest."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    factor: Array = left @ right
    return factor


@pytest.mark.parametrize("shape", [(20, 20), (20, 50), (50, 20), (1, 5)])
def test_a_matrix_is_made_nearly_orthogonal(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = optimizer.orthogonal(tf.constant(matrix)).numpy()
    np.testing.assert_allclose(np.linalg.svd(found, compute_uv=False), 1, atol=0.35)
    exact = polar_factor(matrix)
    assert np.sum(found * exact) / np.linalg.norm(found) / np.linalg.norm(exact) > 0.95


def test_muon_turns_dense_and_pointwise_kernels_by_its_rate(model: keras.Model) -> None:
    before = {each.path: each.numpy() for each in model.trainable_variables}
    first, second = random_gradients(model, 1), random_gradients(model, 2)
    steps(model, WITH_MUON, [first, second])
    for index, variable in enumerate(model.trainable_variables):
        layer = variable.path.split("/")[-2]
        if layer not in ("conv", "pointwise"):
            continue
        matrix = (-1, variable.shape[-1])
        kernel = before[variable.path].reshape(matrix)
        size = math.sqrt(min(kernel.shape))
        one, two = (each[index].reshape(matrix) for each in (first, second))
        momentum = one
        for direction in (one + 0.5 * momentum, two + 0.5 * (0.5 * momentum + two)):
            turned = optimizer.orthogonal(tf.constant(direction)).numpy()
            kernel = kernel * (size / np.linalg.norm(kernel)) - 0.1 * turned
        np.testing.assert_allclose(variable.numpy().reshape(matrix), kernel, atol=1e-4)


def test_all_else_is_left_to_sgd(model: keras.Model) -> None:
    start = model.get_weights()
    gradients = [random_gradients(model, seed) for seed in (1, 2)]
    results: list[dict[str, Any]] = []
    for params in (WITH_MUON, WITH_MUON.model_copy(update={"muon": None})):
        model.set_weights(start)
        steps(model, params, gradients)
        results.append({each.path: each.numpy() for each in model.trainable_variables})
    same = {path for path in results[0] if np.array_equal(results[0][path], results[1][path])}
    differing = {path.split("/")[-2] for path in results[0].keys() - same}
    assert differing == {"conv", "pointwise"}


@pytest.mark.parametrize(
    "params",
    [
        SGD.model_copy(update={"warmup": 0.0}),
        WITH_MUON,
        SGD.model_copy(update={"warmup": 0.0, "kind": "adamw"}),
    ],
    ids=["sgd", "muon", "adamw"],
)
def test_a_variable_changes_by_its_share_of_the_rate(model: keras.Model, params: Optimizer) -> None:
    """By a tenth of it as with all rates a tenth, and by nothing before its first step."""
    gradients = [random_gradients(model, 1)]
    start = [each.numpy() for each in model.trainable_variables]
    count = len(start)

    def changes(params: Optimizer, shares: list[optimizer.Share] | None) -> list[Array]:
        model.set_weights(all_weights)
        made = optimizer.make(params, 10**6, shares)
        made.build(model.trainable_variables)
        for each in gradients:
            made.apply([tf.constant(gradient) for gradient in each])
        return [
            each.numpy() - old for each, old in zip(model.trainable_variables, start, strict=True)
        ]

    all_weights = model.get_weights()
    whole = changes(params, None)
    same = changes(params, [optimizer.Share()] * count)
    for one, other in zip(whole, same, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    slow = params.model_copy(update={"peak_learning_rate": params.peak_learning_rate / 10})
    if params.muon is not None:
        muon = params.muon.model_copy(update={"peak_learning_rate": 0.01})
        slow = slow.model_copy(update={"muon": muon})
    shares = [
        optimizer.Share(0.1) if index % 2 else optimizer.Share(1, 1) for index in range(count)
    ]
    for index, (one, other) in enumerate(
        zip(changes(params, shares), changes(slow, None), strict=True)
    ):
        if index % 2:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_nothing_changes_before_its_first_step(model: keras.Model) -> None:
    params = SGD.model_copy(update={"kind": "adamw", "warmup": 0.0, "weight_decay": 0.1})
    shares = [optimizer.Share(1, 2)] * len(model.trainable_variables)
    start = [each.numpy() for each in model.trainable_variables]
    made = optimizer.make(params, 10**6, shares)
    made.build(model.trainable_variables)
    for seed in range(3):
        made.apply([tf.constant(each) for each in random_gradients(model, seed)])
        unchanged = [
            np.array_equal(each.numpy(), old)
            for each, old in zip(model.trainable_variables, start, strict=True)
        ]
        assert all(unchanged) if seed < 2 else not any(unchanged)
