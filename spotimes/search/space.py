"""The search space: the blocks that a trial's choices give, and the choices that give blocks.

Optuna's parameters are named by the row of `search.space` and the choice: `0 kind`, `0 channels`.
"""

from optuna.trial import BaseTrial

from spotimes.params.network import Block
from spotimes.params.search import Choices


def chosen(trial: BaseTrial, space: list[Choices]) -> list[Block]:
    """The blocks that a trial takes from the space."""
    blocks: list[Block] = []
    for row, choices in enumerate(space):
        kind, channels, kernel, repeats = (
            trial.suggest_categorical(f"{row} {name}", getattr(choices, name))
            for name in ("kind", "channels", "kernel", "repeats")
        )
        one = Block(kind=kind, channels=channels, kernel=kernel)
        blocks += _repeated(one, choices.stride, repeats)
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
        one = blocks[0] if repeats and blocks else _first_of(choices)
        taken = {**one.model_dump(exclude={"stride"}), "repeats": repeats}
        if any(value not in getattr(choices, name) for name, value in taken.items()):
            continue
        if blocks[:repeats] == _repeated(one, choices.stride, repeats):
            others = choices_of(blocks[repeats:], space, row + 1)
            if others is not None:
                return {**{f"{row} {name}": value for name, value in taken.items()}, **others}
    return None


def _first_of(choices: Choices) -> Block:
    return Block(kind=choices.kind[0], channels=choices.channels[0], kernel=choices.kernel[0])


def _repeated(block: Block, stride: int, repeats: int) -> list[Block]:
    return [block.model_copy(update={"stride": 1 if place else stride}) for place in range(repeats)]


def described(blocks: list[Block]) -> str:
    """Blocks in short, such as `conv 16, conv 48/2, separable 96 5x5`."""
    return ", ".join(
        f"{block.kind} {block.channels}"
        + (f"/{block.stride}" if block.stride > 1 else "")
        + (f" {block.kernel}x{block.kernel}" if block.kernel != 3 else "")
        for block in blocks
    )
