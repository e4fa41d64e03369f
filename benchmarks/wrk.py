"""wrk, the load generator: one request again and again over some connections."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.project import ROOT
from benchmarks.serving import Sent
from spotimes.errors import InputError


class Load(NamedTuple):
    """What wrk measured.

    Attributes:
        rate: requests a second.
        p50, p99: of the latencies, in milliseconds.
        refused: answers 4xx and 5xx.
        failed: requests without an answer.
        core: the share of one core that wrk took; near 1 it is what limits the rate.
    """

    rate: float
    p50: float
    p99: float
    refused: int
    failed: int
    core: float


def check_installed() -> None:
    """Checks that wrk is there.

    Raises:
        InputError: it is not.
    """
    if shutil.which("wrk") is None:
        raise InputError("wrk is not there: apt-get install wrk")


def load(
    sent: Sent,
    port: int,
    connections: int,
    seconds: int,
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> Load:
    """Sends a request as often as it is answered, on one thread of wrk.

    Args:
        sent: the request.
        port: of the server, on loopback.
        connections: each sends a request as soon as the one before is answered.
        seconds: whole ones, as wrk takes them.
        meanwhile: is called once wrk runs.

    Raises:
        InputError: wrk fails, as it does where nobody listens.
    """
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(sent.body)
        headers = [word for header in sent.headers.items() for word in header]
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s"]
        url = f"http://127.0.0.1:{port}{sent.path}"
        with subprocess.Popen(
            ["wrk", *options, ROOT / "benchmarks/wrk.lua", url, "--", body, *headers],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as wrk:
            assert wrk.stderr is not None
            meanwhile()
            text = wrk.stderr.read()
            _, status, usage = os.wait4(wrk.pid, 0)
            wrk.returncode = os.waitstatus_to_exitcode(status)
    if wrk.returncode:
        raise InputError(f"wrk ended with status {wrk.returncode}: {' '.join(text.split())}")
    found = json.loads(text)
    taken = found["microseconds"] / 1e6
    return Load(
        found["requests"] / taken,
        found["p50"] / 1e3,
        found["p99"] / 1e3,
        found["refused"],
        found["failed"],
        (usage.ru_utime + usage.ru_stime) / taken,
    )
