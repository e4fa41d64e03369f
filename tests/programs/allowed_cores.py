"""Prints how many cores are allowed to a process that may run on this one alone: CORE."""

import os
import sys

from spotimes.system import cores

os.sched_setaffinity(0, [int(sys.argv[1])])
print(cores.allowed())
