"""The command: what it writes into params.yaml, and what it refuses."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from PIL import Image

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import PREPARED, Card, Split, SplitName, write_prepared
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.preset import put
from spotimes.pruning import __main__ as pruning
from spotimes.pruning import fit
from spotimes.pruning.cost import FIGURES
from tests.backbones import tiny_backbone
from tests.project import ROOT
from tests.spotimes.training.backbones import tensors_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]

BACKBONE = tiny_backbone(
    Block(kind="conv", channels=16, stride=2, activation="relu6"),
    Block(kind="inverted_residual", channels=8, expansion=1, activation="relu6"),
    Block(kind="inverted_residual", channels=8, expansion=4, activation="relu6"),
)
SetParams = Callable[..., None]
OneLine = Callable[[str, Callable[[], None]], str]


@pytest.fixture
def params(
    cifar10: dict[SplitName, Split], card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SetParams:
    """Writes the committed params.yaml with other budgets, beside a backbone in data/prepared."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    tensors = tensors_of(Architecture(BACKBONE.blocks))
    write_prepared(PREPARED, card, cifar10, BACKBONE, tensors)
    Path("metrics").mkdir()

    def write(budgets: dict[str, int], keep: int = 3, widths: Sequence[int] = ()) -> None:
        shutil.copy(ROOT / "params.yaml", tmp_path)
        backbone = {"keep": keep, "widths": [*widths]}
        limits = dict.fromkeys(FIGURES, None) | budgets
        change = {"network": {"backbone": backbone, "blocks": []}, "evaluate": {"budgets": limits}}
        put(yaml.safe_dump(change, default_flow_style=None), "test")

    return write


def lines() -> list[str]:
    return Path("params.yaml").read_text(encoding="utf-8").splitlines()


def test_widths_that_meet_the_budgets_are_put_into_params(
    params: SetParams, capsys: pytest.CaptureFixture[str]
) -> None:
    params({"arena_bytes": 17_000, "bytes": 10**6}, widths=[8, 8])
    before = lines()
    pruning.main()
    (changed,) = [(old, new) for old, new in zip(before, lines(), strict=True) if old != new]
    first, second = load_group("network", Network).backbone.widths
    widened = changed[0].replace("[8, 8]", f"[{first}, {second}]")
    assert changed[1].split() == widened.split()
    assert first == 16
    assert 8 < second < 32
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split()[:5] == ["2", "16", "->", "16", "100.0%"]
    assert printed[2].split()[:4] == ["3", "32", "->", str(second)]
    found = re.search(r"RAM .*, bytes: ([\d,]+) -> ([\d,]+), at most 17,000 wanted", printed[4])
    assert found is not None
    assert int(found[1].replace(",", "")) > 17_000 >= int(found[2].replace(",", ""))
    assert printed[-1] == f"network.backbone.widths: [8, 8] -> [{first}, {second}]"
    with Image.open("metrics/pruning.png") as picture:
        assert picture.size == (1000, 420)


def test_what_is_within_the_budgets_is_not_pruned(
    params: SetParams, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "measure", lambda *_: {"bytes": 9000, "macs": 400_000})
    params({"bytes": 10**6})
    before = lines()
    pruning.main()
    assert lines() == before
    assert capsys.readouterr().out.splitlines()[-1] == "params.yaml has these widths already"


@pytest.mark.parametrize(
    ("keep", "budgets", "message"),
    [
        (
            1,
            {"bytes": 10**6},
            "params.yaml: network.backbone.keep: 1 is not allowed here: Tiny has no inverted "
            "residual among these blocks, and nothing else is pruned; keep more",
        ),
        (
            3,
            {},
            "params.yaml: evaluate.budgets: set a limit to prune to: bytes, arena_bytes, macs",
        ),
    ],
)
def test_where_nothing_can_be_pruned(
    params: SetParams, one_line: OneLine, keep: int, budgets: dict[str, int], message: str
) -> None:
    params(budgets, keep)
    before = lines()
    assert one_line("prune", pruning.main) == message
    assert lines() == before


def test_without_a_backbone_nothing_is_pruned(
    params: SetParams, one_line: OneLine, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    put("network: {backbone: {keep: 0}}", "test")
    assert one_line("prune", pruning.main) == (
        "params.yaml: network.backbone.keep: 0 is not allowed here: without a backbone there is "
        "nothing to prune"
    )
