"""What a model costs a process that only runs it: the first inference and the peak RSS.

Run as `python -m spotimes.benchmarking.process_cost MODEL --threads N` it is that process: it
imports NumPy and LiteRT, loads the model, invokes it once and prints one line of JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from spotimes.errors import InputError
from spotimes.inference.interpreter import fill_inputs, invoke, load_interpreter, zeros
from spotimes.system import command

NAME = "process_cost"
MODULE = f"spotimes.benchmarking.{NAME}"
ROOT = Path(__file__).resolve().parents[2]


class ProcessCost(NamedTuple):
    """Medians over fresh processes.

    Attributes:
        first_inference_ms: from opening the file to the first result: load, allocate, invoke.
        peak_rss_bytes: the most memory that the process had resident until then. It includes the
            Python interpreter, NumPy, the runtime's code as far as it was touched, the model's
            file, its unpacked weights and its tensors; pages that other processes share count in
            full.
        rss_before_load_bytes: the memory resident before the model's file is opened; what the peak
            is above it is the model's and the kernels' that it uses.
    """

    first_inference_ms: float
    peak_rss_bytes: int
    rss_before_load_bytes: int


def measure(path: Path, threads: int, processes: int) -> ProcessCost:
    """Runs the model in fresh processes, one after another.

    Args:
        path: a .tflite file.
        threads: of the runtime.
        processes: how many, at least 1.

    Returns:
        The median of each figure.

    Raises:
        InputError: the model cannot be loaded or run.
    """
    runs = [_in_fresh_process(path, threads) for _ in range(processes)]
    return ProcessCost(
        median(run["first_inference_ms"] for run in runs),
        round(median(run["peak_rss_bytes"] for run in runs)),
        round(median(run["rss_before_load_bytes"] for run in runs)),
    )


def _in_fresh_process(path: Path, threads: int) -> dict[str, float]:
    child = subprocess.run(
        [sys.executable, "-m", MODULE, str(path.absolute()), "--threads", str(threads)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    last_words = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if child.returncode == 2:  # how `command.run` ends on bad input
        raise InputError(last_words.removeprefix(f"{NAME}: "))
    if child.returncode != 0:
        raise InputError(
            f"{path}: the process that ran it ended with status {child.returncode}: {last_words}"
        )
    figures: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return figures


def run_once(path: Path, threads: int) -> dict[str, float]:
    """Loads and invokes the model in this process; the peak is meaningful in a fresh one only."""
    before = _memory_bytes("VmRSS")
    start = time.perf_counter_ns()
    interpreter = load_interpreter(path, threads)
    fill_inputs(interpreter, zeros)
    invoke(interpreter, path)
    end = time.perf_counter_ns()
    return {
        "first_inference_ms": (end - start) / 1e6,
        "peak_rss_bytes": _memory_bytes("VmHWM"),
        "rss_before_load_bytes": before,
    }


def _memory_bytes(line: str) -> int:
    """This process' memory, by a line of Linux's /proc/self/status; elsewhere the peak so far."""
    # Linux keeps ru_maxrss across exec, so there it would be the parent's peak.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * next(int(text.split()[1]) for text in status.splitlines() if line in text)
    except (OSError, StopIteration):
        import resource  # noqa: PLC0415  Windows has none

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


def main() -> None:
    """The fresh process."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(run_once(arguments.model, arguments.threads)))


if __name__ == "__main__":
    command.run(NAME, main)
