"""The Arduino sketch, compiled as Arduino's IDE does: with Arduino.h before it, for C++11."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spotimes.export.exported import Exported, exported
from spotimes.inference.contract import read_contract
from spotimes.pixels import to_uint8
from tests.fuzz.small_models import small_model
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images

SKETCH = ROOT / "deploy/arduino/classify/classify.ino"
STAND_IN = Path(__file__).with_name("arduino")
MODEL = ROOT / "models/model_int8.tflite"
CORE = Path("/usr/share/arduino/hardware/arduino/avr")  # of Debian's arduino-core-avr
FLAGS = ("-Os", "-Wall", "-Wextra", "-Werror", "-fno-exceptions")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def default() -> Exported:
    return exported(MODEL)


def objects(model: Exported, folder: Path, prefix: str, *flags: str) -> list[Path]:
    """Compiles the sketch and the model beside it, without a warning."""
    for compiler in (f"{prefix}gcc", f"{prefix}g++"):
        if shutil.which(compiler) is None:
            pytest.skip(f"no {compiler}: Debian has it in g++, gcc-arm-none-eabi and gcc-avr")
    model.sources.write(folder, "spotimes_model")
    sketch = folder / "sketch.cpp"
    sketch.write_text(f"#include <Arduino.h>\n{SKETCH.read_text()}")
    found = []
    for compiler, standard, source in (
        ("gcc", "gnu11", folder / "spotimes_model.c"),
        ("g++", "gnu++11", sketch),
    ):
        found.append(source.with_suffix(".o"))
        language = [f"-std={standard}", *(FLAGS if compiler == "g++" else FLAGS[:-1])]
        arguments = [*language, *flags, f"-I{folder}", "-c", str(source), "-o", str(found[-1])]
        subprocess.run([prefix + compiler, *arguments], check=True)
    return found


def test_its_answers(default: Exported, tmp_path: Path) -> None:
    parts = objects(default, tmp_path, "", f"-I{STAND_IN}")
    main = tmp_path / "main.cpp"
    main.write_text("void setup();\nvoid loop();\nint main() { for (setup();; loop()) {} }\n")
    program = tmp_path / "program"
    subprocess.run(["g++", main, *parts, "-o", program], check=True)
    images = random_images((32, 32, 3), 20)
    done = subprocess.run(
        [program], input=to_uint8(images).tobytes(), stdout=subprocess.PIPE, check=True
    )
    outputs = compiled.expected(MODEL.read_bytes(), images).astype(int) + 128
    names = read_contract(MODEL).class_names
    assert done.stdout.decode().splitlines() == [
        f"{names[output.argmax()]} {output.max() / 256:.2f}" for output in outputs
    ]
    assert len(np.unique(outputs.argmax(axis=1))) > 1


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_for_the_cores_of_arduinos_arm_boards(core: str, default: Exported, tmp_path: Path) -> None:
    objects(default, tmp_path, "arm-none-eabi-", f"-I{STAND_IN}", f"-mcpu={core}", "-mthumb")


def test_with_arduinos_own_header(tmp_path: Path) -> None:
    if not CORE.exists():
        pytest.skip("no Arduino.h: Debian has it in arduino-core-avr")
    model = tmp_path / "model.tflite"
    model.write_bytes(small_model(quantized=True))  # constants lie in RAM there: 8 KB
    folders = (f"-I{CORE / 'cores/arduino'}", f"-I{CORE / 'variants/mega'}")
    flags = ("-mmcu=atmega2560", "-DF_CPU=16000000L", *folders)
    objects(exported(model), tmp_path, "avr-", *flags)
