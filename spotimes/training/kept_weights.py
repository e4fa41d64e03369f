"""Which weights a run keeps: their moving average, after the last epoch or after the best one."""

from typing import Any

import numpy as np
import numpy.typing as npt

from spotimes.nn.frameworks import keras
from spotimes.training.checkpoint import Arrays
from spotimes.training.progress import Logs


class AverageWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps a moving average of all weights, batch-norm statistics too, and validates with it.

    average <- weights + d^n (average - weights) after each n steps and at the end of an epoch, with
    d = min(decay, (1 + t)/(10 + t)) after t steps, as in tf.train.ExponentialMovingAverage, so that
    the first weights are soon forgotten. Keras' own average (`use_ema`) does not average the
    batch-norm statistics.

    Attributes:
        average: the averaged weights, in the model's order.
        step: how many steps have been trained.

    Args:
        decay: of the average, a step; 0 keeps the weights as they are.
    """

    STEPS = 8  # n: to read all weights takes 4 ms, in which nothing is trained

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def set_model(self, model: keras.Model) -> None:
        """Starts the average at the model's weights."""
        super().set_model(model)
        self.weights = model.weights  # Keras collects them anew each time that it is asked
        self.average = [weight.numpy().copy() for weight in self.weights]
        self.step = 0
        self._averaged = 0  # the step after which the average was last updated

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Counts a step, and updates the average if it is due."""
        self.step += 1
        if self.step - self._averaged == self.STEPS:
            self._update()

    def _update(self) -> None:
        steps = self.step - self._averaged
        decay = np.float32(min(self.decay, (1 + self.step) / (10 + self.step)) ** steps)
        for average, weight in zip(self.average, self.weights, strict=True):
            value = weight.numpy()
            average[...] = value + decay * (average - value)
        self._averaged = self.step

    def on_test_begin(self, logs: Logs = None) -> None:
        """Gives the model the average, which by then includes the epoch's last weights."""
        if self.step > self._averaged:
            self._update()
        self._own = [weight.numpy() for weight in self.model.weights]
        self.model.set_weights(self.average)

    def on_test_end(self, logs: Logs = None) -> None:
        """Gives the model its own weights back."""
        self.model.set_weights(self._own)

    def state(self) -> Arrays:
        """Returns the average, by index, and the step."""
        average = {str(index): value for index, value in enumerate(self.average)}
        return {**average, "step": np.array(self.step)}

    def restore(self, state: Arrays) -> None:
        """Continues from what `state` returned."""
        self.step = self._averaged = int(state["step"])
        for index, value in enumerate(self.average):
            value[...] = state[str(index)]


class KeepWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the average's weights: those after the last epoch, or of the best one by validation.

    Attributes:
        weights: the kept weights, in the model's order.
        accuracy: their validation accuracy.
        epoch: the epoch after which they were kept, from 1.

    Args:
        average: whose weights to keep.
        best: keep those of the first epoch that has the highest `val_accuracy`.
        patience: stop after so many epochs without a higher one; None never stops.
    """

    def __init__(self, average: AverageWeights, best: bool, patience: int | None) -> None:
        super().__init__()
        self.average = average
        self.best = best
        self.patience = patience
        self.accuracy = -1.0
        self.epoch = 0
        self.weights: list[npt.NDArray[Any]] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Keeps this epoch's weights if they are due, and stops the run if patience is over."""
        assert logs is not None
        done = epoch + 1
        if not self.best or logs["val_accuracy"] > self.accuracy:
            self.accuracy = logs["val_accuracy"]
            self.epoch = done
            self.weights = [average.copy() for average in self.average.average]
        if self.patience is not None and done - self.epoch >= self.patience:
            self.model.stop_training = True

    def state(self) -> Arrays:
        """Returns the kept weights, by index, with their accuracy and epoch."""
        weights = {str(index): value for index, value in enumerate(self.weights)}
        return {**weights, "kept": np.array([self.accuracy, self.epoch])}

    def restore(self, state: Arrays) -> None:
        """Continues from what `state` returned."""
        self.accuracy, self.epoch = float(state["kept"][0]), int(state["kept"][1])
        self.weights = [state[str(index)] for index in range(len(state) - 1)]
