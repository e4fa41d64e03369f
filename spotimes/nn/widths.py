"""How wide the inverted residuals of a backbone are inside, and the same ones narrower."""

from collections.abc import Sequence

from spotimes.blocks import KINDS, Block, inner_width
from spotimes.errors import InputError

KEY = "params.yaml: network.backbone.widths"


def inner_widths(blocks: Sequence[Block]) -> dict[int, int]:
    """How many channels each inverted residual has inside, by its index among the blocks.

    Args:
        blocks: a network's, from its input on.
    """
    return {
        index: inner_width(block, blocks[index - 1].channels)
        for index, block in enumerate(blocks)
        if index and "hidden" in KINDS[block.kind].options
    }


def can_narrow(blocks: Sequence[Block], index: int) -> bool:
    """Whether an inverted residual can have fewer channels inside, and all blocks the same outputs.

    Inside one that does not widen are the channels that come in. So they must be nothing but its
    own: the outputs of a convolution, which it does not add to its own.
    """
    block, before = blocks[index], blocks[index - 1]
    adds = block.stride == 1 and block.channels == before.channels
    return block.expansion != 1 or ("hidden" not in KINDS[before.kind].options and not adds)


def narrowed(blocks: Sequence[Block], widths: Sequence[int], name: str) -> list[Block]:
    """The blocks with so many channels inside their inverted residuals.

        narrowed(backbone.blocks[:4], [24, 40, 104], backbone.name)

    Args:
        blocks: a backbone's first.
        widths: one for each inverted residual; none leaves them as they are.
        name: the backbone's.

    Raises:
        InputError: there are not as many widths as inverted residuals, one is above the published,
            or a block cannot be narrowed.
    """
    found, published = list(blocks), inner_widths(blocks)
    if widths and len(widths) != len(published):
        raise InputError(
            f"{KEY}: {len(widths)} numbers are not allowed: of {name} {len(blocks)} blocks are "
            f"kept, with {len(published)} inverted residuals; give as many numbers, or none"
        )
    for number, (width, (index, whole)) in enumerate(zip(widths, published.items(), strict=False)):
        if width > whole or (width < whole and not can_narrow(blocks, index)):
            allowed = f"at most {whole}" if can_narrow(blocks, index) else f"{whole} alone"
            raise InputError(
                f"{KEY}[{number}]: {width} is not allowed: {name} has {whole} channels inside "
                f"its block {index + 1}; {allowed} can stay"
            )
        if width == whole:
            continue
        if blocks[index].expansion == 1:
            found[index - 1] = found[index - 1].model_copy(update={"channels": width})
        else:
            change = {"hidden": width, "expansion": None}
            found[index] = blocks[index].model_copy(update=change)
    return found
