"""How the server answers under load: requests a second, latency, errors, and whether memory stays.

    python -m benchmarks.server_load --seconds 60

It starts `app serve`, has wrk (apt-get install wrk) send it one request after another over 1, 8
and 64 connections, and prints a row each: pictures to be decoded, and tensors by the inference
protocol. Both share this machine's cores, so a server with them to itself answers more. Memory is
the server's resident set, at the end of a row's first tenth and at its end.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from benchmarks.project import PICTURE, ROOT
from benchmarks.serving import Sent, sent_requests, serving
from spotimes.errors import InputError
from spotimes.system import command

CONNECTIONS = (1, 8, 64)


def main() -> None:
    """Measures each kind of request over each number of connections; prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="a row (60)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is sent")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise InputError("wrk is not there: apt-get install wrk")
    requests = sent_requests(arguments.picture)
    columns = ("request", "connections", "requests/s", "p50, ms", "p99, ms", "4xx, 5xx", "failed")
    print(f"| {' | '.join(columns)} | memory, MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = [(name, connections) for name in requests for connections in CONNECTIONS]
    for name, connections in tqdm(rows, unit="row", file=sys.stderr):
        found = measured(requests[name], connections, arguments.seconds)
        print(
            f"| {name} | {connections} | {found['rate']:,.0f} | {found['p50'] / 1e3:.2f} "
            f"| {found['p99'] / 1e3:.2f} | {found['refused']} | {found['failed']} "
            f"| {found['memory_early']:.0f} to {found['memory_late']:.0f} |",
            flush=True,
        )


def measured(sent: Sent, connections: int, seconds: int) -> dict[str, Any]:
    """Loads a server of its own; wrk's figures, latencies in microseconds, memory in MiB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving() as server,
    ):
        body = Path(folder) / "body"
        body.write_bytes(sent.body)
        headers = [word for header in sent.headers.items() for word in header]
        script = str(ROOT / "benchmarks/wrk.lua")
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", script]
        url = f"http://127.0.0.1:{server.port}{sent.path}"
        process = psutil.Process(server.pid)
        with subprocess.Popen(
            ["wrk", *options, url, "--", str(body), *headers],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as wrk:
            time.sleep(max(1, seconds / 10))
            early = process.memory_info().rss
            _, figures = wrk.communicate()
        late = process.memory_info().rss
    found: dict[str, Any] = json.loads(figures)
    return found | {
        "rate": found["requests"] / found["microseconds"] * 1e6,
        "memory_early": early / 2**20,
        "memory_late": late / 2**20,
    }


if __name__ == "__main__":
    command.run("server_load", main)
