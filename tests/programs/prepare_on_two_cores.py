"""The stage prepare, as if the process were allowed two cores."""

import signal

from spotimes.system import command, cores
from stages import prepare

# A shell's background job, as CI may be, ignores SIGINT and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
cores.allowed = lambda: 2
command.run("prepare", prepare.main)
