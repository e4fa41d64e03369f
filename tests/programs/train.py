"""Trains as a stage does, and is killed after so many batches or so many whole epochs.

Arguments: network and recipe as JSON, the prepared data, a folder for what it writes, the batches
and the epochs to be killed after; 0 is never.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import load_split
from spotimes.params.network import Network
from spotimes.params.train import Train
from spotimes.training import keras_archive, loop
from spotimes.training.checkpoint import Checkpoint
from spotimes.training.determinism import make_deterministic
from spotimes.training.progress import Progress

network, recipe_json, prepared, folder, batches, epochs = sys.argv[1:]


class Killing(Progress):
    """Stands for the last callback: at the end of an epoch its checkpoint is written."""

    batches_done = 0

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        self.batches_done += 1
        if self.batches_done == int(batches):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch_end(self, epoch: int, *_: Any, **__: Any) -> None:
        if epoch + 1 == int(epochs):
            os.kill(os.getpid(), signal.SIGKILL)


params = Network.model_validate_json(network)
recipe = Train.model_validate_json(recipe_json)
make_deterministic(recipe.seed, recipe.threads)
with mock.patch.object(loop, "Progress", Killing):
    trained = loop.train(
        Architecture(params.blocks, params.largest_side),
        recipe,
        loop.TrainingData(
            load_split("train", Path(prepared)), load_split("validation", Path(prepared)), 10
        ),
        Checkpoint(Path(folder, "train.npz"), "key"),
        Path(folder, "history.csv"),
    )
keras_archive.save(trained.model, Path(folder, "model.keras"))
