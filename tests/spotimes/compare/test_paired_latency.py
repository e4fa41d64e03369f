from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from spotimes.benchmarking import latency
from spotimes.benchmarking.timing import Times
from spotimes.compare import paired_latency
from spotimes.compare.paired_latency import Load, loads, measure, medians, ratio, until_narrow
from spotimes.params.compare import Timing
from spotimes.system import cores
from tests.project import ROOT

INT8, FP32 = ROOT / "models/model_int8.tflite", ROOT / "models/model_fp32.tflite"

TIMING = Timing(
    threads=1,
    warmup_seconds=0,
    round_ms=0.5,
    rounds=3,
    min_loads=20,
    interval_width=0.01,
    budget_seconds=0.1,
)


def made(ratios: list[float]) -> list[Load]:
    return [Load(100, 100 * each, each) for each in ratios]


def test_the_interval_is_of_two_loads_by_the_binomial() -> None:
    """Of 10 values the 2nd and the 9th: P(X <= 1) = 11/1024 < 0.025 < P(X <= 2) = 56/1024."""
    found = ratio(made([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 9.0]))
    assert found.median == pytest.approx(1.45)
    assert (found.low, found.high) == (1.1, 1.8)


def test_intervals_hold_the_median_as_often_as_they_say() -> None:
    """Of loads as they are: most alike, some far off. 400 times; 95% +- 3 standard errors."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = ratio(made(list(1 + 0.01 * rng.standard_t(2, 20))))
        held += found.low <= 1 <= found.high
    assert held / 400 > 0.917


def test_medians() -> None:
    assert medians([Load(1, 4, 4), Load(2, 5, 2.5), Load(9, 9, 1)]) == (2, 5)


@pytest.mark.parametrize(
    ("noise", "seconds", "taken"),
    [(0.0, 1000, 20), (1.0, 500, 509), (1.0, 25, 34), (1.0, 0, 10), (0.0, 3, 12)],
)
def test_it_ends_when_the_interval_is_narrow_or_the_time_is_over(
    noise: float, seconds: float, taken: int
) -> None:
    """The clock ticks once a look, from the tenth load on."""
    rng = np.random.default_rng(1)
    ticks = count()

    def endless() -> Iterator[Load]:
        while True:
            yield made([float(np.exp(noise * rng.normal()))])[0]

    timing = TIMING.model_copy(update={"budget_seconds": seconds})
    found = until_narrow(islice(endless(), 1000), timing, lambda: float(next(ticks)))
    assert len(found) == taken


def test_loads_are_the_medians_of_interleaved_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """FP32 takes 30, 40 and 80 ns where INT8 takes 10, 10 and 40, whichever is loaded first."""
    orders = []

    def rounds(models: dict[str, Path], *_: int, **__: float) -> Iterator[dict[str, Times]]:
        orders.append(list(models.values()))
        for int8, fp32 in ((10, 30), (10, 40), (40, 80)):
            times = {INT8: np.array([int8]), FP32: np.array([fp32, fp32, 1000])}
            yield {name: times[path] for name, path in models.items()}

    monkeypatch.setattr(latency, "interleaved_rounds", rounds)
    found = list(islice(loads(INT8, FP32, TIMING), 2))
    assert found == [Load(10, 40, 3)] * 2
    assert orders == [[FP32, INT8], [INT8, FP32]]


def test_real_models_are_loaded_and_timed() -> None:
    (load,) = islice(loads(INT8, FP32, TIMING), 1)
    assert np.isfinite(load).all()


def test_a_measurement_is_a_ratio_and_both_medians() -> None:
    found = measure(INT8, FP32, TIMING)
    assert found.ratio.low <= found.ratio.median <= found.ratio.high
    assert found.first_us > 0
    assert found.second_us > 0


def test_more_threads_than_cores_are_reported_and_not_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cores, "allowed", lambda: 1)
    used = []

    def recorded(_: Path, __: Path, timing: Timing) -> Iterator[Load]:
        used.append(timing.threads)
        yield from made([2] * 10)

    monkeypatch.setattr(paired_latency, "loads", recorded)
    measure(INT8, FP32, TIMING.model_copy(update={"threads": 3}))
    assert used == [1]
    assert capsys.readouterr().err.startswith("params.yaml: compare.timing.threads: 3 is more than")
