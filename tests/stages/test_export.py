import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import export as stage
from tests.project import ROOT
from tests.repository import save_params
from tests.spotimes.export import compiled

OneLine = Callable[[str, Callable[[], None]], str]

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(repository: Path) -> Path:
    """With params, data and the committed model."""
    save_params({"export": {"selftest_images": 2}})
    stage.MODEL.parent.mkdir()
    shutil.copy(ROOT / stage.MODEL, stage.MODEL)
    return repository


def test_what_it_leaves(repository: Path) -> None:
    stage.main()
    assert sorted(path.name for path in stage.FOLDER.iterdir()) == [
        "spotimes_model.c",
        "spotimes_model.h",
        "spotimes_selftest.c",
        "spotimes_selftest.h",
    ]
    found = json.loads(stage.METRICS.read_text())
    assert list(found) == ["ram_bytes", "image_bytes", "ram_by_layer", "flash"]
    assert found["ram_bytes"] == max(found["ram_by_layer"].values())
    assert found["image_bytes"] == 3072
    parts = found["flash"]
    assert parts["constants"] == sum(parts.values()) - parts["constants"]
    # A weight is a byte and a bias four.
    size = json.loads((ROOT / "metrics/quantize.json").read_text())["parameters"]
    assert parts["weights"] + parts["biases"] // 4 == size


def test_again_it_is_the_same(repository: Path) -> None:
    stage.main()
    before = {path: path.read_bytes() for path in stage.FOLDER.iterdir()}
    (stage.FOLDER / "left over").write_text("")
    stage.main()
    assert {path: path.read_bytes() for path in stage.FOLDER.iterdir()} == before


def test_the_self_test_is_of_validation_images(repository: Path) -> None:
    stage.main()
    assert "#define PICTURES 2\n" in (stage.FOLDER / "spotimes_selftest.c").read_text()
    assert compiled.selftest_status(stage.FOLDER) == 0


def test_a_model_without_a_contract(repository: Path, one_line: OneLine) -> None:
    stage.MODEL.write_bytes(b"no model")
    line = one_line("export", stage.main)
    assert line.startswith("models/model_int8.tflite: holds no class names and input contract")
    assert not stage.FOLDER.exists()
