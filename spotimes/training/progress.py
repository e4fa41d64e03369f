"""What a person sees of a training run: a CSV with a row for each epoch, and a progress bar."""

import sys
from pathlib import Path
from time import perf_counter

import pandas as pd
from tqdm import tqdm

from spotimes.nn.frameworks import keras
from spotimes.system import atomic

Logs = dict[str, float] | None


class History(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a CSV with a row for each epoch, for `dvc plots`, and notes how long each took.

    Its columns are epoch (from 1), learning_rate (after the epoch's last step), loss and accuracy
    (on augmented training images), val_loss and val_accuracy.

    Attributes:
        path: the CSV.
        rows: the epochs so far, by column.
        seconds: how long each of them took.
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
        """Adds the epoch's row, and writes the CSV."""
        assert logs is not None
        self.seconds.append(perf_counter() - self._began)
        rate = float(self.model.optimizer.learning_rate)
        row = {"epoch": epoch + 1, "learning_rate": rate, **logs}
        self.rows.append({column: row[column] for column in self.COLUMNS})
        self.write()

    def write(self) -> None:
        """Writes all rows, with six digits a number."""
        table = pd.DataFrame(self.rows, columns=list(self.COLUMNS))
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        atomic.write_text(self.path, text)


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows a bar over all epochs' images, with images a second, time left and accuracy.

    Args:
        epochs: of the whole run.
        steps: batches in an epoch.
        batch_size: images in a batch.
        done: epochs that a resumed run has behind it.
    """

    def __init__(self, epochs: int, steps: int, batch_size: int, done: int) -> None:
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
        """Moves the bar by a batch."""
        self._bar.update(self.batch_size)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Shows the epoch's validation accuracy."""
        assert logs is not None
        self._bar.set_postfix_str(
            f"epoch {epoch + 1}/{self.epochs}, validation {logs['val_accuracy']:.2%}"
        )

    def on_train_end(self, logs: Logs = None) -> None:
        """Closes the bar, which stays on the screen."""
        self._bar.close()
