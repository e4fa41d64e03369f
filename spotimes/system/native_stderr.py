"""What C++ libraries write to standard error, which Python's `sys.stderr` does not see."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def captured() -> Iterator[io.BytesIO]:
    """Captures what is written to file descriptor 2 while the block runs.

    Yields:
        A buffer that is empty during the block and holds it all afterwards.
    """
    content = io.BytesIO()
    try:
        saved = os.dup(2)
    except OSError:  # it is closed: nothing can be written there
        yield content
        return
    with _scratch_file() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield content
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            content.write(file.read())


def _scratch_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):  # a device's file system may well be read-only
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()
