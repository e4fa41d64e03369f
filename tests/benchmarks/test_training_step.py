from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.training_step import BARE, BATCH, PARTS, PRODUCT, SIDE, main, steps
from spotimes.benchmarking import timing
from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.params.load import load_group
from spotimes.params.train import Train
from spotimes.pixels import to_float32
from spotimes.system.validation import load_yaml
from spotimes.training.batches import one_hot
from tests.project import ROOT
from tests.repository import network_group, save_params


@pytest.fixture
def params(repository: Path, network: Architecture, reseed: Callable[[], None]) -> dict[str, Any]:
    reseed()
    document: dict[str, Any] = load_yaml(ROOT / "params.yaml")
    document["network"] = network_group(network)
    document["train"]["batch_size"] = 50
    save_params(document)
    return document


def test_parts_are_a_step_of_the_recipe(
    params: dict[str, Any], network: Architecture, cifar10: dict[SplitName, Split]
) -> None:
    split = cifar10["train"]
    images, targets = to_float32(split.images[:50]), one_hot(split.labels[:50], 10)
    functions = steps(network, load_group("train", Train), 10, images, targets)
    assert [*functions] == [*PARTS, BARE]
    forward, backward, step, bare = functions.values()
    before = forward()
    assert backward() == pytest.approx(before)
    assert step() == pytest.approx(before)
    for _ in range(30):
        step()
    assert forward() < before - 0.1
    assert bare() == bare() != before


def test_a_part_is_what_it_adds(
    params: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rounds(functions: dict[str, Any], *_: Any) -> Iterator[dict[str, timing.Times]]:
        assert {*functions} == {*PARTS, BARE, BATCH, PRODUCT}
        milliseconds = {
            **dict(zip(PARTS, (10, 35, 40), strict=True)),
            BARE: 20,
            BATCH: 3,
            PRODUCT: SIDE**3 / 1e6,  # 1 G a second
        }
        for slow in (1, 1, 7):  # the machine is slow in the last round
            yield {
                name: np.array([1, 1, 9]) * int(each * slow * 1e6)
                for name, each in milliseconds.items()
            }

    monkeypatch.setattr("sys.argv", ["training_step", "--rounds", "3"])
    monkeypatch.setattr(timing, "interleaved", rounds)
    main()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| a batch of 50, 2 threads | ms | of a step |"
    assert rows == [
        "| forward | 10.0 | 25% |",
        "| backward | 25.0 | 62% |",
        "| optimizer | 5.0 | 12% |",
        "| a step | 40.0 | 100% |",
        "| a batch, made beside it | 3.0 | 8% |",
        "| forward and backward without batch norm | 20.0 | 50% |",
        "| 5 M MACs at 1 G a second | 4.8 | 12% |",  # 3 * 50 * 32,080
    ]


def test_says_what_is_wrong(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["training_step", "--rounds", "0"])
    with pytest.raises(InputError, match="--rounds: 0 is not allowed"):
        main()
    params["train"]["batch_size"] = 1000
    save_params(params)
    monkeypatch.setattr("sys.argv", ["training_step"])
    with pytest.raises(InputError, match=r"batch_size: 1000 .* only 240 training images"):
        main()
