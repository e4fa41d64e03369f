"""Compiles a model's C for this machine, and runs it; the interpreter that it must equal."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.export.exported import Exported
from spotimes.tflite.arena import NO_WHEEL

DRIVER = Path(__file__).with_name("driver.c")
SELFTEST = Path(__file__).with_name("selftest_main.c")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
Images = npt.NDArray[np.int8]


def build(exported: Exported, folder: Path, *flags: str, compiler: str = "gcc") -> Path:
    """Compiles them with a program that classifies what it reads; without a warning."""
    exported.sources.write(folder, "spotimes_model")
    return link(folder, [folder / "spotimes_model.c", DRIVER], *flags, compiler=compiler)


def link(folder: Path, sources: Sequence[Path], *flags: str, compiler: str = "gcc") -> Path:
    """Compiles source files to a program in a folder, which has the headers; without a warning."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}: Debian has it in a package of that name")
    program = folder / "program"
    arguments = [*WARNINGS, *flags, f"-I{folder}", *map(str, sources), "-o", str(program)]
    subprocess.run([compiler, *arguments], check=True)
    return program


def selftest_status(folder: Path) -> int:
    """What a program of the self-test and the model in a folder exits with: 0 if all is well."""
    program = link(folder, [*sorted(folder.glob("*.c")), SELFTEST])
    return subprocess.run([program], check=False).returncode


def outputs(command: Path | Sequence[str], images: Images, classes: int) -> Images:
    """The outputs of `spotimes_infer`, which those of `spotimes_infer_rows` equal."""
    done = subprocess.run(
        [command] if isinstance(command, Path) else command,
        input=images.tobytes(),
        stdout=subprocess.PIPE,
        check=True,
    )
    both = np.frombuffer(done.stdout, np.int8).reshape(len(images), 2, classes)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])
    found: Images = both[:, 0]
    return found


def expected(content: bytes, images: Images) -> Images:
    """The outputs of TensorFlow Lite Micro's reference kernels."""
    runtime: Any = pytest.importorskip("tflite_micro", reason=NO_WHEEL).runtime
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=64 * 2**20)
    found = []
    for image in images:
        interpreter.set_input(image[np.newaxis], 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0).ravel())
    return np.stack(found)
