"""Runs a module as `python -m` does: `peak_memory MODULE`; its last memory is in ./status.

Of a process that `wait4` reports, the peak is at least that of the one which started it; Linux's
own /proc/self/status counts from the program's start.
"""

import runpy
import sys
from pathlib import Path

try:
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
finally:
    Path("status").write_text(Path("/proc/self/status").read_text(encoding="ascii"))
