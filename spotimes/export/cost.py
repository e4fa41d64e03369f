"""What a model costs as C, as far as no compiler matters: RAM by layer, and constants in flash.

The stack and the code are the compiler's; docs/microcontroller.md has them of some boards.
"""

from spotimes.export.graph import (
    Addition,
    Convolution,
    Depthwise,
    Layer,
    Lookup,
    Mean,
    Network,
    Softmax,
)
from spotimes.export.plan import Plan
from spotimes.export.source import names
from spotimes.inference.contract import Contract
from spotimes.inference.unknown import COSTS

WORD = 4  # bytes of an int32_t


def ram_by_layer(network: Network, plan: Plan) -> dict[str, int]:
    """Bytes of the arena that are in use while a layer is computed, by the layer's name in C."""
    every = names(network)
    return {every[index]: step.bytes for step in plan.steps for index in step.layers}


def flash_by_part(network: Network, contract: Contract) -> dict[str, int]:
    """Bytes of constants.

    Returns:
        `weights`; `biases`; `scaling`: each channel's multiplier and shift; `tables`: of softmax,
        rectifiers and the score; `labels`: the classes' names; `constants`: all of these.
    """
    parts = {
        part: sum(_bytes(layer, part) for layer in network.layers)
        for part in ("weights", "biases", "scaling", "tables")
    }
    if contract.unknown_below is not None:
        parts["tables"] += COSTS.nbytes
    parts["labels"] = sum(len(name.encode()) + 1 for name in contract.class_names)
    return {**parts, "constants": sum(parts.values())}


def _bytes(layer: Layer, part: str) -> int:
    if isinstance(layer, Convolution | Depthwise):
        channels = len(layer.biases)
        found = {"weights": layer.weights.size, "biases": WORD * channels}
        return {**found, "scaling": (WORD + 1) * channels}.get(part, 0)
    found = {"scaling": 0, "tables": 0}
    if isinstance(layer, Addition):
        found["scaling"] = 3 * 2 * WORD
    elif isinstance(layer, Mean):
        found["scaling"] = 2 * WORD
    elif isinstance(layer, Lookup):
        found["tables"] = len(layer.table)
    elif isinstance(layer, Softmax):
        found["tables"] = WORD * len(layer.exponentials)
    return found.get(part, 0)
