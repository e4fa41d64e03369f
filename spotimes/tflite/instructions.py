"""What an inference costs in instructions: a cost that does not depend on the day.

Counted by valgrind's callgrind, which runs the process on a CPU of its own making: AVX2 is the most
that it has, so XNNPACK takes those kernels on whatever machine, and two machines count the same.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

INFERENCES = 10
SPREAD = 0.001  # as a share, of counts of one model: ten runs' and two machines' were within it
LONGEST_SECONDS = 600  # for a network a hundred times the default's
# What LiteRT's Python interpreter calls for an inference, as its library's symbols name it.
INVOKE = "tflite::Subgraph::Invoke()"
COLLECTED = re.compile(r"Collected : (\d+)")
SCRIPT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
for tensor in interpreter.get_input_details():
    interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
for _ in range(int(sys.argv[2])):
    interpreter.invoke()
"""
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
        command = [
            valgrind,
            "--tool=callgrind",
            f"--toggle-collect={INVOKE}",
            f"--callgrind-out-file={folder}/out",
            *(sys.executable, "-c", SCRIPT, str(path), str(INFERENCES)),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
            )
        except subprocess.TimeoutExpired:
            return Instructions(None, f"valgrind took more than {LONGEST_SECONDS} seconds")
    found = COLLECTED.search(done.stderr)
    if done.returncode or found is None:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Instructions(None, f"valgrind failed with status {done.returncode}: {last}")
    if int(found[1]) == 0:
        return Instructions(None, f"this LiteRT has no {INVOKE} by which inferences are told apart")
    return Instructions(round(int(found[1]) / INFERENCES), None)
