"""The Pareto front: what nothing else beats both in cost and in accuracy."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spotimes.plotting.figure import BLUE, GREY, ORANGE, figure

AXES = {
    "bytes": ("file (kB)", 1000.0),
    "latency_ratio": ("latency over the reference's", 1.0),
    "c_ram_bytes": ("RAM as C (kB)", 1000.0),
    "c_instructions": ("instructions as C (million)", 1e6),
}
MACHINES_OWN = "latency_ratio"  # of two machines' latencies neither is the better one


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """The points that no other one equals in cost and beats in accuracy, or the other way round.

    Args:
        costs: the lower the better.
        accuracies: of the same points; the higher the better.

    Returns:
        Indices by rising cost, and so by rising accuracy. Of equal points, the first.
    """
    chosen: list[int] = []
    for index in np.lexsort((-np.asarray(accuracies), np.asarray(costs))).tolist():
        if not chosen or accuracies[index] > accuracies[chosen[-1]]:
            chosen.append(index)
    return chosen


def draw(trials: pd.DataFrame, path: Path) -> None:
    """Draws accuracy against each cost, with its front; of latency there is one for each machine.

    Args:
        trials: the search's record; with `spotimes.search.record.COLUMNS`.
        path: the PNG to write.
    """
    with figure(path, (10, 8), refine=False) as drawing:
        for axes, (column, (label, unit)) in zip(
            drawing.subplots(2, 2, sharey=True).flat, AXES.items(), strict=True
        ):
            known = trials[trials[column].notna()].astype({column: float})
            trained = known[known["outcome"] == "trained"]
            pruned = known[known["outcome"] == "pruned"]
            axes.scatter(
                pruned[column] / unit,
                100 * pruned["val_accuracy"],
                marker="x",
                color=GREY,
                label="pruned",
            )
            axes.scatter(
                trained[column] / unit, 100 * trained["val_accuracy"], color=BLUE, label="trained"
            )
            for best in _fronts(trained, column):
                axes.plot(
                    best[column] / unit,
                    100 * best["val_accuracy"],
                    color=ORANGE,
                    drawstyle="steps-post",
                    label="Pareto front",
                )
                for number, x, y in zip(
                    best["trial"], best[column] / unit, 100 * best["val_accuracy"], strict=True
                ):
                    axes.annotate(
                        f"{number}", (x, y), (4, 4), textcoords="offset points", fontsize=8
                    )
            axes.set_xlabel(label)
        for axes in drawing.axes[::2]:
            axes.set_ylabel("validation accuracy (%)")
        entries = drawing.axes[0].get_legend_handles_labels()
        drawing.legend(*entries, loc="outside upper center", ncols=3, fontsize=8)


def _fronts(trained: pd.DataFrame, column: str) -> list[pd.DataFrame]:
    """The rows on each front."""
    rows = [trained]
    if column == MACHINES_OWN:
        rows = [of_one for _, of_one in trained.groupby("machine")]
    return [each.iloc[front(each[column].tolist(), each["val_accuracy"].tolist())] for each in rows]
