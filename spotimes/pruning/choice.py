"""Widths inside a backbone's blocks that lose the least of what the blocks compute, within limits.

From the published widths on, the block is narrowed that loses least for what the whole is nearer to
the limits, until it is within them; then what still has room is widened again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STEP = 8  # channels; the kernels of phones and of microcontrollers take as many at a time

# By the figures' names; of measured ones, what could not be measured is not there.
Costs = Mapping[str, int]
Limits = Mapping[str, float]
SharesOf = Callable[[Sequence[int]], Sequence[float]]


class Inside(NamedTuple):
    """The channels inside a block.

    Attributes:
        block: the block's number, from 1.
        importance: float64, shape (channels,): by how much the block's outputs change without each,
            the last to go first.
        fixed: all of them stay.
    """

    block: int
    importance: npt.NDArray[np.float64]
    fixed: bool

    @property
    def width(self) -> int:
        """How many channels it was published with."""
        return len(self.importance)

    @property
    def least(self) -> int:
        """How many stay at least."""
        return self.width if self.fixed else min(STEP, self.width)

    def kept(self, width: int) -> float:
        """The share of all importance that so many channels have."""
        return float(np.sum(self.importance[:width]) / np.sum(self.importance))


def choose(insides: Sequence[Inside], shares_of: SharesOf) -> list[int] | None:
    """Chooses how many channels stay inside each block.

    Args:
        insides: of the blocks.
        shares_of: by these widths, of each limit the share that the network needs. RAM is a limit
            for each layer, so that narrowing one of two that need most counts, too.

    Returns:
        A width for each block, or None if even the narrowest need more than all of a limit.
    """
    if _excess(shares_of([inside.least for inside in insides])):
        return None
    widths = [inside.width for inside in insides]
    while excess := _excess(shares_of(widths)):
        worth = {}
        for index, narrower in _steps(insides, widths, -STEP):
            lost = insides[index].kept(widths[index]) - insides[index].kept(narrower[index])
            worth[index] = (excess - _excess(shares_of(narrower))) / max(lost, 1e-12)
        widths = _stepped(insides, widths, max(worth, key=worth.__getitem__), -STEP)
    while wider := [
        (insides[index].kept(found[index]) - insides[index].kept(widths[index]), index)
        for index, found in _steps(insides, widths, STEP)
        if not _excess(shares_of(found))
    ]:
        widths = _stepped(insides, widths, max(wider)[1], STEP)
    return widths


def exceeded(cost: Costs, limits: Limits) -> list[str]:
    """The names of the limits that a cost exceeds."""
    return [name for name, limit in limits.items() if cost[name] > limit]


def _excess(shares: Sequence[float]) -> float:
    """By how much shares are above 1, together."""
    return sum(max(share - 1, 0) for share in shares)


def _steps(
    insides: Sequence[Inside], widths: Sequence[int], step: int
) -> list[tuple[int, list[int]]]:
    """The blocks that can be a step wider or narrower, and all widths then."""
    found = [(index, _stepped(insides, widths, index, step)) for index in range(len(widths))]
    return [(index, stepped) for index, stepped in found if stepped != list(widths)]


def _stepped(insides: Sequence[Inside], widths: Sequence[int], index: int, step: int) -> list[int]:
    """The widths with one of them a step wider or narrower; narrower ones are whole steps."""
    found, inside = list(widths), insides[index]
    wished = found[index] + step
    if step < 0:
        wished = -(-wished // STEP) * STEP
    found[index] = min(max(wished, inside.least), inside.width)
    return found
