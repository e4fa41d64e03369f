"""Writes half of a file, says so, and waits to be killed."""

import sys
from pathlib import Path

from spotimes.system import atomic

with atomic.replacing(Path(sys.argv[1])) as beside:
    beside.write_bytes(b"half")
    print("written", flush=True)
    sys.stdin.read()
