"""What is counted of all workers together: for Prometheus, and for the protocol's statistics.

Each worker counts in a row of its own of memory that they share, so that any of them can report the
sums and none waits for another. A worker's successor takes over its row, so what it counted stays.
"""

import mmap
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.server.workers import ROW_BYTES

NAME = "spotimes"  # the server's; its metrics' names begin with it
NO_ROUTE = "none"
STATUSES = (200, 400, 404, 405, 408, 413, 415, 431, 500, 503)
REQUEST_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
INFERENCE_SECONDS = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 1)
PHASES = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


class Histogram(NamedTuple):
    """Places in a row: of each bucket's count, and behind them of the sum.

    Attributes:
        start: the first bucket's.
        bounds: the buckets' upper ones; a last bucket has none.
    """

    start: int
    bounds: Sequence[float]

    @property
    def sum(self) -> int:
        """The sum's place."""
        return self.start + len(self.bounds) + 1


class Metrics:
    """The counts of this worker, and the report of all.

    Attributes:
        row: this worker's counts, by place.
        requests_in: the place of how many requests are being read or answered.
        buffered: of how many bytes of their bodies are held.
        images: of how many were classified.

    Args:
        routes: the names of what can be asked for.
        memory: the rows of all workers, zeros at first; None if this is the only one.
        worker: the number of this one.
    """

    def __init__(
        self, routes: Iterable[str], memory: mmap.mmap | None = None, worker: int = 0
    ) -> None:
        self._places = 0
        self._pid, self._began = self._new(), self._new()
        self.requests_in, self.buffered = self._new(), self._new()
        self._kept = self._places  # from here on, what outlives a worker
        self.images, self._last = self._new(), self._new()
        self.inference = self._histogram(INFERENCE_SECONDS)
        self._phases = {phase: (self._new(), self._new()) for phase in PHASES}
        names = [*routes, NO_ROUTE]
        self._requests = {(name, status): self._new() for name in names for status in STATUSES}
        self._seconds = {name: self._histogram(REQUEST_SECONDS) for name in names}
        self._lock = threading.Lock()  # two threads count
        self._rows = np.frombuffer(memory or bytearray(ROW_BYTES), np.float64).reshape(
            -1, ROW_BYTES // 8
        )
        if self._places > self._rows.shape[1]:
            raise ValueError(f"{self._places} counts do not fit into a row")
        self._rows[worker, : self._kept] = 0
        self.row = memoryview(self._rows[worker]).cast("B").cast("d")
        self.row[self._pid], self.row[self._began] = os.getpid(), time.time()

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        with self._lock:
            self.row[self._requests[route, status]] += 1
            self._observe(self._seconds[route], seconds)

    def add_inference(self, images: int, seconds: float) -> None:
        """Counts the network's work for a request."""
        with self._lock:
            self.row[self.images] += images
            self.row[self._last] = time.time()
            self._observe(self.inference, seconds)

    def add_phases(self, seconds: Mapping[str, float]) -> None:
        """Counts some of `PHASES` of a request by the inference protocol."""
        with self._lock:
            for phase, each in seconds.items():
                count, total = self._phases[phase]
                self.row[count] += 1
                self.row[total] += each

    def statistics(self) -> dict[str, object]:
        """The inference protocol's statistics of the one model."""
        sums = self._rows.sum(axis=0)
        return {
            "last_inference": int(1000 * self._rows[:, self._last].max()),
            "inference_count": int(sums[self.images]),
            "execution_count": int(sums[self.inference.start : self.inference.sum].sum()),
            "inference_stats": {
                phase: {"count": int(sums[count]), "ns": int(1e9 * sums[total])}
                for phase, (count, total) in self._phases.items()
            },
            "batch_stats": [],
        }

    def report(self) -> str:
        """All counts in Prometheus' text format."""
        return "".join(f"{line}\n" for line in self._lines(self._rows.sum(axis=0)))

    def _new(self) -> int:
        self._places += 1
        return self._places - 1

    def _histogram(self, bounds: Sequence[float]) -> Histogram:
        start = self._places
        self._places += len(bounds) + 2
        return Histogram(start, bounds)

    def _observe(self, histogram: Histogram, value: float) -> None:
        self.row[histogram.start + bisect_left(histogram.bounds, value)] += 1
        self.row[histogram.sum] += value

    def _lines(self, sums: Sequence[float]) -> Iterator[str]:
        yield from _family(f"{NAME}_requests_total", "counter", "Requests answered.")
        for (route, status), place in self._requests.items():
            if sums[place]:
                yield (
                    f'{NAME}_requests_total{{route="{route}",status="{status}"}} {sums[place]:.0f}'
                )
        name = f"{NAME}_request_seconds"
        text = "From the end of a request's head to its answer."
        yield from _family(name, "histogram", text)
        for route, histogram in self._seconds.items():
            if not any(sums[place] for place in range(histogram.start, histogram.sum)):
                continue
            yield from _buckets(name, f'route="{route}"', histogram, sums)
        for name, kind, text, place in (
            ("images_total", "counter", "Images classified.", self.images),
            ("requests_in", "gauge", "Requests being read or answered.", self.requests_in),
            ("buffered_bytes", "gauge", "Bytes of their bodies.", self.buffered),
        ):
            yield from _family(f"{NAME}_{name}", kind, text)
            yield f"{NAME}_{name} {sums[place]:.0f}"
        name = f"{NAME}_inference_seconds"
        yield from _family(name, "histogram", "The network's time for the images of a request.")
        yield from _buckets(name, "", self.inference, sums)
        yield from _family("process_start_time_seconds", "gauge", "When the oldest worker began.")
        began = self._rows[:, self._began]
        yield f"process_start_time_seconds {began[began > 0].min():.2f}"
        yield from self._processes()

    def _processes(self) -> Iterator[str]:
        """What the system says of the workers; nothing where it has no /proc."""
        memory, seconds, files = 0, 0.0, 0
        for pid in self._rows[:, self._pid]:
            process = Path(f"/proc/{pid:.0f}")
            with suppress(OSError):  # it has ended, or there is no such folder
                memory += int((process / "statm").read_text("ascii").split()[1])
                user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                seconds += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
                files += len(os.listdir(process / "fd"))  # noqa: PTH208
        for name, kind, text, value in (
            ("resident_memory_bytes", "gauge", "Of all workers.", memory * mmap.PAGESIZE),
            ("cpu_seconds_total", "counter", "Of all workers.", seconds),
            ("open_fds", "gauge", "Of all workers.", files),
        ):
            yield from _family(f"process_{name}", kind, text)
            yield f"process_{name} {value}"


def _family(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _buckets(name: str, label: str, histogram: Histogram, sums: Sequence[float]) -> Iterator[str]:
    count = 0.0
    for place, bound in enumerate((*histogram.bounds, "+Inf"), histogram.start):
        count += sums[place]
        yield f'{name}_bucket{{{label}{"," if label else ""}le="{bound}"}} {count:.0f}'
    labels = f"{{{label}}}" if label else ""
    yield f"{name}_sum{labels} {sums[histogram.sum]}"
    yield f"{name}_count{labels} {count:.0f}"
