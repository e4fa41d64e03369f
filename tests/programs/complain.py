"""Prints its argument on standard error."""

import sys

print(sys.argv[1], file=sys.stderr)
