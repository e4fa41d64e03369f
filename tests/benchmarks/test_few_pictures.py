from pathlib import Path

import pandas as pd
import pytest

from benchmarks import few_pictures
from spotimes.errors import InputError


def row(draw: int, accuracy: float, **values: object) -> dict[str, object]:
    return {
        "preset": "few_pictures",
        "changes": "",
        "images_per_class": 100,
        "draw": draw,
        "int8_top1": accuracy,
        "fp32_top1": accuracy,
        "bytes": 149718,
        "arena_bytes": 85968,
        "macs": 6705760,
        "train_seconds": 600.0,
        "teacher_seconds": "",
        "teacher_val_accuracy": "",
        **values,
    }


def test_a_preset_and_single_changes_make_the_params() -> None:
    params = few_pictures.changed_params(
        "few_pictures", ["network.backbone.keep=7", "train.teacher.model=data/none"]
    )
    assert params["network"]["backbone"]["keep"] == 7
    assert params["network"]["backbone"]["card"] == "data/backbones/efficientnet_lite0.yaml"
    assert params["train"]["teacher"]["model"] == "data/none"
    assert few_pictures.changed_params("default", [])["network"]["backbone"]["keep"] == 0


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        few_pictures.changed_params("default", ["train.epoch=1"])
    assert str(caught.value).startswith("--set: train.epoch: unknown key")


def test_rows_stay_and_the_table_has_their_mean_and_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_pictures, "ROWS", tmp_path / "few_pictures.csv")
    assert few_pictures.known_rows().empty
    for each in (row(1, 0.70), row(2, 0.74), row(1, 0.5, changes="train.epochs=1")):
        few_pictures.add_row(each)
    rows = few_pictures.known_rows()
    assert isinstance(rows, pd.DataFrame)
    assert len(rows) == 3
    *_, last = few_pictures.table(rows, "few_pictures", "", [100]).splitlines()
    assert last == "| 100 | 2 | 72.0% (70.0% to 74.0%) | 72.0% | 149,718 | 85,968 | 10.0 |"
