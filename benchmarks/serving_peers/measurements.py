"""What was measured of servers by turns: medians, ratios, and the CSV of all turns."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.wrk import Load

OURS = "Spotimes"
SATURATED = 0.9  # of a core, from which on wrk may be what limits the rate


class Row(NamedTuple):
    """One server under one kind of request, in one turn.

    Attributes:
        server: its name.
        request: its kind.
        connections: over which it was sent.
        turn: from 1.
        load: what wrk measured.
        mebibytes: the resident set of the largest of the server's processes, after the load.
        processes: how many the server has.
    """

    server: str
    request: str
    connections: int
    turn: int
    load: Load
    mebibytes: float
    processes: int


class Comparison(NamedTuple):
    """Two servers, or a server with itself under another kind of request.

    Attributes:
        what: two of a row's (server, request), the first to be compared with the second.
        connections: over which.
        rate: the first's requests a second, divided by the second's: a ratio a turn.
        p99: likewise of the latency.
    """

    what: tuple[tuple[str, str], tuple[str, str]]
    connections: int
    rate: list[float]
    p99: list[float]


def as_csv(rows: Iterable[Row]) -> str:
    """All turns, a line each."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        (
            *("server", "request", "connections", "turn", "requests_per_second", "p50_ms"),
            *("p99_ms", "refused", "failed", "wrk_core", "rss_mib", "processes"),
        )
    )
    for row in rows:
        load = row.load
        table.writerow(
            (
                *(row.server, row.request, row.connections, row.turn, f"{load.rate:.1f}"),
                *(f"{load.p50:.3f}", f"{load.p99:.3f}", load.refused, load.failed),
                *(f"{load.core:.2f}", f"{row.mebibytes:.1f}", row.processes),
            )
        )
    return text.getvalue()


def table(rows: Sequence[Row]) -> str:
    """Markdown: the medians over the turns."""
    columns = ("request", "connections", "server", "requests/s", "p50, ms", "p99, ms", "4xx, 5xx")
    lines = [
        f"| {' | '.join(columns)} | failed | RSS of a process, MiB | wrk's share of a core |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key in dict.fromkeys((row.request, row.connections, row.server) for row in rows):
        chosen = [row for row in rows if (row.request, row.connections, row.server) == key]
        loads = [row.load for row in chosen]
        cells = (
            *map(str, key),
            f"{median(load.rate for load in loads):,.0f}",
            f"{median(load.p50 for load in loads):.2f}",
            f"{median(load.p99 for load in loads):.2f}",
            f"{sum(load.refused for load in loads)}",
            f"{sum(load.failed for load in loads)}",
            f"{max(row.mebibytes for row in chosen):.0f}",
            f"{median(load.core for load in loads):.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def comparisons(rows: Sequence[Row]) -> list[Comparison]:
    """Ours beside each other server that answers the same, and beside itself.

    Tensors as bytes are compared with the JSON of every server, which is what they replace.
    """
    names = dict.fromkeys(row.server for row in rows)
    pairs = []
    for request in dict.fromkeys(row.request for row in rows):
        for name in names:
            if name.startswith(f"{OURS}, "):  # with several workers
                pairs.append(((name, request), (OURS, request)))
            elif name != OURS:
                pairs.append(((OURS, request), (name, request)))
    others = [name for name in names if not name.startswith(f"{OURS}, ")]
    pairs += [((OURS, "tensor"), (name, "json")) for name in others]
    found = []
    for first, second in pairs:
        for connections in dict.fromkeys(row.connections for row in rows):
            firsts, seconds = (
                [row.load for row in rows if (row[:2], row.connections) == (each, connections)]
                for each in (first, second)
            )
            if firsts and seconds:
                rate, p99 = (
                    [value(a) / value(b) for a, b in zip(firsts, seconds, strict=True)]
                    for value in VALUES
                )
                found.append(Comparison((first, second), connections, rate, p99))
    return found


VALUES: tuple[Callable[[Load], float], ...] = (lambda load: load.rate, lambda load: load.p99)


def ratios(found: Iterable[Comparison]) -> str:
    """Markdown: the median ratio of the turns, and the lowest and the highest."""
    lines = [
        "| compared | connections | ratio of requests/s | ratio of p99 |",
        "| --- | ---: | ---: | ---: |",
    ]
    for each in found:
        first, second = (" ".join(words) for words in each.what)
        cells = (f"{median(a):.2f} ({min(a):.2f} to {max(a):.2f})" for a in (each.rate, each.p99))
        lines.append(f"| {first} / {second} | {each.connections} | {' | '.join(cells)} |")
    return "\n".join(lines)


def doubts(rows: Iterable[Row]) -> list[str]:
    """Why some figures are not to be taken as they are, a line each."""
    found = []
    for row in rows:
        where = f"{row.server}, {row.request}, {row.connections} connections, turn {row.turn}"
        if row.load.refused or row.load.failed:
            found.append(f"{where}: {row.load.refused} refused, {row.load.failed} failed")
        if row.load.core > SATURATED:
            found.append(f"{where}: wrk took {row.load.core:.0%} of a core, and may be the limit")
    return found
