import optuna
import pytest

from spotimes.blocks import Block
from spotimes.params.search import Choices
from spotimes.search.space import choices_of, chosen


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("repeats", [(1, 0, 1), (1, 2, 1), (1, 2, 2)])
def test_choices_give_the_blocks_back(repeats: tuple[int, ...], kernel: int) -> None:
    rows = [([1], 2), ([0, 1, 2], 1), ([1, 2], 1)]
    space = [
        Choices(
            kind=["separable", "conv"],
            channels=[8, 16],
            stride=stride,
            kernel=[3, 5],
            repeats=allowed,
        )
        for allowed, stride in rows
    ]
    taken = {
        f"{row} {name}": value
        for row, count in enumerate(repeats)
        for name, value in {
            "kind": "conv" if count == 1 else "separable",
            "channels": 8 * (1 + row % 2),
            "kernel": kernel,
            "repeats": count,
        }.items()
    }
    blocks = chosen(optuna.trial.FixedTrial(taken), space)
    found = choices_of(blocks, space)
    assert found is not None
    assert chosen(optuna.trial.FixedTrial(found), space) == blocks
    assert choices_of(blocks[1:], space) is None
    assert choices_of([*blocks, Block(kind="conv", channels=24)], space) is None


def test_kinds_of_other_options_are_chosen_from_one_row() -> None:
    row = Choices(
        kind=["separable", "inverted_residual"],
        channels=[8, 16],
        stride=2,
        kernel=[3, 5],
        expansion=[3, 6],
        repeats=[1, 2],
    )
    assert row.size == (4 + 8) * 2
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(1))
    for _ in range(20):
        blocks = chosen(study.ask(), [row])
        found = choices_of(blocks, [row])
        assert found is not None
        assert chosen(optuna.trial.FixedTrial(found), [row]) == blocks
