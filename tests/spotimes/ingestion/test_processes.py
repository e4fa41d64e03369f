import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from spotimes.errors import InputError
from spotimes.ingestion import processes
from spotimes.ingestion.processes import WORTH_STARTING, Processes
from tests.programs import program
from tests.project import ROOT
from tests.tasks import Deadly, Faulty, Task
from tests.waiting import until

pytestmark = pytest.mark.slow

COUNT = 3


def own() -> list[psutil.Process]:
    """The processes that this one has started for tasks and that have not ended."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.ZombieProcess):
            found += [child] if processes.MODULE in child.cmdline() else []
    return found


def test_results_come_in_order_and_few_tasks_are_taken_ahead() -> None:
    taken = -1

    def tasks() -> Iterator[Task]:
        nonlocal taken
        for taken in range(40):
            yield Task(number=taken, seconds=0.05 * (taken % 4 == 0))

    with Processes(COUNT, 1) as pool:
        pids = set()
        for wanted, (number, pid, _) in enumerate(pool.results(tasks(), WORTH_STARTING)):
            assert number == wanted
            assert taken <= wanted + pool.at_once
            pids.add(pid)
        assert len(pids) == len(own()) == COUNT
        assert os.getpid() not in pids
        # They are there for what comes next, however little that is.
        ((_, pid, _),) = pool.results([Task(number=0)], 0)
        assert pid in pids
    assert not own()


def test_together_they_decode_no_more_pixels_than_are_allowed(tmp_path: Path) -> None:
    pixels = [4, 4, 4, 8, 3, 3, 3, 99, 1, 1]
    tasks = [
        Task(number=number, seconds=0.3, pixels=each, folder=tmp_path)
        for number, each in enumerate(pixels)
    ]
    with Processes(COUNT, 10) as pool:
        beside = [set(seen) for _, _, seen in pool.results(tasks, WORTH_STARTING)]
    together = [
        {other for other in seen if number in beside[other]} for number, seen in enumerate(beside)
    ]
    assert together[7] == {7}  # alone it may have more
    assert together[3] == {3}
    assert max(len(each) for each in together) >= 2
    # Two that overlap a third need not overlap each other, so pairs are judged.
    for number, each in enumerate(together):
        assert all(pixels[number] + pixels[other] <= 10 for other in each - {number})


@pytest.mark.parametrize(("count", "cost"), [(1, 10 * WORTH_STARTING), (8, WORTH_STARTING - 1)])
def test_on_one_core_and_for_little_work_no_process_is_started(count: int, cost: int) -> None:
    with Processes(count, 1) as pool:
        results = [*pool.results([Task(number=0), Task(number=1)], cost)]
        assert not own()
    assert results == [(0, os.getpid(), []), (1, os.getpid(), [])]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_ends_is_reported_in_a_line_and_the_others_are_ended(by: int) -> None:
    tasks = [Task(number=0), Deadly(number=1, by=by), Task(number=2, seconds=600)]
    with pytest.raises(InputError) as caught, Processes(COUNT, 1) as pool:
        for _ in pool.results(tasks, WORTH_STARTING):
            pass
    assert str(caught.value) == (
        f"task 1: the process that read these pictures ended ({signal.Signals(by).name}); if "
        "memory is short, free some or use fewer cores (taskset -c 0), else look for a damaged "
        "one among them"
    )
    assert not own()


def test_a_process_that_ends_between_tasks_is_reported() -> None:
    with Processes(COUNT, 1) as pool:
        assert [*pool.results([Task(number=0)], WORTH_STARTING)]
        for process in own():
            process.kill()
        until(lambda: not own())
        with pytest.raises(InputError, match=r"task 7: .* ended \(SIGKILL\)"):
            [*pool.results([Task(number=7)], 0)]


def test_a_defect_keeps_its_traceback() -> None:
    told = r"task 1: Traceback[\s\S]*ValueError: a defect"
    with pytest.raises(RuntimeError, match=told), Processes(COUNT, 1) as pool:
        [*pool.results([Task(number=0), Faulty(number=1)], WORTH_STARTING)]
    assert not own()


def test_none_outlives_the_process_that_it_works_for() -> None:
    with subprocess.Popen(
        program("work_without_end"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as leader:
        assert leader.stdout is not None and leader.stderr is not None
        assert leader.stdout.readline() == b".\n"
        workers = psutil.Process(leader.pid).children()
        assert len(workers) == 2
        leader.kill()
        until(lambda: not any(worker.is_running() for worker in workers))
        assert leader.stderr.read() == b""
