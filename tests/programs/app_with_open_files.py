"""Runs the app where few files may be open: `SOFT HARD` limits, then the app's arguments."""

import resource
import sys

from app.__main__ import main

limits = int(sys.argv.pop(1)), int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
main()
