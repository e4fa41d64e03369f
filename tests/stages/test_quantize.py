import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import PREPARED, Card, Split, SplitName, write_prepared
from spotimes.evaluation import metrics
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import Contract, read_contract
from spotimes.inference.unknown import scores
from spotimes.nn.network import build
from spotimes.system.validation import load_yaml
from spotimes.tflite import softmax
from spotimes.tflite.arena import NO_WHEEL
from spotimes.tflite.tflite_file import TFLiteFile
from spotimes.training import keras_archive
from stages import quantize as stage
from tests.project import ROOT
from tests.repository import network_group, save_params

VERSIONS = load_yaml(ROOT / "params.yaml")["versions"]
RUNTIME = load_yaml(ROOT / "params.yaml")["runtime"]
OneLine = Callable[[str, Callable[[], None]], str]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("reseed")]


@pytest.fixture
def repository(repository: Path, network: Architecture, trained: Any) -> Path:
    """With params, data and the trained network."""
    write_params(network)
    keras_archive.save(trained, stage.TRAINED)
    return repository


def write_params(
    network: Architecture,
    images: int = 50,
    versions: dict[str, str] = VERSIONS,
    temperature: str | float = 1,
    known_share: float | None = None,
) -> None:
    params = {
        "versions": versions,
        "runtime": RUNTIME,
        "network": network_group(network),
        "quantize": {
            "calibration_images": images,
            "temperature": temperature,
            "known_share": known_share,
            "seed": 1,
        },
    }
    save_params(params)


def made() -> set[str]:
    """All files beside params, data and the trained network."""
    files = {file.as_posix() for file in Path().rglob("*") if file.is_file()}
    return {
        file
        for file in files
        if not file.startswith(("data/", "params.yaml")) and file != stage.TRAINED.as_posix()
    }


def test_what_it_leaves(repository: Path, card: Card, trained: Any, cifar10: Any) -> None:
    stage.main()
    assert made() == {
        "models/model_fp32.tflite",
        "models/model_int8.tflite",
        "metrics/quantize.json",
    }
    contract = Contract(tuple(card.class_names), 32, 32, "rgb", "squash", 255)
    assert read_contract(stage.FP32) == read_contract(stage.INT8) == contract
    TFLiteFile(stage.INT8.read_bytes()).check_integer()

    images = cifar10["test"].images
    expected = trained(images.astype(np.float32) / np.float32(255)).numpy()
    np.testing.assert_allclose(Classifier(stage.FP32).probabilities(images), expected, atol=1e-5)
    near = Classifier(stage.INT8).probabilities(images)
    assert (near.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.8

    found = json.loads(stage.METRICS.read_text())
    assert list(found) == ["fp32", "int8", "ratio", "parameters", "macs", "temperature", "known"]
    assert (found["parameters"], found["macs"]) == (282, 32_080)
    sizes = {"fp32": stage.FP32.stat().st_size, "int8": stage.INT8.stat().st_size}
    assert found["ratio"] == pytest.approx(sizes["fp32"] / sizes["int8"], rel=1e-5)
    for name, size in sizes.items():
        parts = found[name]["bytes"]
        assert parts["file"] == size == sum(parts.values()) - size
        assert found[name]["operators"]["CONV_2D"] == 2
        assert (found[name]["arena_bytes"] is None) == (found[name]["arena_note"] == NO_WHEEL)
    metrics.load("quantize", metrics.Quantization)
    assert found["temperature"] == {"value": 1.0, "low": None, "high": None, "images": 0}

    first = {path: path.read_bytes() for path in (stage.FP32, stage.INT8, stage.METRICS)}
    stage.main()
    assert {path: path.read_bytes() for path in first} == first


def test_a_temperature_that_is_fitted_on_few_images(
    repository: Path, network: Architecture, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(network, temperature="fit")
    stage.main()
    found = json.loads(stage.METRICS.read_text())["temperature"]
    assert found["images"] == 80
    assert found["low"] <= found["value"] <= found["high"]
    betas = [softmax.read(path.read_bytes()).beta for path in (stage.FP32, stage.INT8)]
    assert betas == [np.float32(1 / found["value"])] * 2
    said = capsys.readouterr().out
    assert f"temperature {found['value']:g} (95% interval " in said
    assert ("make crossvalidate" in said) == (found["high"] > 1.25 * found["low"])


def test_the_limit_of_the_score_goes_into_both_files(
    repository: Path, network: Architecture, cifar10: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(network, known_share=0.9)
    stage.main()
    found = json.loads(stage.METRICS.read_text())["known"]
    assert found["images"] == 80
    assert 0.9 <= found["kept"] < 1
    assert found["kept_low"] < 0.9 < found["kept_high"]
    limits = [read_contract(path).unknown_below for path in (stage.FP32, stage.INT8)]
    assert limits == [found["unknown_below"]] * 2
    probabilities = Classifier(stage.INT8).probabilities(cifar10["validation"].images)
    known = scores(probabilities) >= found["unknown_below"]
    assert np.mean(known) == pytest.approx(found["kept"], abs=0.05)
    assert f"unknown below a score of {found['unknown_below']}: " in capsys.readouterr().out


def test_the_range_of_values_goes_into_the_contract(repository: Path, card: Card) -> None:
    shared = PREPARED.resolve()
    PREPARED.unlink()
    shutil.copytree(shared, PREPARED)
    path = PREPARED / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"range": [16, 4080]}))
    stage.main()
    assert read_contract(stage.FP32).range == read_contract(stage.INT8).range == (16, 4080)


