from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spotimes.search import pareto
from spotimes.search.record import COLUMNS


@pytest.mark.parametrize(
    ("costs", "accuracies", "expected"),
    [
        ([3, 1, 2], [0.9, 0.7, 0.8], [1, 2, 0]),
        ([1, 2, 3], [0.9, 0.8, 0.9], [0]),
        ([2, 2, 1], [0.8, 0.9, 0.1], [2, 1]),
        ([1, 1], [0.5, 0.5], [0]),
        ([], [], []),
    ],
)
def test_the_front(costs: list[float], accuracies: list[float], expected: list[int]) -> None:
    assert pareto.front(costs, accuracies) == expected


def test_nothing_beats_the_front_and_something_on_it_beats_the_rest() -> None:
    rng = np.random.default_rng(1)
    costs, accuracies = rng.integers(0, 50, 100).tolist(), rng.integers(0, 50, 100).tolist()
    chosen = pareto.front(costs, accuracies)
    assert len(chosen) > 1
    for index in range(100):
        rivals = [
            other
            for other in range(100)
            if costs[other] <= costs[index]
            and accuracies[other] >= accuracies[index]
            and (costs[other], accuracies[other]) != (costs[index], accuracies[index])
        ]
        assert not (rivals and index in chosen)
        assert index in chosen or rivals or accuracies[index] in [accuracies[i] for i in chosen]


def test_the_picture_shows_every_trained_one(tmp_path: Path) -> None:
    rows = [
        (0, "over a limit", "conv 8", None, 0, 200_000, 9, 9, 9, 9, 2.0, "a"),
        (1, "trained", "conv 8", 0.7, 2, 50_000, 9, 9, 9, 9, 0.5, "a"),
        (2, "pruned", "conv 8", 0.3, 1, 70_000, 9, 9, 9, 9, 0.7, "a"),
        (5, "trained", "conv 8", 0.8, 2, 90_000, 9, 9, 9, 9, 0.9, "a"),
    ]
    path = tmp_path / "search.png"
    pareto.draw(pd.DataFrame(rows, columns=list(COLUMNS)), path)
    both = path.read_bytes()
    with Image.open(path) as picture:
        assert picture.size == (1000, 800)
    pareto.draw(pd.DataFrame(rows[:3], columns=list(COLUMNS)), path)
    assert path.read_bytes() != both
