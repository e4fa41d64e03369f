"""The model on bare boards, which QEMU emulates with the memory that they have."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.export.exported import Exported, exported
from spotimes.inference.contract import Contract
from spotimes.params.network import Network
from spotimes.pixels import to_uint8
from spotimes.system.validation import load_yaml
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images

PROJECT = ROOT / "deploy/microcontroller"
DEFAULT = ROOT / "models/model_int8.tflite"
TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
BOARDS = ["microbit", "mps2-an386", "mps2-an386 DSP=1", "mps2-an500 DSP=1"]
CLASSES = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING) and "CI" not in os.environ,
        reason=f"no {' and no '.join(MISSING)}: Debian has them in gcc-arm-none-eabi, "
        "libnewlib-arm-none-eabi and qemu-system-arm",
    ),
]


class Run(NamedTuple):
    """What a board prints: of each picture the class, outputs and ticks; the bytes of RAM."""

    labels: list[str]
    outputs: compiled.Images
    ticks: list[int]
    data: int
    stack: int


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Exported, str, compiled.Images], Run]:
    """Runs a model on a board."""

    def on_board(model: Exported, board: str, images: compiled.Images) -> Run:
        model.sources.write(tmp_path / "model", "spotimes_model")
        (tmp_path / "pictures.raw").write_bytes(to_uint8(images).tobytes())
        done = subprocess.run(
            [
                "make",
                "run",
                *f"BOARD={board}".split(),
                f"MODEL={tmp_path / 'model'}",
                f"BUILD={tmp_path / 'build'}",
                f"PICTURE={tmp_path / 'pictures.raw'}",
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        found = re.findall(r"^(.*): ([\d ]+), (\d+) ticks$", done.stdout, re.MULTILINE)
        outputs = [[int(share) - 128 for share in line[1].split()] for line in found]
        ram = re.search(r"^data (\d+), stack (\d+) bytes$", done.stdout, re.MULTILINE)
        assert ram is not None
        assert "warning" not in done.stderr
        return Run(
            [line[0] for line in found],
            np.array(outputs, np.int8),
            [int(line[2]) for line in found],
            int(ram[1]),
            int(ram[2]),
        )

    return on_board


@pytest.fixture(scope="module")
def default() -> Exported:
    return exported(DEFAULT)


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Exported]:
    """The preset with random weights."""
    from spotimes.search.architecture_cost import untrained  # noqa: PLC0415  # takes TensorFlow

    group = load_yaml(ROOT / "params.yaml")["network"]
    group |= load_yaml(ROOT / "presets/nano.yaml")["network"]
    network = Network.model_validate(group)
    names = [f"class {number}" for number in range(CLASSES)]
    content = untrained(
        Architecture(network.blocks, network.largest_side),
        Contract.of(names, (32, 32, 3), "squash"),
    )
    path = tmp_path_factory.mktemp("nano") / "model.tflite"
    path.write_bytes(content)
    return content, exported(path)


def test_the_default_on_a_micro_bit(default: Exported, run: Any) -> None:
    images = random_images((32, 32, 3), 2)
    found = run(default, "microbit", images)
    np.testing.assert_array_equal(found.outputs, compiled.expected(DEFAULT.read_bytes(), images))
    # The board has 16 KB; 12 KB of them are enough with the image in RAM.
    assert found.data - default.plan.arena_bytes < 200
    assert default.plan.arena_bytes + found.stack <= 10_000
    assert default.plan.arena_bytes + found.stack + 32 * 32 * 3 <= 13_000


def test_nano_on_eight_kilobytes(nano: tuple[bytes, Exported], run: Any) -> None:
    content, model = nano
    images = random_images((32, 32, 3), 2)
    found = run(model, "stm32vldiscovery", images)
    np.testing.assert_array_equal(found.outputs, compiled.expected(content, images))
    # So much is free that the image could be in RAM.
    assert found.data + found.stack + 32 * 32 * 3 < 8192


@pytest.mark.parametrize(("dsp", "most"), [("", 3.2), (" DSP=1", 2)])
def test_instructions_of_a_multiply_accumulate(
    dsp: str, most: float, default: Exported, run: Any
) -> None:
    images = random_images((32, 32, 3), 1)
    found = run(default, f"mps2-an386{dsp}", images)
    np.testing.assert_array_equal(found.outputs, compiled.expected(DEFAULT.read_bytes(), images))
    instructions = found.ticks[0] * 40  # QEMU executes one a nanosecond; a tick is 40
    assert instructions / default.network.macs < most


@pytest.mark.parametrize(
    ("picture", "expected"),
    [(None, "name a file that exists"), (b"short", "shorter than one, which takes 3072 bytes")],
)
def test_no_picture(
    picture: bytes | None, expected: str, default: Exported, tmp_path: Path
) -> None:
    default.sources.write(tmp_path, "spotimes_model")
    if picture is not None:
        (tmp_path / "pictures.raw").write_bytes(picture)
    folders = (f"MODEL={tmp_path}", f"BUILD={tmp_path}", f"PICTURE={tmp_path / 'pictures.raw'}")
    done = make("run", "BOARD=microbit", *folders)
    assert done.returncode != 0
    assert expected in done.stdout


def test_an_unknown_board() -> None:
    assert "BOARD=pico is not known; choose one of " in make("BOARD=pico").stderr


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it in the project's folder."""
    return subprocess.run(
        ["make", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.mark.proof
@pytest.mark.parametrize("board", BOARDS)
def test_the_default_on_test_images(board: str, default: Exported, run: Any) -> None:
    pictures = np.load(ROOT / "data/prepared/test_images.npy")[:50]
    images = (pictures ^ np.uint8(128)).view(np.int8)
    found = run(default, board, images)
    np.testing.assert_array_equal(found.outputs, compiled.expected(DEFAULT.read_bytes(), images))
    labels = np.load(ROOT / "data/prepared/test_labels.npy")[:50]
    names = re.findall(r'^    "(\w+)",$', default.sources.source, re.MULTILINE)
    correct = [names.index(label) for label in found.labels] == labels
    assert correct.sum() >= 40


@pytest.mark.proof
@pytest.mark.parametrize("board", ["stm32vldiscovery", *BOARDS])
def test_nano_on_test_images(board: str, nano: tuple[bytes, Exported], run: Any) -> None:
    content, model = nano
    pictures = np.load(ROOT / "data/prepared/test_images.npy")[:50]
    images = (pictures ^ np.uint8(128)).view(np.int8)
    found = run(model, board, images)
    np.testing.assert_array_equal(found.outputs, compiled.expected(content, images))
