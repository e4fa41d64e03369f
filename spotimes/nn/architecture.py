"""The architecture that params and the backbone make together."""

from spotimes.blocks import Architecture
from spotimes.dataset.backbone import Backbone
from spotimes.errors import InputError
from spotimes.nn.widths import narrowed
from spotimes.params.network import Network


def architecture(network: Network, backbone: Backbone) -> Architecture:
    """Puts the blocks that are kept of a backbone before the network's own.

        architecture(load_group("network", Network), load_backbone())

    Args:
        network: the group in params.yaml.
        backbone: the one that it names.

    Raises:
        InputError: the backbone has fewer blocks than are to be kept, or others than the widths are
            for.
    """
    keep = network.backbone.keep
    if keep > len(backbone.blocks):
        raise InputError(
            f"params.yaml: network.backbone.keep: {keep} is not allowed: {backbone.name} has "
            f"{len(backbone.blocks)} blocks"
        )
    kept = narrowed(backbone.blocks[:keep], network.backbone.widths, backbone.name)
    if not keep:
        return Architecture(network.blocks, network.largest_side)
    return Architecture([*kept, *network.blocks], normalization=backbone.normalization)
