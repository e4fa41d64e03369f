from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.evaluation import metrics

TRAIN = '{"val_accuracy": 1, "epochs": 2, "more": 1}'


def test_what_is_read_is_typed_and_the_rest_ignored(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(TRAIN)
    found = metrics.load("train", metrics.Training, tmp_path)
    assert (found.val_accuracy, found.epochs) == (1.0, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"train\.json: cannot be read .* run `dvc repro train`"),
        ("[]", r"train\.json"),
        ('{"val_accuracy": 0.9}', r"train\.json\.epochs: missing"),
        (TRAIN.replace("2,", '"two",'), r"train\.json\.epochs: 'two' is not allowed"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(InputError, match=message):
        metrics.load("train", metrics.Training, tmp_path)


def test_a_missing_file_names_its_stage(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dvc repro quantize"):
        metrics.load("quantize", metrics.Quantization, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"history\.csv: no such file; run `dvc repro train`"),
        ("", r"history\.csv: cannot be read"),
        ("epoch,loss\n1,2\n", r"history\.csv: lacks the column accuracy"),
        ("epoch,loss,accuracy,val_loss,val_accuracy\n", r"history\.csv: has no epoch"),
    ],
)
def test_a_broken_history_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        metrics.load_history(path)
