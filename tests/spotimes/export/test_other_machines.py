"""The C on emulated machines of other kinds: RISC-V of 32 bits, and one of the other byte order."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from spotimes.export import source
from spotimes.export.exported import exported
from spotimes.export.reference import classify
from tests.project import ROOT
from tests.spotimes.export import compiled
from tests.spotimes.export.random_models import random_images, random_model

# Where QEMU's board of the name virt has memory, of which a half stands for flash.
VIRT = "-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x800000"
VIRT += ",--defsym=__ram=0x80800000,--defsym=__ram_size=0x800000"
PICOLIBC = ("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted", VIRT)
BARE = ("-M", "virt", "-bios", "none", "-display", "none", "-semihosting", "-kernel")


class Machine(NamedTuple):
    """A compiler with its flags, an emulator with its, and Debian's packages of both."""

    compiler: str
    flags: Sequence[str]
    emulator: Sequence[str]
    packages: str


MACHINES = {
    "RISC-V, 32 bits": Machine(
        "riscv64-unknown-elf-gcc",
        ("-march=rv32imac", "-mabi=ilp32", *PICOLIBC),
        ("qemu-system-riscv32", *BARE),
        "gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf and qemu-system-misc",
    ),
    "PowerPC, big-endian": Machine(
        "powerpc-linux-gnu-gcc",
        ("-static",),
        ("qemu-ppc",),
        "gcc-powerpc-linux-gnu, libc6-dev-powerpc-cross and qemu-user",
    ),
}

pytestmark = pytest.mark.proof


def write(content: bytes, images: compiled.Images, folder: Path) -> None:
    """Writes a model with a self-test, whose outputs are the interpreter's."""
    path = folder / "model.tflite"
    path.write_bytes(content)
    model = exported(path)
    outputs = classify(model.network, images)
    np.testing.assert_array_equal(outputs, compiled.expected(content, images))
    model.sources.write(folder, "spotimes_model")
    source.selftest(model.network, images).write(folder, "spotimes_selftest")


def status(machine: Machine, folder: Path) -> int:
    """What the self-test exits with on a machine."""
    if shutil.which(machine.compiler) is None or shutil.which(machine.emulator[0]) is None:
        pytest.skip(f"Debian has what this needs in {machine.packages}")
    sources = [*folder.glob("*.c"), compiled.SELFTEST]
    flags = ("-O2", *machine.flags)
    program = compiled.link(folder, sources, *flags, compiler=machine.compiler)
    return subprocess.run([*machine.emulator, program], check=False, timeout=600).returncode


@pytest.mark.parametrize("name", MACHINES)
def test_the_committed_model(name: str, tmp_path: Path) -> None:
    pictures = np.load(ROOT / "data/prepared/test_images.npy")[:50]
    images = (pictures ^ np.uint8(128)).view(np.int8)
    write((ROOT / "models/model_int8.tflite").read_bytes(), images, tmp_path)
    assert status(MACHINES[name], tmp_path) == 0


@pytest.mark.parametrize("name", MACHINES)
def test_random_models(name: str, tmp_path: Path) -> None:
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        content, shape = random_model(seed)
        write(content, random_images(shape, 12), folder)
        assert status(MACHINES[name], folder) == 0


@pytest.mark.parametrize("name", MACHINES)
def test_a_wrong_output_is_seen(name: str, tmp_path: Path) -> None:
    content, shape = random_model(0)
    write(content, random_images(shape, 2), tmp_path)
    test = tmp_path / "spotimes_selftest.c"
    test.write_text(test.read_text().replace(" PICTURES 2\n", " PICTURES 1\n"))
    model = tmp_path / "spotimes_model.c"
    changed = model.read_text().replace(
        "UINT32_C(1) << exponent) - 1", "UINT32_C(2) << exponent) - 1"
    )
    model.write_text(changed)
    assert status(MACHINES[name], tmp_path) == 1
