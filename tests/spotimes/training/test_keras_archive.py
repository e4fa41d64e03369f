import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Split, SplitName
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.pixels import to_float32
from spotimes.training import keras_archive

pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture(scope="module")
def archive(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "models/model.keras"
    keras_archive.save(trained, path)
    return path


def test_it_loads_again_and_predicts_the_same(
    archive: Path, trained: Any, cifar10: dict[SplitName, Split]
) -> None:
    loaded = keras.saving.load_model(archive)
    images = to_float32(cifar10["test"].images)
    np.testing.assert_array_equal(loaded(images).numpy(), trained(images).numpy())
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in trained.layers]


def test_nothing_else_is_left_in_the_folder(archive: Path) -> None:
    assert list(archive.parent.iterdir()) == [archive]


def test_it_holds_no_optimizer_no_date_and_no_address(archive: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        assert members.testzip() is None
        assert members.namelist() == ["config.json", "metadata.json", "model.weights.h5"]
        assert {member.date_time for member in members.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        metadata = json.loads(members.read("metadata.json"))
        config = members.read("config.json").decode()
        weights = members.read("model.weights.h5")
    assert metadata["date_saved"] == "1980-01-01@00:00:00"
    assert not json.loads(config)["compile_config"]
    assert b"optimizer" not in weights
    for text in config.split('"shared_object_id": ')[1:]:
        assert int(text.split(",")[0].split("}")[0]) < 100


def test_saving_a_loaded_model_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    keras_archive.save(keras.saving.load_model(archive), path)
    assert path.read_bytes() == archive.read_bytes()


def test_another_model_with_the_same_weights_gives_the_same_bytes(
    archive: Path, network: Architecture, trained: Any, tmp_path: Path
) -> None:
    """Whatever was built before; tests/spotimes/training/test_loop.py compares processes."""
    model = build(network, (32, 32, 3), 10)
    model.set_weights(trained.get_weights())
    keras_archive.save(model, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == archive.read_bytes()


def test_one_weight_makes_other_bytes(archive: Path, network: Architecture, tmp_path: Path) -> None:
    model = build(network, (32, 32, 3), 10)
    weights = keras.saving.load_model(archive).get_weights()
    weights[0][0, 0, 0, 0] += 1
    model.set_weights(weights)
    keras_archive.save(model, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() != archive.read_bytes()


def test_a_save_that_fails_leaves_the_old_archive(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Any
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def full(_: bytes) -> bytes:
        raise OSError

    monkeypatch.setattr(keras_archive, "_stable", full)
    with pytest.raises(OSError):
        keras_archive.save(trained, path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [
        ("model.keras", b"old")
    ]
