from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.nn.widths import narrowed
from spotimes.pruning import fit
from spotimes.pruning.choice import Costs, Inside
from spotimes.pruning.cost import estimate
from spotimes.pruning.fit import Prunable, fitted
from tests.spotimes.training.backbones import WIDE

SHAPE = (32, 32, 3)

pytestmark = pytest.mark.slow  # for TensorFlow's import


@pytest.fixture
def prunable() -> Prunable:
    wide = WIDE.blocks[0].model_copy(update={"channels": 32})
    blocks = [wide, *WIDE.blocks[1:2], WIDE.blocks[2].model_copy(update={"expansion": 8})]
    insides = [
        Inside(block, np.array([0.9**number for number in range(32)]), fixed=False)
        for block in (2, 3)
    ]
    return Prunable(
        insides,
        lambda widths: Architecture(narrowed(blocks, widths, "Tiny")),
        Contract.of(["a", "b"], SHAPE, "squash"),
    )


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Costs]:
    """What was measured: 900 bytes beyond the estimate, and 5 more each time."""
    found: list[Costs] = []

    def measure(network: Architecture, contract: Contract) -> Any:
        guess = estimate(network, contract.image_shape, len(contract.class_names)).costs
        more = 900 + 5 * len(found)
        found.append(
            {name: value + more for name, value in guess.items()} | {"macs": guess["macs"]}
        )
        return found[-1]

    monkeypatch.setattr(fit, "measure", measure)
    return found


def test_what_is_measured_is_within_the_limits(prunable: Prunable, measured: list[Costs]) -> None:
    whole = prunable.estimate([32, 32]).costs
    for share in (0.8, 0.9, 0.95):
        limits = {name: share * value + 900 for name, value in whole.items()}
        found = fitted(prunable, limits)
        assert found.after == measured[-1]
        assert all(found.after[name] <= limit for name, limit in limits.items())
        assert found.widths != [32, 32]


def test_a_network_within_the_limits_is_measured_once(
    prunable: Prunable, measured: list[Costs]
) -> None:
    found = fitted(prunable, {"bytes": 10**6})
    assert found.widths == [32, 32]
    assert found.before == found.after == measured[0]
    assert len(measured) == 1


def test_limits_below_the_narrowest_network_are_reported_with_what_it_has(
    prunable: Prunable, measured: list[Costs]
) -> None:
    with pytest.raises(InputError) as caught:
        fitted(prunable, {"bytes": 10**6, "arena_bytes": 3000})
    least = measured[-1]
    assert str(caught.value) == (
        "params.yaml: evaluate.budgets: the narrowest network is still above one of them: it has "
        f"bytes {least['bytes']:,} (at most 1,000,000 wanted), arena_bytes "
        f"{least['arena_bytes']:,} (at most 3,000 wanted); raise the budget, or lower "
        "network.backbone.keep"
    )


def test_ram_that_cannot_be_measured_cannot_be_limited(
    prunable: Prunable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "measure", lambda *_: {"bytes": 9000, "macs": 10**5})
    with pytest.raises(
        InputError, match=r"budgets\.arena_bytes: cannot be measured here; set null"
    ):
        fitted(prunable, {"bytes": 10**6, "arena_bytes": 10**5})
    assert fitted(prunable, {"bytes": 10**6}).widths == [32, 32]
