"""What is promised of any input: no crash, no hang, a limit of memory, and errors of one line."""

import resource
import time
from collections.abc import Callable

from spotimes.errors import UNPRINTABLE, InputError

MOST_SECONDS = 10  # of CPU time for an input, on a slow machine
MOST_BYTES = 2**30  # that a process grows by
LONGEST_MESSAGE = 4000


class BrokenError(AssertionError):
    """An input breaks the promise without an exception."""


def keep(check: Callable[[bytes], None], content: bytes) -> None:
    """Runs a check of one input.

    Args:
        check: reads the input, and raises InputError if it refuses it.
        content: the input.

    Raises:
        BrokenError: it took too long or too much memory, or its error is not one line.
        Exception: what the check raises besides InputError, which is a defect, too.
    """
    memory, began = _peak(), time.process_time()
    try:
        check(content)
    except InputError as error:
        message = str(error)
        if UNPRINTABLE.search(message) or not 1 <= len(message) <= LONGEST_MESSAGE:
            raise BrokenError(f"the message is not one short line: {message[:500]!r}") from error
    seconds, grown = time.process_time() - began, _peak() - memory
    if seconds > MOST_SECONDS:
        raise BrokenError(f"took {seconds:.1f} s")
    if grown > MOST_BYTES:
        raise BrokenError(f"took {grown >> 20} MiB")


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
