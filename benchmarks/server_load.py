"""How the server answers under load: requests a second, latency, errors, and whether memory stays.

    python -m benchmarks.server_load --seconds 60

It starts `app serve`, has wrk (apt-get install wrk) send it one request after another over 1, 8
and 64 connections, and prints a row each: pictures to be decoded, and tensors by the inference
protocol. Both share this machine's cores, so a server with them to itself answers more. Memory is
the server's resident set, at the end of a row's first tenth and at its end.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from tqdm import tqdm

from benchmarks import wrk
from benchmarks.project import PICTURE
from benchmarks.serving import Sent, sent_requests, serving
from benchmarks.wrk import Load
from spotimes import usage
from spotimes.system import command

CONNECTIONS = (1, 8, 64)


def main() -> None:
    """Measures each kind of request over each number of connections; prints a Markdown table."""
    parser = usage.parser("benchmarks.server_load", __doc__, "python -m benchmarks.server_load")
    parser.add_argument("--seconds", type=int, default=60, help="a row (60)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is sent")
    arguments = parser.parse_args()
    wrk.check_installed()
    requests = sent_requests(arguments.picture)
    columns = ("request", "connections", "requests/s", "p50, ms", "p99, ms", "4xx, 5xx", "failed")
    print(f"| {' | '.join(columns)} | memory, MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = [(name, connections) for name in requests for connections in CONNECTIONS]
    for name, connections in tqdm(rows, unit="row", file=sys.stderr):
        load, early, late = measured(requests[name], connections, arguments.seconds)
        print(
            f"| {name} | {connections} | {load.rate:,.0f} | {load.p50:.2f} | {load.p99:.2f} "
            f"| {load.refused} | {load.failed} | {early:.0f} to {late:.0f} |",
            flush=True,
        )


class Measured(NamedTuple):
    """wrk's figures, and the server's resident set early and late, in MiB."""

    load: Load
    early: float
    late: float


def measured(sent: Sent, connections: int, seconds: int) -> Measured:
    """Loads a server of its own."""
    memory: list[float] = []
    with serving() as server:
        process = psutil.Process(server.pid)

        def look() -> None:
            memory.append(process.memory_info().rss / 2**20)

        def look_early() -> None:
            time.sleep(max(1, seconds / 10))
            look()

        load = wrk.load(sent, server.port, connections, seconds, meanwhile=look_early)
        look()
    return Measured(load, *memory)


if __name__ == "__main__":
    command.run("server_load", main)
