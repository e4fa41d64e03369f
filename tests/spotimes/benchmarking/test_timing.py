import time

import numpy as np

from spotimes.benchmarking import timing


def test_each_call_is_timed_until_the_time_is_over() -> None:
    called: list[None] = []
    assert len(timing.timed(lambda: called.append(None), 0)) == len(called) == 1
    times = timing.timed(lambda: called.append(None), 1_000_000)
    assert times.dtype == np.int64
    assert len(times) == len(called) - 1 > 1


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


def test_time_is_in_nanoseconds() -> None:
    (slept,) = timing.timed(lambda: time.sleep(0.02), 0)
    assert slept >= 20_000_000
