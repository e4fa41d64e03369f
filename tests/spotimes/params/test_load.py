import shutil
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml  # type: ignore[import-untyped]

from spotimes.errors import InputError
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import GROUPS, PARAMS_FILE, check_groups, load_group, schema
from spotimes.params.quantize import Quantize
from spotimes.params.train import Train
from spotimes.system.validation import load_yaml
from tests.project import ROOT

GOOD = b"quantize: {calibration_images: 10, temperature: fit, known_share: null, seed: 1}\n"


def test_a_group_is_read_as_its_type(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(GOOD)
    group = load_group("quantize", Quantize, tmp_path / "params.yaml")
    assert group == Quantize(calibration_images=10, temperature="fit", known_share=None, seed=1)


def test_what_dvc_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / PARAMS_FILE, path)
    with modify_yaml(path) as params:
        params["train"]["optimizer"]["weight_decay"] = 0.00001
        params["evaluate"]["budgets"]["top1_loss"] = 0.0000025
    assert "weight_decay: 1e-05" in path.read_text()
    assert load_group("train", Train, path).optimizer.weight_decay == 0.00001
    assert dict(load_group("evaluate", Evaluate, path).budgets)["top1_loss"] == 0.0000025


def test_every_group_of_params_yaml_has_a_schema_of_its_name() -> None:
    assert tuple(load_yaml(ROOT / PARAMS_FILE)) == GROUPS
    files = {path.stem for path in (ROOT / "spotimes/params").glob("[!_]*.py")}
    assert files - set(GROUPS) == {"load", "optional_file", "preset"}
    assert [schema(name).__name__.lower() for name in GROUPS] == [*GROUPS]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + b"quantise: {}\n", f"quantise: unknown key; allowed are {', '.join(GROUPS)}"),
        (b'"a\\eb\\x85": 1\n', rf"a\x1bb\x85: unknown key; allowed are {', '.join(GROUPS)}"),
        (b"prepare: {}\n", "quantize: missing"),
        (b"{}", "quantize: missing"),
        (
            b"quantize: {temperature: 1, known_share: null, seed: 1}",
            "quantize.calibration_images: missing",
        ),
    ],
)
def test_a_bad_group_is_reported_with_its_file_and_key(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_group("quantize", Quantize, path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  epochs:", "  epochs: -1 #", "train.epochs: -1 is not allowed"),
        ("warmup:", "warm_up:", "train.optimizer.warm_up: unknown key; allowed are kind, "),
        ("channels: 32", "width: 32", "network.blocks[1].width: unknown key; allowed are kind, "),
        ("train:", "train: {", "is not YAML"),
    ],
)
def test_all_groups_are_checked(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / PARAMS_FILE
    text = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check_groups(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
