"""What happens around the epochs of a training run.

Those with a state can give it and take it back (`state`, `restore`), so that `Resume` can carry a
run over a kill.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from spotimes.nn.frameworks import keras
from spotimes.system import atomic
from spotimes.training.checkpoint import Arrays, Checkpoint

Logs = dict[str, float] | None


class AverageWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps a moving average of all weights, batch-norm statistics too, and validates with it.

    average <- weights + d^n (average - weights) after each n steps and at the end of an epoch, with
    d = min(decay, (1 + t)/(10 + t)) after t steps, as in tf.train.ExponentialMovingAverage, so that
    the first weights are soon forgotten. Keras' own average (`use_ema`) leaves the batch-norm
    statistics out.
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
        self._taken = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Takes the weights into the average if they are due."""
        self.step += 1
        if self.step - self._taken == self.STEPS:
            self._take()

    def _take(self) -> None:
        steps = self.step - self._taken
        decay = np.float32(min(self.decay, (1 + self.step) / (10 + self.step)) ** steps)
        for average, weight in zip(self.average, self.weights, strict=True):
            value = weight.numpy()
            average[...] = value + decay * (average - value)
        self._taken = self.step

    def on_test_begin(self, logs: Logs = None) -> None:
        """Puts the average in place, the epoch's last weights in it."""
        if self.step > self._taken:
            self._take()
        self._own = [weight.numpy() for weight in self.model.weights]
        self.model.set_weights(self.average)

    def on_test_end(self, logs: Logs = None) -> None:
        """Puts the weights back."""
        self.model.set_weights(self._own)

    def state(self) -> Arrays:
        """The average, by place, and the step."""
        average = {str(place): value for place, value in enumerate(self.average)}
        return {**average, "step": np.array(self.step)}

    def restore(self, state: Arrays) -> None:
        """Takes a state back."""
        self.step = self._taken = int(state["step"])
        for place, value in enumerate(self.average):
            value[...] = state[str(place)]


class KeepWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the average's weights: those after the last epoch, or of the best one by validation.

    Attributes:
        weights: the kept weights, in the model's order.
        accuracy: their validation accuracy.
        epoch: after which they were taken, from 1.

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
        self.weights: list[np.ndarray[Any, Any]] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Keeps this epoch's weights if they are due."""
        assert logs is not None
        done = epoch + 1
        if not self.best or logs["val_accuracy"] > self.accuracy:
            self.accuracy = logs["val_accuracy"]
            self.epoch = done
            self.weights = [average.copy() for average in self.average.average]
        if self.patience is not None and done - self.epoch >= self.patience:
            self.model.stop_training = True

    def state(self) -> Arrays:
        """The kept weights, by place, with their accuracy and epoch."""
        weights = {str(place): value for place, value in enumerate(self.weights)}
        return {**weights, "kept": np.array([self.accuracy, self.epoch])}

    def restore(self, state: Arrays) -> None:
        """Takes a state back."""
        self.accuracy, self.epoch = float(state["kept"][0]), int(state["kept"][1])
        self.weights = [state[str(place)] for place in range(len(state) - 1)]


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes one row an epoch to a CSV, for `dvc plots`, and notes how long each took.

    Columns: epoch (from 1), learning_rate (after the epoch's last step), loss and accuracy (on
    augmented training images), val_loss and val_accuracy.
    """

    COLUMNS = ("epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, float]] = []
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Starts the clock."""
        self._began = perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Adds the epoch's row."""
        assert logs is not None
        self.seconds.append(perf_counter() - self._began)
        rate = float(self.model.optimizer.learning_rate)
        row = {"epoch": epoch + 1, "learning_rate": rate, **logs}
        self.rows.append({column: row[column] for column in self.COLUMNS})
        self.write()

    def write(self) -> None:
        """Writes all rows, six digits a number."""
        table = pd.DataFrame(self.rows, columns=list(self.COLUMNS))
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        atomic.write_text(self.path, text)


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar over all epochs' images: images a second, time left, the last validation accuracy."""

    def __init__(self, epochs: int, steps: int, batch_size: int, done: int) -> None:
        """A bar over `epochs` of `steps` batches each, `done` epochs in."""
        super().__init__()
        self.epochs = epochs
        self.images_an_epoch = steps * batch_size
        self.batch_size = batch_size
        self.done = done

    def on_train_begin(self, logs: Logs = None) -> None:
        """Draws the bar, with the epochs of a resumed run done."""
        self._bar = tqdm(
            desc="train",
            total=self.epochs * self.images_an_epoch,
            initial=self.done * self.images_an_epoch,
            unit="img",
            unit_scale=True,
            mininterval=1 if sys.stderr.isatty() else 30,  # a log file wants few lines
        )

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Moves the bar."""
        self._bar.update(self.batch_size)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Shows the validation accuracy."""
        assert logs is not None
        self._bar.set_postfix_str(
            f"epoch {epoch + 1}/{self.epochs}, validation {logs['val_accuracy']:.2%}"
        )

    def on_train_end(self, logs: Logs = None) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class Resume(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the whole run after each epoch, and restores it at the start of `fit`.

    Must be the last callback that changes anything.

    Attributes:
        done: how many epochs the saved run had done; 0 without one.
        stopped: whether it had stopped before its last epoch.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        history: History,
        stateful: Sequence[AverageWeights | KeepWeights],
    ) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.history = history
        self.stateful = stateful
        self._arrays: Arrays = {}
        self.done, self.stopped = 0, False
        if (saved := checkpoint.load()) is not None:
            self._arrays, facts = saved
            history.rows, history.seconds = facts["history"], facts["seconds"]
            self.done, self.stopped = len(history.rows), facts["stopped"]

    def on_train_begin(self, logs: Logs = None) -> None:
        """Restores the saved run, if there is one."""
        if not self._arrays:
            return
        for place, variable in enumerate(self._variables()):
            variable.assign(self._arrays[f"variable/{place}"])
        for callback in self.stateful:
            callback.restore(_under(type(callback).__name__, self._arrays))
        self._arrays = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves weights, optimizer, history and the other callbacks' state."""
        arrays = {f"variable/{place}": each.numpy() for place, each in enumerate(self._variables())}
        for callback in self.stateful:
            name = type(callback).__name__
            arrays |= {f"{name}/{key}": value for key, value in callback.state().items()}
        facts = {
            "history": self.history.rows,
            "seconds": self.history.seconds,
            "stopped": self.model.stop_training,
        }
        self.checkpoint.save(arrays, facts)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.weights, *self.model.optimizer.variables]


def _under(name: str, arrays: Arrays) -> Arrays:
    prefix = f"{name}/"
    return {key[len(prefix) :]: array for key, array in arrays.items() if key.startswith(prefix)}
