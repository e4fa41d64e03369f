"""Rounds of functions of which each does what the one before it does, and a part more."""

import sys
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.benchmarking import timing
from spotimes.errors import InputError


def check_rounds(rounds: int) -> None:
    """Checks the option.

    Raises:
        InputError: there are none.
    """
    if rounds < 1:
        raise InputError(f"--rounds: {rounds} is not allowed; give at least 1")


def medians(
    functions: Mapping[str, Callable[[], object]], round_ms: float, rounds: int, description: str
) -> dict[str, npt.NDArray[np.float64]]:
    """Times functions interleaved.

    Args:
        functions: by name.
        round_ms: how long each is called in a round.
        rounds: how many.
        description: of the progress bar.

    Returns:
        Of each function the median of each round in nanoseconds, shape (rounds,).
    """
    endless = timing.interleaved(functions, round_ms, np.random.default_rng(0))
    progress = tqdm(range(rounds), desc=description, unit="round", file=sys.stderr)
    taken = [next(endless) for _ in progress]
    return {name: np.array([np.median(each[name]) for each in taken]) for name in functions}
