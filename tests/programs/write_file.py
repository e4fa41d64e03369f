"""Writes a file: `write_file PATH CONTENT`."""

import sys
from pathlib import Path

from spotimes.system import atomic

atomic.write_text(Path(sys.argv[1]), sys.argv[2])
