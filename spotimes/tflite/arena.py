"""The RAM that a model needs on a microcontroller, measured without the board.

TensorFlow Lite Micro plans all of a model's memory into one arena. Its Python interpreter is the
same code on this machine, so what its allocator reports is what the board must have (with 64-bit
pointers in the few structures that hold some, so a little more than on a 32-bit board).
"""

import re
from typing import NamedTuple

import numpy as np

from spotimes.system import native_stderr

TOTAL = re.compile(rb"Arena allocation total (\d+) bytes")
NO_WHEEL = "tflite-micro has no wheel for this system; its wheels are for Linux on x86-64"


class Arena(NamedTuple):
    """A measurement.

    Attributes:
        bytes: the arena, or None where it could not be measured.
        note: why not, or None.
    """

    bytes: int | None
    note: str | None


def measure(content: bytes) -> Arena:
    """Runs one inference of a .tflite file in the microcontroller runtime and reads its arena."""
    try:
        from tflite_micro import runtime  # noqa: PLC0415  # a wheel that not every system has
    except ImportError:
        return Arena(None, NO_WHEEL)
    try:
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=64 * 2**20)
        details = interpreter.get_input_details(0)
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
        interpreter.invoke()
    except RuntimeError as error:
        return Arena(None, f"the microcontroller runtime cannot run this model: {error}")
    with native_stderr.captured() as report:
        interpreter.print_allocations()
    found = TOTAL.search(report.getvalue())
    return Arena(int(found[1]), None) if found else Arena(None, "the runtime reported no arena")
