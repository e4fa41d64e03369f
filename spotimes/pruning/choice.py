"""Widths inside a backbone's blocks that lose the least of what the blocks compute, within limits.

From the narrowest on, the block is widened that loses most less for what it costs more, as long as
the whole is within the limits: what a channel adds falls from the first to the last, so that this
comes near the best that there is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STEP = 8  # channels; the kernels of phones and of microcontrollers take as many at a time

# By the figures' names; of measured ones, what could not be measured is not there.
Costs = Mapping[str, int]
Limits = Mapping[str, float]
CostOf = Callable[[Sequence[int]], Costs]


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


def choose(insides: Sequence[Inside], cost_of: CostOf, limits: Limits) -> list[int] | None:
    """Chooses how many channels stay inside each block.

    Args:
        insides: of the blocks.
        cost_of: estimates the network's cost by these widths.
        limits: by the figures' names; a network may cost so much.

    Returns:
        A width for each block, or None if even the narrowest cost more.
    """
    widths = [inside.least for inside in insides]
    cost = cost_of(widths)
    if exceeded(cost, limits):
        return None
    growing = {index for index, inside in enumerate(insides) if inside.least < inside.width}
    while growing:
        best, most = None, -1.0
        for index in sorted(growing):
            wider = widened(widths, index, insides[index].width)
            found = cost_of(wider)
            if exceeded(found, limits):
                growing.remove(index)  # the costs only grow
                continue
            gain = insides[index].kept(wider[index]) - insides[index].kept(widths[index])
            worth = gain / max(_share(found, limits) - _share(cost, limits), 1e-12)
            if worth > most:
                best, most = (index, wider, found), worth
        if best is None:
            break
        index, widths, cost = best
        if widths[index] == insides[index].width:
            growing.remove(index)
    return widths


def widened(widths: Sequence[int], index: int, most: int) -> list[int]:
    """The same widths, but for one that is a step wider."""
    found = list(widths)
    found[index] = min(found[index] + STEP, most)
    return found


def exceeded(cost: Costs, limits: Limits) -> list[str]:
    """The names of the limits that a cost exceeds."""
    return [name for name, limit in limits.items() if cost[name] > limit]


def _share(cost: Costs, limits: Limits) -> float:
    """The shares of the limits that a cost takes up, together."""
    return sum(cost[name] / limit for name, limit in limits.items())
