"""Runs the app in a process that has a child already, as a container's first may get orphans."""

import os
import time

from app.__main__ import main

if os.fork() == 0:
    time.sleep(300)  # or until the test ends it
    os._exit(0)
main()
