"""Costs and trainings of a search that only pretend: they depend on the blocks alone."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from spotimes.blocks import Architecture
from spotimes.nn.frameworks import keras
from spotimes.search import objective, pareto
from spotimes.search.architecture_cost import Cost, estimate


def pretend(
    patch: pytest.MonkeyPatch, begin: Callable[[Architecture], None], epoch_seconds: float = 0
) -> None:
    """Puts them in place; neither the picture nor Keras, which takes as long as all else, is left.

    Args:
        patch: undoes it.
        begin: is called with each architecture whose training begins.
        epoch_seconds: so long takes an epoch.
    """

    def train(network: Architecture, recipe: Any, *others: Any) -> Any:
        _, checkpoint, _ = others
        begin(network)
        saved = checkpoint.load()
        rows = saved[1]["history"] if saved else []
        for epoch in range(len(rows), recipe.epochs):
            time.sleep(epoch_seconds)
            rows.append({"val_accuracy": network.blocks[0].channels / 10 + epoch / 100})
            checkpoint.save({}, {"history": rows})
        return SimpleNamespace(val_accuracy=rows[-1]["val_accuracy"])

    patch.setattr(objective, "train", train)
    patch.setattr(objective, "measure", measure)
    patch.setattr(keras.utils, "clear_session", lambda: None)
    patch.setattr(pareto, "draw", lambda table, path: path.write_text(f"{len(table)}"))


def measure(network: Architecture, *_: Any) -> Cost:
    guess = estimate(network, (32, 32, 3), 10)
    return Cost(guess.bytes, 1000, 500, 3 * guess.macs, guess.macs, guess.macs / 1e5)
