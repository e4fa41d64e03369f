import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from spotimes.benchmarking import latency, process_cost
from spotimes.errors import InputError
from spotimes.system import cores
from stages import benchmark
from tests.project import ROOT
from tests.repository import save_params

pytestmark = pytest.mark.slow

QUICK = {
    "threads": 1,
    "warmup_seconds": 0,
    "round_ms": 0.2,
    "min_rounds": 3,
    "interval_width": 0.9,
    "budget_seconds": 0.5,
    "processes": 1,
    "extra_models": [],
}
COSTS = {
    "median_ms",
    "median_low_ms",
    "median_high_ms",
    "mean_ms",
    "p95_ms",
    "p99_ms",
    "invocations",
    "first_inference_ms",
    "peak_rss_bytes",
    "rss_before_load_bytes",
}
OF_A_PROCESS = {"first_inference_ms", "peak_rss_bytes", "rss_before_load_bytes"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    for path in (benchmark.FP32, benchmark.INT8):
        shutil.copy(ROOT / path, tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(extra_models: list[str], threads: int = 1) -> dict[str, Any]:
    params = {
        "runtime": yaml.safe_load((ROOT / "params.yaml").read_text())["runtime"],
        "benchmark": QUICK | {"extra_models": extra_models, "threads": threads},
    }
    save_params(params)
    benchmark.main()
    found: dict[str, Any] = json.loads(benchmark.METRICS.read_text())
    return found


def test_what_is_measured(repository: Path) -> None:
    shutil.copy(benchmark.INT8, "other.tflite")
    found = run(["other.tflite"])
    assert found["fp32"].keys() == found["int8"].keys() == COSTS
    speedup = found["speedup"]
    assert speedup["low"] <= speedup["median"] <= speedup["high"]
    width = (speedup["high"] - speedup["low"]) / speedup["median"]
    assert speedup["interval_width"] == pytest.approx(width, abs=1e-4)
    assert speedup["rounds"] >= 6
    other = found["extra"]["other.tflite"]
    assert other.keys() == COSTS | {"ratio_to_int8"}
    assert other["ratio_to_int8"].keys() == {"median", "low", "high"}
    assert found["classifier"].keys() == COSTS - OF_A_PROCESS | {"ratio_to_int8"}
    assert found["classifier"]["ratio_to_int8"].keys() == {"median", "low", "high"}
    assert found["threads"] == 1
    assert {"cpu", "isa", "ai_edge_litert", "load_average"} <= found["host"].keys()
    assert found["host"]["cores_allowed"] == cores.allowed()


def test_more_threads_than_cores_are_reported_and_not_used(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cores, "allowed", lambda: 1)
    used = []
    measure = process_cost.measure

    def recorded(path: Path, threads: int, processes: int) -> process_cost.ProcessCost:
        used.append(threads)
        return measure(path, threads, processes)

    monkeypatch.setattr(process_cost, "measure", recorded)
    found = run([], threads=4)
    assert (found["threads"], found["host"]["cores_allowed"], used) == (1, 1, [1, 1])
    assert capsys.readouterr().err.splitlines()[0] == (
        "params.yaml: benchmark.threads: 4 is more than the 1 core that this process may use; "
        "no more are used"
    )


def test_what_the_classifier_takes_is_over_the_runtime(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rounds(
        *_: Any, others: dict[str, Callable[[], Any]], **__: Any
    ) -> Iterator[dict[str, Any]]:
        (classify,) = others.values()
        assert classify().shape == (10,)
        while True:
            times = {"fp32": 80, "int8": 20, **dict.fromkeys(others, 25)}
            yield {name: np.array([1000 * each]) for name, each in times.items()}

    monkeypatch.setattr(latency, "interleaved_rounds", rounds)
    found = run([])
    assert found["classifier"]["median_ms"] == pytest.approx(0.025)
    assert found["classifier"]["ratio_to_int8"]["median"] == pytest.approx(1.25)
    assert found["speedup"]["median"] == pytest.approx(4)


def test_a_broken_extra_model_leaves_nothing(repository: Path) -> None:
    Path("broken.tflite").write_bytes(benchmark.INT8.read_bytes()[:1000])
    for name, message in (("broken.tflite", "is no .tflite file"), ("none.tflite", "no such file")):
        with pytest.raises(InputError, match=f"{name}: {message}"):
            run([name])
    assert not benchmark.METRICS.parent.exists()


def test_extra_models_need_names_of_their_own() -> None:
    assert benchmark.extra_models(["a/one.tflite"]) == {"one.tflite": Path("a/one.tflite")}
    with pytest.raises(InputError, match="two files have the same name"):
        benchmark.extra_models(["a/one.tflite", "b/one.tflite"])
