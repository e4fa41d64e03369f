"""Several processes that answer at one address: each is replaced if it ends, and all stop together.

They are forked before anything large is imported, as threads do not survive that, so that each
loads the model itself.
"""

import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

ROW_BYTES = 1 << 15  # what a worker counts in
STOPPING = (signal.SIGTERM, signal.SIGINT)
SHORT_SECONDS = 1  # a worker that ends sooner is not replaced sooner


class Place(NamedTuple):
    """What a worker is given.

    Attributes:
        number: its own, from 0.
        memory: of all workers, `ROW_BYTES` each.
        parent: a file that ends when the parent does; None if there is none.
        announce: is to be called once the worker answers.
    """

    number: int
    memory: mmap.mmap
    parent: int | None
    announce: Callable[[], None]


def run(count: int, listening: socket.socket, work: Callable[[Place], None], url: str) -> None:
    """Works in this process, or in so many others until a signal stops them.

    Args:
        count: how many workers.
        listening: where they answer; it is closed when they are to stop.
        work: is done by each, until it gets SIGTERM.
        url: is printed once the first worker answers.

    Raises:
        SystemExit: several were to work and the first could not, which has said why.
    """
    memory = mmap.mmap(-1, count * ROW_BYTES)
    if count == 1:
        work(Place(0, memory, None, lambda: print(url, flush=True)))
    else:
        _Parent(listening, memory, work).run(count, url)


class _Parent:
    """Starts workers and replaces those that end.

    Args:
        listening: as of `run`.
        memory: what they share.
        work: as of `run`.
    """

    def __init__(
        self, listening: socket.socket, memory: mmap.mmap, work: Callable[[Place], None]
    ) -> None:
        self._listening = listening
        self._memory = memory
        self._work = work
        self._workers: dict[int, tuple[int, float]] = {}  # by process: its number, and since when
        self._is_stopping = False
        self._until, self._alive = os.pipe()  # the latter is open for as long as this process is

    def run(self, count: int, url: str) -> None:
        """Returns once all have stopped."""
        for each in STOPPING:
            signal.signal(each, self._stop)
        if not self._start(0, waits=True) and not self._is_stopping:
            _, status = os.wait()
            sys.exit(os.waitstatus_to_exitcode(status))
        print(url, flush=True)
        for number in range(1, count):
            self._start(number)
        while self._workers:
            process, status = os.wait()
            if process not in self._workers:  # an orphan, which a container's first process gets
                continue
            number, since = self._workers.pop(process)
            if self._is_stopping:
                continue
            reason = f"status {os.waitstatus_to_exitcode(status)}"
            print(f"serve: worker {process} ended ({reason}); another begins", file=sys.stderr)
            time.sleep(max(0, since + SHORT_SECONDS - time.monotonic()))
            self._start(number)

    def _start(self, number: int, *, waits: bool = False) -> bool:
        """Starts a worker, unless they are to stop; whether it answers, if that is waited for."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # until it is among those to be stopped
        try:
            if self._is_stopping:
                return False
            ready, answers = os.pipe()
            process = os.fork()
            if process:
                self._workers[process] = number, time.monotonic()
            else:
                for each in STOPPING:
                    signal.signal(each, signal.SIG_DFL)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        if not process:
            os.close(ready)
            os.close(self._alive)
            self._work(Place(number, self._memory, self._until, lambda: _say(answers)))
            sys.exit(0)
        os.close(answers)
        with os.fdopen(ready, "rb") as file:
            return bool(waits and file.read(1))

    def _stop(self, *_: object) -> None:
        self._is_stopping = True
        self._listening.close()
        for process in self._workers:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process, signal.SIGTERM)


def _say(pipe: int) -> None:
    with suppress(BrokenPipeError), os.fdopen(pipe, "wb") as file:  # nobody may wait for it
        file.write(b"1")
