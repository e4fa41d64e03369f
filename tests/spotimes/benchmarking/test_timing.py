from types import SimpleNamespace

import numpy as np
import pytest

from spotimes.benchmarking import timing


class Clock:
    """A clock that stands still, but for what a timed function adds."""

    def __init__(self) -> None:
        self.nanoseconds = 0

    def perf_counter_ns(self) -> int:
        return self.nanoseconds

    def spend(self, nanoseconds: int) -> None:
        self.nanoseconds += nanoseconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter_ns=made.perf_counter_ns))
    return made


@pytest.mark.parametrize(("nanoseconds", "calls"), [(0, 1), (29, 1), (30, 1), (31, 2), (100, 4)])
def test_each_call_is_timed_until_the_time_is_over(
    clock: Clock, nanoseconds: int, calls: int
) -> None:
    times = timing.timed(lambda: clock.spend(30), nanoseconds)
    assert times.dtype == np.int64
    assert times.tolist() == [30] * calls


def test_the_clock_is_the_machines() -> None:
    (taken,) = timing.timed(lambda: sum(range(1000)), 0)
    assert taken > 0


def test_a_round_has_each_in_the_given_order_called_in_its_own() -> None:
    called: list[str] = []
    functions = {name: lambda name=name: called.append(name) for name in "abc"}
    rounds = timing.interleaved(functions, 0, np.random.default_rng(1))
    orders = set()
    for _ in range(20):
        called.clear()
        assert list(next(rounds)) == ["a", "b", "c"]
        assert sorted(called) == ["a", "b", "c"]
        orders.add("".join(called))
    assert len(orders) > 1


def test_a_round_lasts_milliseconds(clock: Clock) -> None:
    rounds = timing.interleaved({"slow": lambda: clock.spend(400_000)}, 1, np.random.default_rng(1))
    assert next(rounds)["slow"].tolist() == [400_000] * 3
