"""What C++ libraries write to standard error, which Python's `sys.stderr` does not see."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def captured() -> Iterator[io.BytesIO]:
    """Keeps what goes to file descriptor 2 while the block runs.

    Yields:
        A buffer that is empty during the block and holds it all afterwards.
    """
    kept = io.BytesIO()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield kept
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            kept.write(file.read())
