"""Fuzzes what reads untrusted input: `make fuzz MINUTES=30`, or one input again by its file.

    python -m tests.fuzz [--minutes M] [--executions N] [--seed S] [TARGET ...]
    python -m tests.fuzz tests/fuzz/corpus/TARGET/FILE ...

All targets share the time. Each runs in a process of its own, whose end is a finding, too. A
finding
becomes a file of the corpus, which `make test` replays; the status is then 1.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from spotimes import usage
from tests.fuzz import promise, worker
from tests.fuzz.worker import State
from tests.project import ROOT

POLL_SECONDS = 0.2
HANG_SECONDS = 60  # of an input that takes CPU time; a busy machine may keep one waiting
LONGEST_SECONDS = 600
START_SECONDS = 120
MOST_DEATHS = 5  # of a target's processes


class Result(NamedTuple):
    """What became of a target.

    Attributes:
        executions: inputs.
        findings: those that broke the promise, each kind once a process.
        seconds: how long it ran, without the start of its processes.
    """

    executions: int
    findings: int
    seconds: float


def main() -> None:
    parser = usage.parser("tests.fuzz", __doc__, "make fuzz MINUTES=30 SEED=1")
    parser.add_argument("what", nargs="*", metavar="TARGET", help="or a file of the corpus")
    parser.add_argument("--minutes", type=float, default=1, help="of all targets together (1)")
    parser.add_argument("--executions", type=int, default=2**40, help="of each, at most")
    parser.add_argument("--seed", type=int, default=0, help="of the first run (0)")
    parser.add_argument("--engine", choices=worker.ENGINES, help="one of them alone")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end the worker
    files = [Path(each) for each in arguments.what if Path(each).is_file()]
    if files:
        replay(files)
        return
    names = arguments.what or worker.TARGETS
    if unknown := set(names) - set(worker.TARGETS):
        parser.error(f"{min(unknown)}: is no target; there are {', '.join(worker.TARGETS)}")
    seconds = 60 * arguments.minutes / len(names)
    print(f"{'target':15} {'executions':>12} {'findings':>9} {'per second':>11}", flush=True)
    findings = 0
    for name in names:
        engines = (arguments.engine,) if arguments.engine else engines_for(name)
        results = [
            fuzzed(name, engine, seconds / len(engines), arguments.executions, arguments.seed)
            for engine in engines
        ]
        executions = sum(each.executions for each in results)
        found = sum(each.findings for each in results)
        rate = executions / max(1e-9, sum(each.seconds for each in results))
        print(f"{name:15} {executions:12,} {found:9} {rate:11,.0f}", flush=True)
        findings += found
    sys.exit(findings > 0)


def engines_for(name: str) -> tuple[str, ...]:
    """Atheris as well, where it is installed; it does not see what happens in a server."""
    guided = worker.has_atheris() and name != "http_requests"
    return worker.ENGINES if guided else worker.ENGINES[:1]


def replay(files: Sequence[Path]) -> None:
    """Runs files of the corpus again, in this process; what breaks the promise raises."""
    for name, group in itertools.groupby(files, key=lambda file: file.resolve().parent.name):
        with (
            tempfile.TemporaryDirectory() as folder,
            worker.load(name).checking(Path(folder)) as check,
        ):
            for file in group:
                print(file, end=": ", flush=True)
                promise.keep(check, file.read_bytes())
                print("keeps the promise")


def fuzzed(name: str, engine: str, seconds: float, executions: int, seed: int) -> Result:
    """Runs a target in processes of its own until its time is over."""
    target = worker.load(name)
    spent, findings, done, deaths = 0.0, 0, 0, 0
    while spent < seconds and done < executions and deaths < MOST_DEATHS:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            state, log = Path(folder) / "state", Path(folder) / "log"
            state.write_bytes(bytes(worker.STATE_BYTES))
            given = {
                "engine": engine,
                "seconds": seconds - spent,
                "executions": executions - done,
                "seed": seed + 1000 * deaths,
                "state": state,
                "folder": folder,
            }
            command = [sys.executable, "-m", "tests.fuzz.worker", name]
            with log.open("wb") as errors:
                process = subprocess.Popen(
                    command + [f"--{key}={value}" for key, value in given.items()],
                    stderr=errors,
                    cwd=ROOT,
                    start_new_session=True,  # so that its own processes can be ended with it
                )
            reason, took = watched(process, state, seconds - spent)
            last = State.read(state)
            spent += took
            done += last.executions
            findings += last.findings
            if not reason:
                break
            deaths += 1
            text = log.read_text(encoding="utf-8", errors="replace")
            if not last.since:
                raise RuntimeError(f"{name}: {reason}, at no input:\n{text[-3000:]}")
            findings += 1
            worker.record(target, last.content, f"{text}\n{reason}")
    return Result(done, findings, spent)


def watched(process: "subprocess.Popen[bytes]", state: Path, seconds: float) -> tuple[str, float]:
    """Why a worker ended, empty if it was done, and how long it ran."""
    started = time.monotonic()
    first = None
    since, cpu = 0.0, 0.0
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            now, last = time.monotonic(), _head(state)
            if first is None and last.executions:
                first = now
            if last.since != since:
                since, cpu = last.since, _cpu_seconds(process.pid)
            waited = now - since if since else 0
            busy = waited > HANG_SECONDS and _cpu_seconds(process.pid) - cpu > promise.MOST_SECONDS
            if busy or waited > LONGEST_SECONDS:
                return f"hung for {waited:.0f} s", now - (first or started)
            if now - started > seconds + LONGEST_SECONDS + START_SECONDS:
                raise RuntimeError("a worker does not end")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    took = time.monotonic() - (first or started)
    return ("" if process.returncode == 0 else f"ended with {process.returncode}"), took


def _cpu_seconds(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return 0
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _head(state: Path) -> State:
    with state.open("rb") as file:
        executions, findings, since, _ = worker.HEAD.unpack(file.read(worker.HEAD.size))
    return State(executions, findings, since, b"")


if __name__ == "__main__":
    main()
