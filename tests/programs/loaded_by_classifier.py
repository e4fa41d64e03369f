"""Prints the top-level modules that importing the classifier loads."""

import sys

import spotimes.inference.classifier  # noqa: F401

print(*{name.partition(".")[0] for name in sys.modules})
