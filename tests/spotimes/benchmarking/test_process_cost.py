import json
import sys
from pathlib import Path

import numpy as np
import pytest

from spotimes.benchmarking import process_cost
from spotimes.errors import InputError
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"


@pytest.mark.skipif(sys.platform != "linux", reason="the line before loading is Linux's")
def test_the_memory_is_the_fresh_processes_own() -> None:
    ballast = np.ones(25_000_000)
    cost = process_cost.measure(INT8, threads=1, processes=2)
    assert cost.first_inference_ms > 0
    assert 5_000_000 < cost.rss_before_load_bytes < cost.peak_rss_bytes < ballast.nbytes


def test_the_figure_is_the_median_process(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter(
        {"first_inference_ms": first, "peak_rss_bytes": peak, "rss_before_load_bytes": before}
        for first, peak, before in ((9.0, 30, 10), (1.0, 20, 12), (2.0, 70, 11))
    )
    monkeypatch.setattr(process_cost, "_in_fresh_process", lambda *_: next(runs))
    assert process_cost.measure(INT8, 1, 3) == (2.0, 30, 11)


def test_a_damaged_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(INT8.read_bytes()[:1000])
    with pytest.raises(InputError) as error:
        process_cost.measure(path, 1, 1)
    assert str(error.value).startswith(f"{path}: is no .tflite file")
    assert "\n" not in str(error.value)


def test_a_process_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="ended with status 1: it said nothing"):
        process_cost.measure(INT8, 1, 1)


def test_the_entry_point_prints_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["process_cost", str(INT8), "--threads", "2"])
    process_cost.main()
    assert json.loads(capsys.readouterr().out).keys() == set(process_cost.ProcessCost._fields)
