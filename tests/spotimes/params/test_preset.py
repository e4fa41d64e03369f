import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotimes.errors import InputError
from spotimes.params import preset
from spotimes.params.load import load_group
from spotimes.params.train import Train
from tests.project import ROOT

NAMES = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture
def apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Applies a preset in a folder of its own; gives params.yaml's text before and after."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    params = tmp_path / "params.yaml"

    def run(name: str, content: str | None = None) -> tuple[str, str]:
        if content is not None:
            (tmp_path / f"presets/{name}.yaml").write_text(content)
        before = params.read_text()
        monkeypatch.setattr(sys, "argv", ["preset", name])
        preset.main()
        return before, params.read_text()

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_changes_what_it_names_and_nothing_else(apply: Any, name: str) -> None:
    before, after = (yaml.safe_load(text) for text in apply(name))

    def expected(params: Any, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return params | {key: expected(params[key], value) for key, value in values.items()}

    assert after == expected(before, yaml.safe_load((ROOT / f"presets/{name}.yaml").read_text()))
    assert after != before


def test_comments_and_layout_stay(apply: Any) -> None:
    blocks = "network:\n  blocks:\n    - {kind: conv, channels: 8, stride: 2}\n"
    before, after = apply("new", f"train:\n  epochs: 7\n{blocks}")
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert changed == ["    - {kind: conv, channels: 8, stride: 2}", "  epochs: 7"]
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert all(line.startswith(("    - {kind: ", "  epochs: ")) for line in gone)


def test_a_number_is_read_as_in_params(apply: Any) -> None:
    apply("new", "train:\n  optimizer:\n    weight_decay: 1e-05\n")
    assert load_group("train", Train).optimizer.weight_decay == 0.00001


def test_it_prints_what_changed(apply: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = apply("new", "train:\n  epochs: 7\n  seed: 1\n")
    assert capsys.readouterr().out == (
        f"train.epochs: {yaml.safe_load(before)['train']['epochs']} -> 7\n"
    )
    apply("new")
    assert capsys.readouterr().out == "params.yaml has these values already\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("trian:\n  epochs: 7\n", "presets/bad.yaml: trian: unknown key; allowed are versions, "),
        ("train:\n  epoch: 7\n", "presets/bad.yaml: train.epoch: unknown key; allowed are start_"),
        ("train: 7\n", "presets/bad.yaml: train: must be a mapping, as in params.yaml"),
        ("train:\n  seed: {a: 1}\n", "presets/bad.yaml: train.seed: must be a value, as in"),
        ("train:\n  epochs: 0\n", "presets/bad.yaml: train.epochs: 0 is not allowed: "),
        ("- 1\n", "presets/bad.yaml: must be a mapping"),
        ("a: [\n", "presets/bad.yaml: is not YAML"),
    ],
)
def test_a_bad_preset_changes_nothing(apply: Any, content: str, message: str) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(InputError) as caught:
        apply("bad", content)
    assert str(caught.value).startswith(message)
    assert Path("params.yaml").read_bytes() == before


def test_an_unknown_preset_is_answered_by_those_that_there_are(apply: Any) -> None:
    with pytest.raises(InputError) as caught:
        apply("huge")
    assert str(caught.value) == f"huge: no such preset; there are {', '.join(NAMES)}"


def test_a_mapping_may_become_null_and_come_back(apply: Any) -> None:
    apply("sgd", "train:\n  optimizer:\n    muon: null\n")
    assert load_group("train", Train).optimizer.muon is None
    muon = "{peak_learning_rate: 0.01, momentum: 0.9}"
    apply("muon", f"train:\n  optimizer:\n    muon: {muon}\n")
    found = load_group("train", Train).optimizer.muon
    assert found is not None
    assert (found.peak_learning_rate, found.momentum) == (0.01, 0.9)
