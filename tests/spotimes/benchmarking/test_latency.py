from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.benchmarking import latency
from spotimes.benchmarking.timing import Times
from spotimes.errors import InputError
from tests.project import ROOT

MODELS = {"fp32": ROOT / "models/model_fp32.tflite", "int8": ROOT / "models/model_int8.tflite"}


def rounds(ratios: list[float]) -> list[dict[str, Times]]:
    """INT8 takes 100 ns, FP32 so many times as long."""
    return [
        {"fp32": np.array([round(100 * ratio)] * 3), "int8": np.array([100] * 3)}
        for ratio in ratios
    ]


def endless(ratios: list[float]) -> Iterator[dict[str, Times]]:
    while True:
        yield from rounds(ratios)


class SlowRounds:
    """Rounds that take a second each, by the clock `seconds`."""

    def __init__(self, ratios: list[float]) -> None:
        self.now, self.ratios = 0.0, ratios

    def __iter__(self) -> Iterator[dict[str, Times]]:
        for times in endless(self.ratios):
            self.now += 1
            yield times

    def seconds(self) -> float:
        return self.now


def limits(min_rounds: int, interval_width: float, budget_seconds: float) -> dict[str, Any]:
    return {
        "min_rounds": min_rounds,
        "interval_width": interval_width,
        "budget_seconds": budget_seconds,
    }


def test_every_model_runs_in_every_round() -> None:
    taken = list(islice(latency.interleaved_rounds(MODELS, 1, warmup_seconds=0, round_ms=0.2), 3))
    assert [list(times) for times in taken] == [["fp32", "int8"]] * 3
    assert all(len(own) > 0 and (own > 0).all() for times in taken for own in times.values())


def test_functions_run_beside_the_models() -> None:
    calls: list[None] = []
    others = {"other": lambda: calls.append(None)}
    (taken,) = islice(
        latency.interleaved_rounds(MODELS, 1, warmup_seconds=0, round_ms=0.2, others=others), 1
    )
    assert list(taken) == ["fp32", "int8", "other"]
    assert len(calls) == 1 + len(taken["other"])  # once to warm up


def test_the_order_changes_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(latency, "_ready", lambda path, *_: lambda: ran.append(path.stem))
    paths = {name: Path(name) for name in "abc"}
    list(islice(latency.interleaved_rounds(paths, 1, warmup_seconds=0, round_ms=0), 30))
    orders = {tuple(ran[start : start + 3]) for start in range(0, 90, 3)}
    assert len(orders) == 6
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.tflite: is no \.tflite file"):
        models = MODELS | {"broken": broken}
        next(latency.interleaved_rounds(models, 1, warmup_seconds=0, round_ms=0.1))


def test_the_ratio_is_paired_by_round() -> None:
    # Every round a different speed of the machine; the ratio within each is 3.
    taken = [{"slow": np.array([3 * t, 3 * t]), "fast": np.array([t])} for t in (7, 100, 33, 51)]
    assert latency.ratio(taken, "slow", "fast") == (3, 3, 3)


def test_the_interval_is_that_of_a_median() -> None:
    # The exact 95% interval of the median of 101 values reaches from the 41st to the 61st.
    found = latency.ratio(rounds([1 + step / 100 for step in range(1, 102)]), "fp32", "int8")
    assert found.median == pytest.approx(1.51)
    assert found.low == pytest.approx(1.41, abs=0.015)
    assert found.high == pytest.approx(1.61, abs=0.015)
    assert found.interval_width == pytest.approx((found.high - found.low) / 1.51)


def test_six_rounds_are_taken_in_any_case() -> None:
    slow = SlowRounds([2])
    taken = latency.until_narrow(slow, "fp32", "int8", **limits(2, 0.01, 0.5), clock=slow.seconds)
    assert len(taken) == 6


def test_rounds_end_when_the_interval_is_narrow() -> None:
    taken = latency.until_narrow(endless([2]), "fp32", "int8", **limits(20, 0.01, 1e9))
    assert len(taken) == 20


def test_rounds_go_on_while_the_interval_is_wide() -> None:
    ratios = list(np.linspace(1.5, 2.5, 11))
    taken = latency.until_narrow(endless(ratios), "fp32", "int8", **limits(10, 0.2, 1e9))
    assert len(taken) > 10
    assert latency.ratio(taken, "fp32", "int8").interval_width <= 0.2


def test_rounds_end_with_the_budget() -> None:
    slow = SlowRounds([1, 3])
    taken = latency.until_narrow(slow, "fp32", "int8", **limits(1000, 0.01, 50), clock=slow.seconds)
    assert len(taken) == 51


def test_the_summary_of_hand_worked_rounds() -> None:
    taken = [
        {"int8": np.array(times) * 1_000_000}
        for times in ([1, 1, 10], [2, 2, 3, 99], [4, 4, 4], [1], [4], [2.5])
    ]
    found = latency.summary(taken, "int8")
    assert found["median_ms"] == 2.5  # of the rounds' medians 1, 1, 2.5, 2.5, 4 and 4
    # Only the whole range of six holds the median in 95% of all cases: 1 - 2 / 2**6.
    assert (found["median_low_ms"], found["median_high_ms"]) == (1, 4)
    assert found["mean_ms"] == pytest.approx(137.5 / 13)
    assert found["p95_ms"] == pytest.approx(10 + 0.4 * 89)  # between the last two of thirteen
    assert found["invocations"] == 13
