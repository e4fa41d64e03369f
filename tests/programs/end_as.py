"""A command that ends as its argument says, after a clean-up that it reports."""

import errno
import os
import signal
import sys
from collections.abc import Callable

from spotimes.errors import InputError, LimitBrokenError
from spotimes.system import command


def _oserror(number: int, *path: str) -> OSError:
    return OSError(number, os.strerror(number), *path)


ERRORS: dict[str, Callable[[], Exception]] = {
    "input": lambda: InputError("train.epochs: 0 is not allowed"),
    "lines": lambda: InputError("first\n   second\tthird"),
    "full disk": lambda: _oserror(errno.ENOSPC, "models/model.keras"),
    "full disk, unnamed": lambda: _oserror(errno.ENOSPC),
    "forbidden": lambda: _oserror(errno.EACCES, "models"),
    "limit": lambda: LimitBrokenError("bytes, top1"),
    "defect": lambda: ValueError("broken"),
    "no such file": lambda: _oserror(errno.ENOENT, "/no/such"),
}


def main() -> None:
    try:
        if how == "wait":
            print("here", flush=True)
            sys.stdin.read()
        elif how != "return":
            raise ERRORS[how]()
    finally:
        print("cleaned up", flush=True)


(how,) = sys.argv[1:]
# A shell's background job, as CI may be, ignores SIGINT and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
command.run("stage", main)
