"""A training run's state on disk, so that a killed run goes on where its last epoch ended."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spotimes.nn.frameworks import keras
from spotimes.system import atomic
from spotimes.training.progress import History, Logs

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoint:
    """The state of one run in one file, which is replaced whole.

    A state that another run saved is ignored, and so is a damaged one:

        checkpoint = Checkpoint(Path(".resume/train.npz"), key)
        checkpoint.save({"kernel": kernel}, {"epoch": 3})
        saved = checkpoint.load()  # ({"kernel": kernel}, {"epoch": 3}), or None

    Args:
        path: the file.
        key: what the run's bytes depend on (params, data, code, machine) as one string. A state
            that was saved under another key is not this run's.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def save(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Replaces the state by arrays of any dtype, and facts that JSON can hold."""
        with atomic.replacing(self.path) as beside, beside.open("wb") as stream:
            text = json.dumps({"key": self.key, "arrays": sorted(arrays), **facts})
            np.savez(stream, allow_pickle=False, _facts=np.array(text), **arrays)

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Returns arrays and facts, or None if there are none, another run's or damaged ones."""
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as archive:
                arrays = dict(archive)
                facts = json.loads(str(arrays.pop("_facts")))
            whole = facts.pop("key") == self.key and facts.pop("arrays") == sorted(arrays)
        except Exception:  # a damaged archive raises whatever its damaged part makes Python raise
            return None
        return (arrays, facts) if whole else None

    def remove(self) -> None:
        """Removes the state, once the run's results are written."""
        self.path.unlink(missing_ok=True)


class Stateful(Protocol):
    """A callback with a state that a resumed run needs."""

    def state(self) -> Arrays:
        """Returns the state, under names of the callback's own."""

    def restore(self, state: Arrays) -> None:
        """Continues from what `state` returned."""


class Resume(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the whole run after each epoch, and restores it at the start of `fit`.

    It must be the last callback that changes anything.

    Attributes:
        done: how many epochs the saved run had done; 0 without one.
        stopped: whether it had stopped before its last epoch.

    Args:
        checkpoint: where the run is saved.
        history: is restored at once.
        stateful: the other callbacks that are to be saved and restored, at most one of a class.
    """

    def __init__(
        self, checkpoint: Checkpoint, history: History, stateful: Sequence[Stateful]
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
        for index, variable in enumerate(self._variables()):
            variable.assign(self._arrays[f"variable/{index}"])
        for callback in self.stateful:
            callback.restore(_under(type(callback).__name__, self._arrays))
        self._arrays = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves the weights, the optimizer, the history and the other callbacks' state."""
        arrays = {f"variable/{index}": each.numpy() for index, each in enumerate(self._variables())}
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
