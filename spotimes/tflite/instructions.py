"""What an inference costs in instructions: a cost that does not depend on the day.

Run as `python -m spotimes.tflite.instructions MODEL` it is the process that valgrind counts.
Counted by valgrind's callgrind, which runs the process on a CPU of its own making: AVX2 is the most
that it has, so XNNPACK takes those kernels on whatever machine, and two machines count the same.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from spotimes.inference.interpreter import fill_inputs, invoke, load_interpreter, zeros
from spotimes.system import command

INFERENCES = 10
SPREAD = 0.001  # as a share, of counts of one model: ten runs' and two machines' were within it
LONGEST_SECONDS = 600  # for a network a hundred times the default's
# What LiteRT's Python interpreter calls for an inference, as its library's symbols name it.
INVOKE = "tflite::Subgraph::Invoke()"
COLLECTED = re.compile(r"Collected : (\d+)")
NAME = "instructions"
MODULE = f"spotimes.tflite.{NAME}"
ROOT = Path(__file__).resolve().parents[2]
NO_VALGRIND = "valgrind is not installed: apt-get install valgrind"


class Instructions(NamedTuple):
    """A count.

    Attributes:
        number: of instructions of one inference, or None where they could not be counted.
        note: why not, or None.
    """

    number: int | None
    note: str | None


def measure(path: Path) -> Instructions:
    """Counts those of a .tflite file on one thread; takes about 5 seconds."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return Instructions(None, NO_VALGRIND)
    with tempfile.TemporaryDirectory() as folder:
        program = [
            valgrind,
            "--tool=callgrind",
            f"--toggle-collect={INVOKE}",
            f"--callgrind-out-file={folder}/out",
            *(sys.executable, "-m", MODULE, str(path.absolute()), "--inferences", str(INFERENCES)),
        ]
        try:
            done = subprocess.run(
                program,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Instructions(None, f"valgrind took more than {LONGEST_SECONDS} seconds")
    found = COLLECTED.search(done.stderr)
    if done.returncode or found is None:
        said = [line for line in done.stderr.splitlines() if line and not line.startswith("==")]
        last = (said or ["no reason given"])[-1]  # "==" begins a line of valgrind's own
        return Instructions(None, f"valgrind failed with status {done.returncode}: {last}")
    if int(found[1]) == 0:
        return Instructions(None, f"this LiteRT has no {INVOKE} by which to count an inference")
    return Instructions(round(int(found[1]) / INFERENCES), None)


def main() -> None:
    """The process that is counted: it loads a model and runs it."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--inferences", type=int, default=INFERENCES)
    arguments = parser.parse_args()
    interpreter = load_interpreter(arguments.model)
    fill_inputs(interpreter, zeros)
    for _ in range(arguments.inferences):
        invoke(interpreter, arguments.model)


if __name__ == "__main__":
    command.run(NAME, main)