def test_a_missing_dataset_is_reported(repository: Path, one_line: OneLine) -> None:
    PREPARED.unlink()
    assert "run `dvc repro prepare`" in one_line("quantize", stage.main)
    assert made() == set()


def test_another_installed_version_is_reported(
    repository: Path, network: Architecture, one_line: OneLine
) -> None:
    write_params(network, versions=VERSIONS | {"tensorflow": "2.0.0"})
    line = one_line("quantize", stage.main)
    assert line.startswith("tensorflow: params.yaml wants version 2.0.0")
    assert made() == set()


def test_a_missing_network_is_reported(repository: Path, one_line: OneLine) -> None:
    stage.TRAINED.unlink()
    line = one_line("quantize", stage.main)
    assert line == "models/model.keras: cannot be loaded; run `dvc repro train`"
    assert made() == set()


def without(content: bytes, gone: str) -> bytes:
    """A .keras archive less one member."""
    path = Path("source.zip")
    path.write_bytes(content)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile("target.zip", "w") as target:
        for name in source.namelist():
            if name != gone:
                target.writestr(name, source.read(name))
    path.unlink()
    return Path("target.zip").rename("gone.zip").read_bytes()


def flipped(content: bytes, part: bytes) -> bytes:
    """With a wrong byte in the middle of the member that begins with `part`."""
    damaged = bytearray(content)
    damaged[content.index(part) + 300] ^= 0xFF
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no archive",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: without(content, "config.json"),
        lambda content: without(content, "model.weights.h5"),
        lambda content: flipped(content, b"config.json"),
        lambda content: flipped(content, b"\x89HDF"),
    ],
)
def test_a_damaged_network_is_reported(
    repository: Path, one_line: OneLine, damage: Callable[[bytes], bytes]
) -> None:
    content = damage(stage.TRAINED.read_bytes())
    Path("gone.zip").unlink(missing_ok=True)
    stage.TRAINED.write_bytes(content)
    line = one_line("quantize", stage.main)
    assert line.startswith("models/model.keras: cannot be loaded")
    assert made() == set()


@pytest.mark.parametrize(
    "blocks",
    [
        [Block(kind="conv", channels=4, stride=2)],
        [Block(kind="conv", channels=4), Block(kind="separable", channels=8, stride=2)],
        [
            Block(kind="conv", channels=4, stride=2),
            Block(kind="separable", channels=8, stride=2),
            Block(kind="conv", channels=8),
        ],
    ],
)
def test_another_network_is_reported(
    repository: Path, one_line: OneLine, blocks: list[Block]
) -> None:
    write_params(Architecture(blocks, 48))
    assert "the network in params.yaml" in one_line("quantize", stage.main)
    assert made() == set()


@pytest.mark.parametrize(
    ("shape", "classes"), [((32, 32, 3), 9), ((30, 32, 3), 10), ((32, 32, 1), 10)]
)
def test_a_network_for_other_data_is_reported(
    repository: Path,
    one_line: OneLine,
    network: Architecture,
    shape: tuple[int, int, int],
    classes: int,
) -> None:
    keras_archive.save(build(network, shape, classes), stage.TRAINED)
    assert one_line("quantize", stage.main).startswith("models/model.keras: ")
    assert made() == set()


def test_grey_images(repository: Path, network: Architecture, card: Card, cifar10: Any) -> None:
    grey: dict[SplitName, Split] = {
        name: Split(split.images[:, :28, :28, :1], split.labels) for name, split in cifar10.items()
    }
    PREPARED.unlink()
    write_prepared(PREPARED, card, grey)
    write_params(network, images=5)
    keras_archive.save(build(network, (28, 28, 1), 10), stage.TRAINED)
    stage.main()
    assert read_contract(stage.INT8)[1:4] == (28, 28, "grey")
    assert Classifier(stage.INT8).image_shape == (28, 28, 1)
