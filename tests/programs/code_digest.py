"""Prints the digest of the project's files that it imports."""

from spotimes.training.determinism import code_digest

print(code_digest())
