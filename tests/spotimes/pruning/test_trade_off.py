from collections.abc import Sequence

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.inference.contract import Contract
from spotimes.nn.widths import narrowed
from spotimes.pruning.choice import Inside
from spotimes.pruning.fit import Fit, Prunable
from spotimes.pruning.trade_off import curve

pytestmark = pytest.mark.slow  # for TensorFlow's import

BLOCKS = [
    Block(kind="conv", channels=32, stride=2),
    Block(kind="inverted_residual", channels=8, expansion=1),
    Block(kind="inverted_residual", channels=8, expansion=6),
]
INSIDES = [
    Inside(2, np.array([0.9**number for number in range(32)]), fixed=False),
    Inside(3, np.ones(48), fixed=False),
]


def network_of(widths: Sequence[int]) -> Architecture:
    return Architecture(narrowed(BLOCKS, widths, "Tiny"))


@pytest.mark.parametrize("name", ["bytes", "arena_bytes"])
def test_what_costs_more_keeps_more_up_to_all(name: str) -> None:
    prunable = Prunable(INSIDES, network_of, Contract.of(["a"], (32, 32, 3), "squash"))
    published = prunable.estimate([32, 48]).costs
    points = curve(prunable, Fit([32, 48], published, published, {name: 100}), name)
    costs, kept = zip(*points, strict=True)
    assert costs == tuple(sorted(costs))
    assert kept == tuple(sorted(kept))
    assert costs[-1] == published[name] + 100
    assert kept[-1] == pytest.approx(100)
    assert kept[0] < 60
