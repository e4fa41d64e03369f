"""A small backbone, as it is published and narrower inside, with random weights."""

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Block, layers
from spotimes.nn.widths import narrowed

SHAPE = (8, 8, 3)
WIDE = Architecture(
    [
        Block(kind="conv", channels=6, stride=2, activation="relu6"),
        Block(kind="inverted_residual", channels=4, expansion=1, activation="relu6"),
        Block(kind="inverted_residual", channels=4, expansion=2, activation="relu6"),
    ]
)
NARROW = Architecture(narrowed(WIDE.blocks, [3, 5], "Tiny"))


def tensors_of(network: Architecture, blocks: str = "") -> dict[str, npt.NDArray[np.float32]]:
    """Random ones for the layers whose names begin so."""
    generator = np.random.default_rng(1)
    found: dict[str, npt.NDArray[np.float32]] = {}
    for layer in layers(network, SHAPE):
        if layer.weights and layer.name.startswith(blocks):
            outputs = 1 if layer.operation == "depthwise" else layer.output_shape[2]
            shape = (layer.kernel, layer.kernel, layer.input_shape[2], outputs)
            found[f"{layer.name}/kernel"] = generator.normal(size=shape).astype(np.float32)
            for part in ("gamma", "beta", "mean", "variance"):
                values = generator.uniform(0.5, 1.5, layer.output_shape[2]).astype(np.float32)
                found[f"{layer.name}/{part}"] = values
    return found
