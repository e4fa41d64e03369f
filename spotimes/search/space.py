"""The search space: the blocks that a trial's choices give, and the choices that give blocks.

Optuna's parameters are named by the row of `search.space` and the choice: `0 kind`, `0 channels`.
"""

from typing import Any

from optuna.trial import BaseTrial

from spotimes.blocks import Block, fields
from spotimes.params.search import Choices


def chosen(trial: BaseTrial, space: list[Choices]) -> list[Block]:
    """The blocks that a trial takes from the space."""
    blocks: list[Block] = []
    for row, choices in enumerate(space):
        taken = {
            name: trial.suggest_categorical(f"{row} {name}", values)
            for name, values in choices.lists.items()
        }
        blocks += _repeated(taken, choices.stride)
    return blocks


def choices_of(
    blocks: list[Block], space: list[Choices], row: int = 0
) -> dict[str, str | int] | None:
    """What `chosen` takes from the space's rows, from `row` on, to give these blocks.

    Returns:
        The values by Optuna's names of them; None if the blocks are not in the space.
    """
    if row == len(space):
        return None if blocks else {}
    choices = space[row]
    for repeats in choices.repeats:
        taken = {name: values[0] for name, values in choices.lists.items()} | {"repeats": repeats}
        if repeats and blocks:
            has = fields(blocks[0].kind)
            taken |= {name: value for name, value in blocks[0] if name in taken and name in has}
        if any(taken[name] not in values for name, values in choices.lists.items()):
            continue
        if blocks[:repeats] == _repeated(taken, choices.stride):
            others = choices_of(blocks[repeats:], space, row + 1)
            if others is not None:
                return {**{f"{row} {name}": value for name, value in taken.items()}, **others}
    return None


def _repeated(taken: dict[str, Any], stride: int) -> list[Block]:
    """A row's blocks, from what is taken of its choices."""
    has = fields(taken["kind"])
    block = Block(**{name: value for name, value in taken.items() if name in has})
    return [
        block.model_copy(update={"stride": 1 if number else stride})
        for number in range(taken["repeats"])
    ]


def described(blocks: list[Block]) -> str:
    """Blocks in short, such as `conv 16, conv 48/2, separable 96 5x5`."""
    return ", ".join(str(block) for block in blocks)
