"""Widths that fit: chosen by estimates, and measured, since only a file has its true costs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from spotimes.blocks import Architecture
from spotimes.errors import InputError
from spotimes.figures import FIGURES
from spotimes.inference.contract import Contract
from spotimes.pruning.choice import Costs, Inside, Limits, choose, exceeded
from spotimes.pruning.cost import Estimate, estimate, measure


class Prunable(NamedTuple):
    """A network that can be pruned.

    Attributes:
        insides: the channels inside each block that has some.
        network_of: the architecture by the width inside each of these.
        contract: of the files that are made of it.
    """

    insides: list[Inside]
    network_of: Callable[[Sequence[int]], Architecture]
    contract: Contract

    @property
    def published(self) -> list[int]:
        """The widths that leave it as it is."""
        return [inside.width for inside in self.insides]

    @property
    def least(self) -> list[int]:
        """The narrowest widths."""
        return [inside.least for inside in self.insides]

    def estimate(self, widths: Sequence[int]) -> Estimate:
        """Estimates what it costs by these widths."""
        classes = len(self.contract.class_names)
        return estimate(self.network_of(widths), self.contract.image_shape, classes)

    def shares(self, widths: Sequence[int], limits: Limits, beyond: Costs) -> list[float]:
        """The shares that it needs of the limits, each layer of the RAM's.

        Args:
            widths: inside the blocks.
            limits: by the figures' names.
            beyond: what costs are above their estimates.
        """
        guess = self.estimate(widths)
        needs = {
            "bytes": [guess.bytes],
            "arena_bytes": guess.arena_bytes,
            "macs": [guess.macs],
        }
        return [
            (need + beyond.get(name, 0)) / limit
            for name, limit in limits.items()
            for need in needs[name]
        ]

    def measure(self, widths: Sequence[int]) -> Costs:
        """Measures what it costs by these widths; takes some seconds."""
        return measure(self.network_of(widths), self.contract)


class Fit(NamedTuple):
    """What came of it.

    Attributes:
        widths: the chosen ones.
        before: what the network costs as it was published.
        after: what it costs by the widths.
        beyond: by how much costs are beyond their estimates, at most.
    """

    widths: list[int]
    before: Costs
    after: Costs
    beyond: Costs


def fitted(prunable: Prunable, limits: Limits) -> Fit:
    """Finds widths by which the network's measured costs are within the limits.

    Args:
        prunable: the network.
        limits: by the figures' names.

    Raises:
        InputError: even the narrowest network costs more, or a limited cost cannot be measured.
    """
    before = prunable.measure(prunable.published)
    if unmeasured := [name for name in limits if name not in before]:
        raise InputError(
            f"params.yaml: evaluate.budgets.{unmeasured[0]}: cannot be measured here; set null, "
            "which sets no limit"
        )
    beyond = _difference(prunable, prunable.published, before)
    while True:
        widths = choose(prunable.insides, partial(prunable.shares, limits=limits, beyond=beyond))
        if widths is None:
            raise _unreachable(prunable, limits)
        after = before if widths == prunable.published else prunable.measure(widths)
        if not exceeded(after, limits):
            return Fit(widths, before, after, beyond)
        # Each time more is allowed for, so this comes to an end.
        found = _difference(prunable, widths, after)
        beyond = {name: max(value, beyond[name]) for name, value in found.items()}


def _difference(prunable: Prunable, widths: Sequence[int], measured: Costs) -> Costs:
    estimated = prunable.estimate(widths).costs
    return {name: value - estimated[name] for name, value in measured.items()}


def _unreachable(prunable: Prunable, limits: Limits) -> InputError:
    least = prunable.measure(prunable.least)
    said = ", ".join(
        f"{name} {FIGURES[name].exact(value)} (at most {FIGURES[name].exact(limits[name])} wanted)"
        for name, value in least.items()
        if name in limits
    )
    return InputError(
        "params.yaml: evaluate.budgets: the narrowest network is still above one of them: it has "
        f"{said}; raise the budget, or lower network.backbone.keep"
    )
