from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.nn.network import build
from spotimes.training.kept_weights import AverageWeights, KeepWeights

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def model(network: Architecture) -> Any:
    return build(network, (32, 32, 3), 10)


def averaging(model: Any, decay: float) -> AverageWeights:
    average = AverageWeights(decay)
    average.set_model(model)
    return average


def fill(model: Any, value: float) -> None:
    model.set_weights([np.full(each.shape, value, np.float32) for each in model.weights])


def values(average: AverageWeights) -> set[float]:
    return {float(value) for each in average.average for value in np.unique(each)}


def end_epoch(average: AverageWeights) -> None:
    average.on_test_begin()
    average.on_test_end()


def test_the_average_by_hand(model: Any) -> None:
    """After each 8 steps and the 3 that are left: min(0.6, 9/18)^8, min(0.6, 17/26)^8, ..."""
    fill(model, 1)
    average = averaging(model, 0.6)
    expected = 1.0
    for step in range(1, 20):
        fill(model, step * 10)
        average.on_train_batch_end(step)
        if step in (8, 16):
            decay = min(0.6, (1 + step) / (10 + step)) ** 8
            expected = decay * expected + (1 - decay) * step * 10
        (value,) = values(average)
        assert value == pytest.approx(expected, rel=1e-6)
    end_epoch(average)
    (value,) = values(average)
    assert value == pytest.approx(0.6**3 * expected + (1 - 0.6**3) * 190, rel=1e-6)
    end_epoch(average)
    assert values(average) == {value}
    assert len(average.average) == len(model.weights)


def test_without_averaging_the_weights_are_kept_as_they_are(model: Any) -> None:
    rng = np.random.default_rng(1)
    average = averaging(model, 0.0)
    for step, size in enumerate((1e3, 1e-3, 1)):
        model.set_weights([rng.normal(0, size, each.shape) for each in model.weights])
        average.on_train_batch_end(step)
        end_epoch(average)
    for kept, weight in zip(average.average, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_the_average_is_in_place_during_validation_alone(model: Any) -> None:
    fill(model, 1)
    average = averaging(model, 0.9)
    fill(model, 5)
    average.on_test_begin()
    assert all((each == 1).all() for each in model.get_weights())
    average.on_test_end()
    assert all((each == 5).all() for each in model.get_weights())


def test_the_average_can_be_carried_over(model: Any) -> None:
    average = averaging(model, 0.9)
    fill(model, 3)
    average.on_train_batch_end(0)
    end_epoch(average)
    state = {key: value.copy() for key, value in average.state().items()}
    other = averaging(model, 0.9)
    other.restore(state)
    for each in (average, other):
        fill(model, 7)
        each.on_train_batch_end(1)
        end_epoch(each)
    assert values(other) == values(average)
    assert float(other.step) == 2


def keep_through(
    model: Any, best: bool, patience: int | None, accuracies: list[float]
) -> tuple[KeepWeights, list[bool]]:
    """Epochs 1, 2, ... end with these accuracies and all averages equal to the epoch."""
    average = averaging(model, 0.9)
    keep = KeepWeights(average, best, patience)
    keep.set_model(model)
    model.stop_training = False
    stopped = []
    for epoch, accuracy in enumerate(accuracies):
        for variable in average.average:
            variable[...] = epoch + 1
        keep.on_epoch_end(epoch, {"val_accuracy": accuracy})
        stopped.append(model.stop_training)
    assert all((each == keep.epoch).all() for each in keep.weights)
    return keep, stopped


@pytest.mark.parametrize(
    ("best", "accuracies", "epoch"),
    [
        (True, [0.1, 0.5, 0.3], 2),
        (True, [0.5, 0.5, 0.5], 1),
        (True, [0.0, 0.0], 1),
        (True, [0.1, 0.2, 0.3], 3),
        (False, [0.9, 0.5, 0.3], 3),
    ],
)
def test_which_epoch_is_kept(model: Any, best: bool, accuracies: list[float], epoch: int) -> None:
    keep, stopped = keep_through(model, best, None, accuracies)
    assert (keep.epoch, keep.accuracy) == (epoch, accuracies[epoch - 1])
    assert not any(stopped)


def test_patience_counts_epochs_without_a_better_one(model: Any) -> None:
    _, stopped = keep_through(model, True, 2, [0.1, 0.3, 0.2, 0.4, 0.4, 0.1])
    assert stopped == [False, False, False, False, False, True]
    _, stopped = keep_through(model, True, 1, [0.1, 0.3, 0.2])
    assert stopped == [False, False, True]


def test_what_is_kept_can_be_carried_over(model: Any) -> None:
    keep, _ = keep_through(model, True, None, [0.1, 1 / 3, 0.2])
    other = KeepWeights(averaging(model, 0.9), True, None)
    other.restore(keep.state())
    assert (other.epoch, other.accuracy) == (2, 1 / 3)
    for one, another in zip(keep.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, another)
