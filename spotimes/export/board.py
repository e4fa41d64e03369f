"""The instructions that a model takes as C, on a Cortex-M4 that QEMU emulates."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from spotimes.errors import InputError
from spotimes.export.exported import exported
from spotimes.tflite.instructions import Instructions

PROJECT = Path(__file__).resolve().parents[2] / "deploy/microcontroller"
BOARD = ("BOARD=mps2-an386", "DSP=1")
TOOLS = ("make", "arm-none-eabi-gcc", "qemu-system-arm")
LIBRARY = "spotimes_model"
INSTRUCTIONS_A_TICK = 40  # QEMU executes one a nanosecond there, and the board has 25 MHz
LONGEST_SECONDS = 300
TICKS = re.compile(r", (\d+) ticks$", re.MULTILINE)


def instructions(content: bytes) -> Instructions:
    """Compiles an INT8 .tflite file as C and counts those of an inference; takes seconds.

    They are counted in steps of 40, depend on the compiler, and hardly on the weights.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return Instructions(None, f"no {' and no '.join(missing)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(content)
        try:
            model = exported(folder / "model.tflite")
        except InputError as error:
            return Instructions(None, str(error))
        model.sources.write(folder / "model", LIBRARY)
        image = model.network.maps[0]
        noise = np.random.default_rng(0).integers(0, 256, image.bytes, np.uint8)
        (folder / "picture.raw").write_bytes(noise.tobytes())
        places = {"MODEL": "model", "BUILD": "build", "PICTURE": "picture.raw"}
        command = [
            "make",
            "--no-print-directory",
            "run",
            *BOARD,
            *(f"{key}={folder / at}" for key, at in places.items()),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=PROJECT,
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Instructions(None, f"QEMU took more than {LONGEST_SECONDS} seconds")
    if done.returncode or (found := TICKS.search(done.stdout)) is None:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        return Instructions(None, f"deploy/microcontroller: {last}")
    return Instructions(int(found[1]) * INSTRUCTIONS_A_TICK, None)
