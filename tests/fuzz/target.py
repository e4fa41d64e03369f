"""A reader of untrusted input, and inputs for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from hypothesis.strategies import SearchStrategy

Check = Callable[[bytes], None]


class Target(NamedTuple):
    """What is fuzzed.

    Attributes:
        name: of its folder in the corpus.
        suffix: of its files there.
        seeds: makes good inputs, which both engines change.
        inputs: makes Hypothesis' strategy of inputs.
        checking: gives the check of one input for as long as a block runs; it may use the folder.
    """

    name: str
    suffix: str
    seeds: Callable[[], list[bytes]]
    inputs: Callable[[], SearchStrategy[bytes]]
    checking: Callable[[Path], AbstractContextManager[Check]]
