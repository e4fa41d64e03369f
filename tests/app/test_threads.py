import threading
import time
from contextlib import closing

import pytest

from app.threads import PixelBudget, in_order

PATIENCE = 20  # seconds


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_results_are_in_order_though_threads_end_in_another(threads: int, count: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(in_order(work, range(count), threads)) == [each * each for each in range(count)]


def test_several_items_are_worked_on_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    assert sorted(in_order(lambda _: both.wait(), range(2), 2)) == [0, 1]


def test_one_item_or_one_thread_needs_no_other_thread() -> None:
    here = threading.get_ident()
    for items, threads in ((range(1), 8), (range(5), 1)):
        assert {*in_order(lambda _: threading.get_ident(), items, threads)} == {here}


def test_few_results_are_held_at_once() -> None:
    begun: list[int] = []
    with closing(in_order(begun.append, range(10_000), 2)) as results:
        for taken, _ in enumerate(results):
            assert len(begun) - taken <= 6 * 16
    assert len(begun) == 10_000


def test_an_error_is_raised_in_its_place_and_what_is_not_begun_is_left() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 100:
            raise ZeroDivisionError
        return number

    found: list[int] = []
    with pytest.raises(ZeroDivisionError), closing(in_order(work, range(10_000), 2)) as results:
        found.extend(results)
    assert found == [*range(96)]  # what the thread did before it, with it, is not handed on
    assert len(begun) < 300


def test_when_it_is_closed_what_is_not_begun_is_left() -> None:
    begun: list[int] = []
    before = threading.active_count()
    with closing(in_order(begun.append, range(10_000), 2)) as results:
        next(results)
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    assert len(begun) < 200


def test_a_thread_waits_for_pixels() -> None:
    budget, order = PixelBudget(100), []
    waits = threading.Event()

    def take() -> None:
        waits.set()
        with budget.taken(1000):  # more than there are: all
            order.append("second")

    with budget.taken(60), budget.taken(40):
        thread = threading.Thread(target=take)
        thread.start()
        assert waits.wait(PATIENCE)
        time.sleep(0.05)
        order.append("first")
    thread.join(PATIENCE)
    assert order == ["first", "second"]
    with budget.taken(100):
        pass
