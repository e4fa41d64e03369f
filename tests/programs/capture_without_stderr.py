"""Captures standard error where no folder can be written to, and then where it is closed."""

import os
import tempfile

from spotimes.system.native_stderr import captured

tempfile.tempdir = "/nowhere"
with captured() as kept:
    os.write(2, b"reported")
assert kept.getvalue() == b"reported"
os.close(2)
with captured() as kept:
    pass
assert kept.getvalue() == b""
