"""The names that EfficientNet's authors gave the variables of their network.

Their code (`tensorflow/tpu`, `models/official/efficientnet/efficientnet_model.py`) has the first
convolution under `stem`, the last one and the classifier under `head`, and the blocks between them
under `blocks_0` and so on. In each of these TensorFlow numbered what is there more than once in the
order in which it was made: `conv2d`, `conv2d_1`, `tpu_batch_normalization`, ...
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from spotimes.blocks import Layer

NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def variables(layers: Sequence[Layer]) -> Iterator[str]:
    """The variables' names: of each layer the kernel and batch norm's, then the classifier's two.

    Args:
        layers: those with weights of a network that begins and ends with a block `conv`.
    """
    blocks = [list(block) for _, block in groupby(layers, lambda each: each.name.split("_")[0])]
    between = [f"blocks_{number}" for number in range(len(blocks) - 2)]
    for scope, block in zip(["stem", *between, "head"], blocks, strict=True):
        convolutions = 0
        for number, layer in enumerate(block):
            if layer.operation == "depthwise":
                yield f"{scope}/depthwise_conv2d/depthwise_kernel"
            else:
                yield f"{scope}/{_numbered('conv2d', convolutions)}/kernel"
                convolutions += 1
            for part in NORM:
                yield f"{scope}/{_numbered('tpu_batch_normalization', number)}/{part}"
    yield "head/dense/kernel"
    yield "head/dense/bias"


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name
