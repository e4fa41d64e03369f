from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from spotimes.pruning.choice import Inside, Limits, choose, exceeded

GENERATOR = np.random.default_rng(1)
INSIDES = [
    Inside(block, np.sort(GENERATOR.random(width) ** 3)[::-1], fixed=False)
    for block, width in ((2, 24), (3, 40), (4, 28))
]


def cost(widths: Sequence[int]) -> dict[str, int]:
    """Each channel costs as much; most RAM is what the widest layer needs."""
    return {"bytes": 10 * sum(widths), "arena_bytes": 100 * max(widths), "macs": sum(widths)}


def chosen(limits: Limits, insides: Sequence[Inside] = INSIDES) -> list[int] | None:
    def shares_of(widths: Sequence[int]) -> list[float]:
        needs = {"bytes": [10 * sum(widths)], "macs": [sum(widths)]}
        needs["arena_bytes"] = [100 * width for width in widths]
        return [need / limit for name, limit in limits.items() for need in needs[name]]

    return choose(insides, shares_of)


def kept(widths: Sequence[int]) -> float:
    return sum(inside.kept(width) for inside, width in zip(INSIDES, widths, strict=True))


@pytest.mark.parametrize("limit", [240, 400, 615, 760, 919])
def test_nothing_within_a_limit_keeps_more(limit: int) -> None:
    """All that there are."""
    widths = chosen({"bytes": limit})
    assert widths is not None
    steps = [[*range(8, inside.width, 8), inside.width] for inside in INSIDES]
    within = [tried for tried in product(*steps) if cost(tried)["bytes"] <= limit]
    assert kept(widths) == pytest.approx(max(map(kept, within)), rel=0.01)
    assert tuple(widths) in within


def test_ram_narrows_those_alone_that_need_most() -> None:
    assert chosen({"arena_bytes": 2500}) == [24, 24, 24]
    assert chosen({"arena_bytes": 3000}) == [24, 24, 28]


def test_all_limits_hold() -> None:
    limits = {"bytes": 500, "arena_bytes": 1600, "macs": 45}
    widths = chosen(limits)
    assert widths is not None
    assert not exceeded(cost(widths), limits)
    assert exceeded(cost([width + 8 for width in widths]), limits)


def test_within_the_limits_all_channels_stay() -> None:
    assert chosen({"bytes": 920}) == [24, 40, 28]


def test_what_is_fixed_stays() -> None:
    fixed = [INSIDES[0]._replace(fixed=True), *INSIDES[1:]]
    assert chosen({"bytes": 480}, fixed) is not None
    assert (chosen({"bytes": 480}, fixed) or [0])[0] == 24


def test_below_the_narrowest_there_is_none() -> None:
    assert chosen({"bytes": 240}) == [8, 8, 8]
    assert chosen({"bytes": 239}) is None
    assert exceeded(cost([8, 8, 8]), {"bytes": 239, "macs": 24}) == ["bytes"]
