"""Estimates beside files of the same networks."""

import pytest

from spotimes.blocks import Architecture
from spotimes.inference.contract import Contract
from spotimes.nn.widths import narrowed
from spotimes.pruning.cost import activations, estimate, of_file
from spotimes.search.architecture_cost import untrained
from spotimes.tflite.activation_memory import by_operator
from spotimes.tflite.tflite_file import TFLiteFile
from tests.spotimes.training.backbones import WIDE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]

SHAPE = (32, 32, 3)
CONTRACT = Contract.of(["a", "b", "c"], SHAPE, "squash")


def test_estimates_beside_files() -> None:
    """Activations are the file's; beyond the estimate, a narrower network costs as much."""
    narrow = Architecture(narrowed(WIDE.blocks, [2, 4], "Tiny"))
    beyond = []
    for network in (WIDE, narrow):
        content = untrained(network, CONTRACT)
        found = activations(network, SHAPE)
        operators = by_operator(TFLiteFile(content))
        assert [each.bytes for each in operators][: len(found)] == found
        measured, guess = of_file(content), estimate(network, SHAPE, 3).costs
        assert guess["macs"] == measured["macs"]
        beyond.append({name: measured[name] - guess[name] for name in ("bytes", "arena_bytes")})
    assert beyond[0]["arena_bytes"] == pytest.approx(beyond[1]["arena_bytes"], abs=300)
    assert beyond[0]["bytes"] == pytest.approx(beyond[1]["bytes"], abs=300)
