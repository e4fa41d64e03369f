"""Our server beside what people would write or install, by turns on this machine.

    python -m benchmarks.serving_peers

The peers are in benchmarks/serving_peers/peers: fifteen lines of FastAPI on uvicorn[standard],
which classify a picture, and MLServer, which speaks our inference protocol. Each is installed in an
environment of its own in .peers, as it is pinned. All run at once, and wrk (apt-get install wrk)
loads one after another, in another order each turn: with a picture, and with a tensor as bytes
after the JSON (`tensor`) or as numbers in it (`json`). All classify the same picture by the same
model and runtime, and must give it the same class.

Prints medians over the turns, and of each turn's ratios; metrics/serving_peers.csv gets every turn.
--workers 2 measures our server a second time, with so many processes. A peer that cannot be
installed or does not start is reported, the others are measured, and the status is 2. Takes five
minutes, the first time three more.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
from tqdm import tqdm

from benchmarks import wrk
from benchmarks.project import MODEL, PICTURE, ROOT
from benchmarks.serving import Sent, Server, sent_requests, serving
from benchmarks.serving_peers import answers, measurements
from benchmarks.serving_peers.measurements import OURS, Row
from benchmarks.serving_peers.peers import PEERS, running
from spotimes.errors import InputError
from spotimes.inference.contract import read_contract
from spotimes.system import atomic, command

ROWS = ROOT / "metrics/serving_peers.csv"
WARMUP_SECONDS = 1
Contenders = dict[tuple[str, str], tuple[Server, Sent]]


def main() -> None:
    """Measures all servers, and prints two Markdown tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving_peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=5, help="of each (5)")
    parser.add_argument("--seconds", type=int, default=3, help="of load in a turn (3)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64], help="(1 8 64)")
    parser.add_argument("--workers", type=int, help="processes of ours, measured besides")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is sent")
    arguments = parser.parse_args()
    for name in ("turns", "seconds"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name}: {getattr(arguments, name)} is not allowed; give 1 or more")
    if min(arguments.connections) < 1:
        raise InputError("--connections: 0 are not allowed; give 1 or more")
    wrk.check_installed()
    requests = sent_requests(arguments.picture)
    with ExitStack() as stack:
        contenders, failures = started(stack, requests, arguments.workers)
        rows = measured(contenders, arguments.connections, arguments.turns, arguments.seconds)
    atomic.write_text(ROWS, measurements.as_csv(rows))
    print(measurements.table(rows))
    print(f"\n{measurements.ratios(measurements.comparisons(rows))}")
    for doubt in measurements.doubts(rows):
        print(f"serving_peers: {doubt}", file=sys.stderr)
    if failures:
        raise InputError(f"not measured: {'; '.join(failures)}")


def started(
    stack: ExitStack, requests: dict[str, Sent], workers: int | None
) -> tuple[Contenders, list[str]]:
    """Starts all servers until the stack ends.

    Returns:
        Each server and a request for it, by the server's name and the kind of request; and why
        servers are not among them.

    Raises:
        InputError: one answers another class than ours does.
    """
    contenders: Contenders = {}
    ours = stack.enter_context(serving())
    contenders |= {(OURS, kind): (ours, sent) for kind, sent in requests.items()}
    if workers:
        several = stack.enter_context(serving("--workers", f"{workers}"))
        name = f"{OURS}, {workers} workers"
        contenders |= {(name, kind): (several, sent) for kind, sent in requests.items()}
    failures = []
    for peer in PEERS:
        try:
            server = stack.enter_context(running(peer))
        except InputError as error:
            failures.append(f"{peer.name} {error}")
            continue
        contenders |= {(peer.name, kind): (server, requests[kind]) for kind in peer.requests}
    names = read_contract(MODEL).class_names
    found = {
        key: answers.likeliest(sent, server.port, names)
        for key, (server, sent) in contenders.items()
    }
    if len(set(found.values())) > 1:
        raise InputError(f"the servers do not answer the same: {found}")
    return contenders, failures


def measured(contenders: Contenders, connections: list[int], turns: int, seconds: int) -> list[Row]:
    """Loads one server after another, each turn in another order.

    Returns:
        Rows, sorted by the kind of request, the connections, the server and the turn.
    """
    for server, sent in tqdm(contenders.values(), desc="warming up", file=sys.stderr):
        wrk.load(sent, server.port, min(connections), WARMUP_SECONDS)
    keys = [*contenders]
    jobs = [(turn, count) for turn in range(1, turns + 1) for count in connections]
    generator = np.random.default_rng(0)
    rows: list[tuple[int, Row]] = []
    for turn, count in tqdm(jobs, desc="measuring", file=sys.stderr):
        for index in generator.permutation(len(keys)).tolist():
            name, kind = keys[index]
            server, sent = contenders[name, kind]
            load = wrk.load(sent, server.port, count, seconds)
            process = psutil.Process(server.pid)
            sizes = [each.memory_info().rss for each in (process, *process.children(True))]
            row = Row(name, kind, count, turn, load, max(sizes) / 2**20, len(sizes))
            rows.append((index, row))
    kinds = [kind for _, kind in keys]
    rows.sort(key=lambda pair: (kinds.index(pair[1].request), pair[1].connections, *pair))
    return [row for _, row in rows]


if __name__ == "__main__":
    command.run("serving_peers", main)
