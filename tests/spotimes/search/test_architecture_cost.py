from pathlib import Path
from typing import Any

import pytest

from spotimes.blocks import Architecture
from spotimes.errors import InputError
from spotimes.export import board, exported
from spotimes.inference.contract import Contract, read_contract
from spotimes.search.architecture_cost import estimate, measure
from spotimes.tflite import arena
from spotimes.tflite.tflite_file import TFLiteFile
from tests.project import ROOT
from tests.repository import committed_architecture

COMMITTED = ROOT / "models/model_int8.tflite"
SMALL = Contract.of([f"class {number}" for number in range(10)], (32, 32, 3), "squash")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]


@pytest.fixture(scope="module")
def committed() -> Architecture:
    return committed_architecture()


def test_untrained_it_costs_what_it_costs_trained(committed: Architecture) -> None:
    content = COMMITTED.read_bytes()
    cost = measure(committed, read_contract(COMMITTED), COMMITTED)
    assert cost.bytes == len(content)
    assert cost.macs == TFLiteFile(content).macs()
    assert cost.arena_bytes == arena.measure(content).bytes
    assert cost.c_ram_bytes == exported.ram(content).bytes
    assert cost.c_instructions == pytest.approx(board.instructions(content).number, rel=0.01)
    assert cost.latency_ratio > 0


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (96, 96, 3)])
def test_the_estimate_is_near(network: Architecture, shape: Any) -> None:
    contract = Contract.of(["a", "b", "c"], shape, "squash")
    cost, guess = measure(network, contract, COMMITTED), estimate(network, shape, 3)
    assert guess.macs == cost.macs
    assert guess.bytes == pytest.approx(cost.bytes, abs=1500)


def test_the_estimate_of_the_committed_network_is_within_two_percent(
    committed: Architecture,
) -> None:
    guess = estimate(committed, (32, 32, 3), 10)
    assert guess.bytes == pytest.approx(COMMITTED.stat().st_size, rel=0.02)


def test_a_reference_that_is_not_a_model_is_reported(network: Architecture, tmp_path: Path) -> None:
    (tmp_path / "none.tflite").write_text("none")
    with pytest.raises(InputError, match=r"none\.tflite: is no \.tflite file"):
        measure(network, SMALL, tmp_path / "none.tflite")
