"""How much of the blocks is kept at which cost, drawn."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from spotimes.plotting.figure import BLUE, GREY, ORANGE, figure
from spotimes.pruning.choice import Limits, choose
from spotimes.pruning.fit import Fit, Prunable

AXES = {"arena_bytes": ("RAM on a microcontroller (kB)", 1e3), "bytes": ("file (kB)", 1e3)}
POINTS = 16


def draw(prunable: Prunable, fit: Fit, limits: Limits, path: Path) -> None:
    """Draws the mean share that is kept inside the blocks, against RAM and against the file's size.

    Args:
        prunable: the network.
        fit: the widths that were chosen, a point.
        limits: they were chosen for; dashed lines.
        path: the PNG to write.
    """
    with figure(path, (10, 4.2), refine=False) as drawing:
        for axes, (name, (label, unit)) in zip(
            drawing.subplots(1, 2, sharey=True), AXES.items(), strict=True
        ):
            costs, kept = zip(*curve(prunable, fit, name), strict=True)
            axes.plot(np.divide(costs, unit), kept, color=BLUE, label="this cost alone limited")
            if name in limits:
                axes.axvline(limits[name] / unit, color=GREY, linestyle="--", label="budget")
            if name in fit.after:
                point = fit.after[name] / unit, _kept(prunable, fit.widths)
                axes.plot(*point, "o", color=ORANGE, label="all budgets met")
            axes.set_xlabel(label)
        drawing.axes[0].set_ylabel("kept inside the blocks, mean (%)")
        entries = {
            name: line
            for axes in drawing.axes
            for line, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        drawing.legend(
            entries.values(), entries.keys(), loc="outside upper center", ncols=3, fontsize=8
        )


def curve(prunable: Prunable, fit: Fit, name: str) -> list[tuple[int, float]]:
    """A cost, from the least to the published one, and the percentage that is kept at it."""

    def cost_of(widths: Sequence[int]) -> int:
        return prunable.estimate(widths).costs[name] + fit.beyond.get(name, 0)

    found = []
    for limit in np.linspace(cost_of(prunable.least), cost_of(prunable.published), POINTS):
        limits = {name: float(np.ceil(limit))}
        widths = choose(
            prunable.insides, partial(prunable.shares, limits=limits, beyond=fit.beyond)
        )
        if widths is not None:
            found.append((cost_of(widths), _kept(prunable, widths)))
    return found


def _kept(prunable: Prunable, widths: Sequence[int]) -> float:
    shares = [inside.kept(width) for inside, width in zip(prunable.insides, widths, strict=True)]
    return 100 * float(np.mean(shares))
