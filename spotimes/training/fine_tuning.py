"""How fast each layer learns whose weights are trained already."""

from collections.abc import Collection

from spotimes.blocks import Architecture, layers_by_block
from spotimes.nn.frameworks import keras
from spotimes.nn.network import NORM
from spotimes.params.train import FineTuning
from spotimes.training.optimizer import Share


def shares(
    model: keras.Model,
    network: Architecture,
    trained: Collection[str],
    params: FineTuning,
    steps_an_epoch: int,
) -> list[Share]:
    """The share of the learning rate of each trainable variable of a model.

    After Howard and Ruder, 2018 (arXiv:1801.06146), sections 3.2 and 3.3: what is behind learns
    first, and faster.

    Args:
        model: `spotimes.nn.network.build`'s, of `network`.
        network: its architecture.
        trained: the names of the layers whose weights are trained already; of the others each
            variable gets all of the rate from the first step on.
        params: how much less those learn.
        steps_an_epoch: how many batches an epoch has.

    Returns:
        In the order of `model.trainable_variables`.
    """
    blocks = layers_by_block(network, model.input_shape[1:])
    found: dict[str, Share] = {}
    for number, (_, layers) in enumerate(blocks):
        share = Share(
            params.rate_decay ** (len(blocks) - number), params.head_epochs * steps_an_epoch
        )
        for layer in layers:
            if layer.name in trained:
                found |= {layer.name: share, layer.name + NORM: share}
    return [
        found.get(layer.name, Share()) for layer in model.layers for _ in layer.trainable_variables
    ]
