"""A process that answers, until it gets a signal to stop."""

import asyncio
import gc
import socket

from app.server.application import Application
from app.server.connection import Connection, Connections
from app.server.listening import BACKLOG
from app.server.workers import STOPPING, Place

PAUSE_SECONDS = 1  # where no file may be opened


def work(application: Application, listening: socket.socket, place: Place) -> None:
    """Answers until SIGTERM, SIGINT or the parent's end, and then what is in progress."""
    asyncio.run(_work(application, listening, place))


async def _work(application: Application, listening: socket.socket, place: Place) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in STOPPING:
        loop.add_signal_handler(number, stopped.set)
    if place.parent is not None:
        loop.add_reader(place.parent, stopped.set)
    connections = Connections(application.find_route, application.gate, application.metrics)
    connections.sweep()
    _Accepting(listening, connections, BACKLOG if place.parent is None else 1).begin()
    gc.collect()
    gc.freeze()  # what is there stays; to look through it takes 10 ms, in which nobody is answered
    place.announce()
    await stopped.wait()
    if place.parent is not None:
        loop.remove_reader(place.parent)
    loop.remove_reader(listening)
    listening.close()
    await connections.stop()
    await loop.run_in_executor(None, application.close)


class _Accepting:
    """Accepts connections.

    Args:
        listening: where clients connect.
        connections: gets them.
        at_once: how many, before others are answered. Several workers take one each, so that idle
            ones get some, too; alone, a worker that took one would answer all others before the
            next.
    """

    def __init__(self, listening: socket.socket, connections: Connections, at_once: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._connections = connections
        self._at_once = at_once
        self._tasks: set[asyncio.Task[object]] = set()

    def begin(self) -> None:
        """Accepts whenever a client connects."""
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        try:
            for _ in range(self._at_once):
                self._connect(self._listening.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass  # there are no more, or the client has gone
        except OSError:
            self._loop.remove_reader(self._listening)
            self._loop.call_later(PAUSE_SECONDS, self.begin)

    def _connect(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: Connection(self._connections), accepted)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
