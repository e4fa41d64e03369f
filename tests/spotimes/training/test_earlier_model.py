import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.errors import InputError
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.training import keras_archive
from spotimes.training.earlier_model import load_weights
from spotimes.training.pretrained import set_pretrained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]

SHAPE = (32, 32, 3)
CONV = {"kind": "conv", "channels": 4, "stride": 2}  # the blocks of the fixture `network`
SEPARABLE = {"kind": "separable", "channels": 8, "stride": 2}
REMEDY = "or let train.start_from be data/none"


@pytest.fixture
def path(trained: Any, tmp_path: Path) -> Path:
    keras_archive.save(trained, tmp_path / "start.keras")
    return tmp_path / "start.keras"


def rewritten(path: Path, name: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """Replaces a part of an archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for each, old in parts.items():
            archive.writestr(each, content if each == name else old)


def refusal(path: Path, network: Architecture, shape: tuple[int, int, int] = SHAPE) -> str:
    with pytest.raises(InputError) as caught:
        load_weights(path, network, shape)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("classes", "side"), [(10, 32), (13, 32), (10, 40)])
def test_all_but_the_head_is_carried_over(
    path: Path, network: Architecture, trained: Any, classes: int, side: int
) -> None:
    model = build(network, (side, side, 3), classes)
    fresh = model.get_layer("logits").get_weights()
    set_pretrained(model, network, load_weights(path, network, (side, side, 3)))
    for old, new in zip(trained.layers, model.layers, strict=True):
        wanted = fresh if new.name == "logits" else old.get_weights()
        for one, other in zip(wanted, new.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=new.name)


@pytest.mark.parametrize(
    ("blocks", "difference"),
    [
        ([CONV, SEPARABLE | {"channels": 9}], "the filters of block2_pointwise are 8, not 9"),
        ([CONV | {"stride": 1}, SEPARABLE], "the strides of block1_conv are [2, 2], not [1, 1]"),
        (
            [CONV | {"kernel": 5}, SEPARABLE],
            "the kernel_size of block1_conv are [3, 3], not [5, 5]",
        ),
        (
            [CONV | {"activation": "relu6"}, SEPARABLE],
            "in place of the layer block1_conv_relu6 (ReLU) it has 'block1_conv_relu' ('ReLU')",
        ),
        (
            [CONV],
            "in place of the layer pool (GlobalAveragePooling2D) it has 'block2_depthwise' "
            "('DepthwiseConv2D')",
        ),
        (
            [CONV, SEPARABLE, CONV],
            "in place of the layer block3_conv (Conv2D) it has 'pool' ('GlobalAveragePooling2D')",
        ),
    ],
)
def test_another_network_is_refused_and_the_difference_named(
    path: Path, blocks: list[dict[str, Any]], difference: str
) -> None:
    assert refusal(path, Architecture([Block(**each) for each in blocks], 48)) == (
        f"{path}: has another network than params.yaml: {difference}; let network be as it was "
        f"when that model was trained, {REMEDY}"
    )


def test_a_size_that_is_halved_makes_another_network_and_is_named(
    path: Path, network: Architecture
) -> None:
    said = refusal(path, network, (96, 96, 3))
    assert "(its images have 32 x 32 pixels, and those in data/prepared 96 x 96); let" in said


def test_other_colours_are_refused(path: Path, network: Architecture) -> None:
    assert refusal(path, network, (32, 32, 1)) == (
        f"{path}: its images have 3 channels, but those in data/prepared have 1; set "
        f"prepare.image.colour to rgb, {REMEDY}"
    )


def test_what_is_no_archive_of_ours_is_refused(path: Path, network: Architecture) -> None:
    whole = path.read_bytes()
    said = f"{path}: is not a model.keras that stage train wrote; name such a one, {REMEDY}"
    for content in (b"", b"no archive", whole[:1000]):
        path.write_bytes(content)
        assert refusal(path, network) == said
    for config in (b"{", b"[]", b'{"config": {"layers": []}}', b"[" * 100_000):
        path.write_bytes(whole)
        rewritten(path, "config.json", config)
        assert refusal(path, network) == said
    path.write_bytes(whole)
    rewritten(path, "config.json", bytes(10**8), zipfile.ZIP_DEFLATED)
    assert refusal(path, network) == said


def test_no_code_in_a_file_is_run(path: Path, network: Architecture, tmp_path: Path) -> None:
    """A layer that `load_model` would make, and what it holds would be run."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    ran = tmp_path / "ran"
    name = str(ran)
    runs = keras.layers.Lambda(lambda x: Path(name).touch() or x)  # type: ignore[func-returns-value]
    model = keras.Sequential([keras.Input((2,)), runs])
    ran.unlink()
    layers = config["config"]["layers"]
    layers[-1] = json.loads(model.to_json())["config"]["layers"][-1]
    rewritten(path, "config.json", json.dumps(config).encode())
    load_weights(path, network, SHAPE)  # behind the head it does not matter
    layers[1] = layers[-1]
    rewritten(path, "config.json", json.dumps(config).encode())
    assert "it has 'lambda' ('Lambda')" in refusal(path, network)
    assert not ran.exists()


def damaged(change: Callable[[h5py.File], None]) -> Callable[[bytes], bytes]:
    def changed(weights: bytes) -> bytes:
        stream = io.BytesIO(weights)
        with h5py.File(stream, "r+") as file:
            change(file)
        return stream.getvalue()

    return changed


def without_a_layer(file: h5py.File) -> None:
    del file["layers/conv2d"]


def of_another_shape(file: h5py.File) -> None:
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 5), np.float32)


def linked(file: h5py.File) -> None:
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars/0"] = h5py.ExternalLink("other.h5", "x")


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights[: len(weights) // 2],
        *map(damaged, (without_a_layer, of_another_shape, linked)),
    ],
)
def test_damaged_weights_are_refused(
    path: Path, network: Architecture, change: Callable[[bytes], bytes]
) -> None:
    with zipfile.ZipFile(path) as archive:
        weights = archive.read("model.weights.h5")
    rewritten(path, "model.weights.h5", change(weights))
    assert refusal(path, network) == f"{path}: its weights are damaged; name another, {REMEDY}"
