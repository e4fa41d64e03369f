from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spotimes.blocks import Architecture
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.training.progress import History, Progress

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def model(network: Architecture) -> Any:
    return build(network, (32, 32, 3), 10)


def test_history_is_a_csv_with_a_row_an_epoch(model: Any, tmp_path: Path) -> None:
    model.compile(keras.optimizers.SGD(0.25))
    history = History(tmp_path / "metrics/history.csv")
    history.set_model(model)
    for epoch in range(2):
        history.on_epoch_begin(epoch)
        logs = {"loss": 1 / 3, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 1e-7, "more": 1.0}
        history.on_epoch_end(epoch, logs)
        assert len(pd.read_csv(history.path)) == epoch + 1
    assert history.path.read_text() == (
        "epoch,learning_rate,loss,accuracy,val_loss,val_accuracy\n"
        "1,0.25,0.333333,0.5,2,1e-07\n"
        "2,0.25,0.333333,0.5,2,1e-07\n"
    )
    assert len(history.seconds) == 2
    assert min(history.seconds) >= 0


def test_progress_shows_the_last_validation_accuracy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress(epochs=3, steps=2, batch_size=10, done=1)
    progress.on_train_begin()
    for batch in range(2):
        progress.on_train_batch_end(batch)
    progress.on_epoch_end(1, {"val_accuracy": 0.1234})
    progress.on_train_end()
    shown = capsys.readouterr().err
    assert "epoch 2/3, validation 12.34%" in shown
    assert "40.0/60.0" in shown
