"""Work that processes share, each of which runs this module; results come in the tasks' order.

They are fresh Pythons, not forks: a fork would copy locks that another thread holds, and what it
shares with its parent would be copied as it is touched. Those that `multiprocessing` spawns import
the main module first, here all of prepare, which takes longer than 1,000 pictures. None outlives
what it works for, as it reads the end of its connection then, whatever ended that.
"""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Generic, NamedTuple, Protocol, TypeVar

from spotimes.errors import InputError

MODULE = "spotimes.ingestion.processes"
ROOT = Path(__file__).resolve().parents[2]
# On a Zen 1 a process is ready after half a second, in which 1.1 tasks of this cost are done.
WORTH_STARTING = 100_000_000

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Task(Protocol[Result_co]):
    """A part of the work. It is sent to a process by `pickle`, and so is what it gives."""

    @property
    def where(self) -> str:
        """What it works on, for messages."""

    @property
    def pixels(self) -> int:
        """How many it has decoded at once, at most."""

    def run(self) -> Result_co:
        """Does it."""


class Processes:
    """As many processes as cores are allowed, started when work is worth it; a context manager."""

    def __init__(self, count: int, pixels: int) -> None:
        """Starts nothing yet.

        Args:
            count: how many there are to be; with 1 the work is done here.
            pixels: that all together have decoded at once, unless one task alone has more.
        """
        self._count, self._pixels = count, pixels
        self._workers: list[_Worker] = []

    @property
    def at_once(self) -> int:
        """How many tasks' results are held at once, at most."""
        return 1 if self._count == 1 else 2 * self._count

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def results(self, tasks: Iterable[Task[Result]], cost: int) -> Iterator[Result]:
        """Runs tasks.

        Args:
            tasks: taken from it as they are needed.
            cost: of all; 100 million take 2 seconds on a core of a Zen 1.

        Yields:
            What each gives, in their order.

        Raises:
            InputError: a process ended that should not have.
            RuntimeError: a task raised an exception in one; the message holds its traceback.
        """
        if self._count == 1 or (not self._workers and cost < WORTH_STARTING):
            for task in tasks:
                yield task.run()
            return
        while len(self._workers) < self._count:
            self._workers.append(_Worker())
        yield from _Round(self._workers, self._pixels, self.at_once, enumerate(tasks)).results()


class _Worker:
    """A process, and the connection to it."""

    def __init__(self) -> None:
        ours, its = Pipe()
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                env={**os.environ, "PYTHONPATH": _path(), "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the process that it works for
            )
        self.connection = ours

    def end(self) -> None:
        """Ends it, whatever it does; it holds nothing that needs to be put away."""
        self.connection.close()
        self.process.kill()
        self.process.wait()

    def lost(self, task: Task[Result]) -> InputError:
        """The error for one that has ended while it ran a task."""
        status = self.process.wait()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return InputError(
            f"{task.where}: the process that read these pictures ended ({how}); if memory is short,"
            " free some or use fewer cores (taskset -c 0), else look for a damaged one among them"
        )


class _Given(NamedTuple, Generic[Result]):
    """A task that a process has."""

    number: int
    task: Task[Result]
    worker: _Worker


class _Round(Generic[Result]):
    """The way of some tasks through the processes."""

    def __init__(
        self,
        workers: list[_Worker],
        pixels: int,
        at_once: int,
        tasks: Iterator[tuple[int, Task[Result]]],
    ) -> None:
        self._idle, self._pixels, self._at_once, self._tasks = [*workers], pixels, at_once, tasks
        self._next = next(tasks, None)
        self._given: list[_Given[Result]] = []
        self._done: dict[int, Result] = {}

    def results(self) -> Iterator[Result]:
        """Yields them in order."""
        number = 0
        while True:
            self._give(number)
            if number not in self._done:
                if not self._given:
                    return
                self._receive()
            else:
                yield self._done.pop(number)
                number += 1

    def _give(self, wanted: int) -> None:
        """Gives tasks to idle processes, unless that would hold too much."""
        while self._idle and self._next is not None:
            number, task = self._next
            pixels = task.pixels + sum(each.task.pixels for each in self._given)
            if number - wanted >= self._at_once or (self._given and pixels > self._pixels):
                return
            worker = self._idle.pop()
            try:
                worker.connection.send(task)
            except OSError as error:
                raise worker.lost(task) from error
            self._given.append(_Given(number, task, worker))
            self._next = next(self._tasks, None)

    def _receive(self) -> None:
        """Waits for results, of one process at least."""
        ready = wait([given.worker.connection for given in self._given])
        for given in [each for each in self._given if each.worker.connection in ready]:
            self._given.remove(given)
            try:
                is_sound, result = given.worker.connection.recv()
            except (EOFError, OSError) as error:
                raise given.worker.lost(given.task) from error
            if not is_sound:
                raise RuntimeError(f"{given.task.where}: {result}")
            self._done[given.number] = result
            self._idle.append(given.worker)


def _path() -> str:
    """Where the processes look for modules, besides the current folder."""
    others = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT), *([others] if others else [])])


def _serve(connection: Connection) -> None:
    """What a process does: it runs task after task, until nobody is there any more."""
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = True, task.run()
        except Exception:  # a defect, which the process that gave the task is to report
            answer = False, traceback.format_exc()
        try:
            connection.send(answer)
        except OSError:
            return


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
