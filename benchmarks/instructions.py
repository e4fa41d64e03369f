"""Instructions of an inference on a microcontroller, by layer, counted under QEMU.

    python -m benchmarks.instructions --board mps2-an386 --dsp

The model is exported, put on a board as deploy/microcontroller does, and a timer is read before and
after each row of a layer. QEMU executes an instruction in a fixed time, so the counts repeat to the
digit; the timer ticks every 16 instructions or fewer. Reading a row of the image does not count.
Takes seconds; prints a Markdown table.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.project import MODEL, PICTURE, ROOT
from spotimes.errors import InputError
from spotimes.export.exported import Exported, exported
from spotimes.export.source import names
from spotimes.inference.contract import read_contract
from spotimes.preprocessing.resize import load_image
from spotimes.system import command

DEPLOY = ROOT / "deploy/microcontroller"
BOARDS = sorted(path.stem for path in (DEPLOY / "boards").glob("*.mk"))
# An instruction takes 4 ns, so that the timer, of 24 bits, lasts for the longest layer there is.
SHIFT = 2
TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
PACKAGES = "Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm"


def main() -> None:
    """Counts, and prints a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("model", type=Path, nargs="?", default=MODEL, metavar="MODEL.tflite")
    parser.add_argument("--board", choices=BOARDS, default="mps2-an386", help="(mps2-an386)")
    parser.add_argument("--dsp", action="store_true", help="take the DSP instructions")
    arguments = parser.parse_args()
    if arguments.dsp and "DSP" not in (DEPLOY / f"boards/{arguments.board}.mk").read_text():
        raise InputError(f"--dsp: {arguments.board} has no DSP instructions; choose an mps2 board")
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise InputError(f"there is no {tool}; {PACKAGES} have what this needs")
    image = load_image(PICTURE, PICTURE.name, read_contract(arguments.model))
    model = exported(arguments.model)
    counts = counted(model, image.tobytes(), arguments.board, dsp=arguments.dsp)
    print("| layer | multiply-accumulates | instructions | of one |\n| --- | ---: | ---: | ---: |")
    layers = zip(names(model.network), model.network.macs_by_layer, counts, strict=True)
    for name, macs, count in layers:
        print(_row(name, macs, count))
    print(_row("all", model.network.macs, sum(counts)))


def counted(model: Exported, image: bytes, board: str, *, dsp: bool) -> list[int]:
    """The instructions of each layer.

    Args:
        model: it.
        image: rows of pixels of channels, of bytes from 0 to 255.
        board: the name of a board in deploy/microcontroller/boards.
        dsp: whether to take the DSP instructions.

    Raises:
        InputError: the model does not fit the board.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        shutil.copytree(DEPLOY, project, ignore=shutil.ignore_patterns("model", "build"))
        shutil.copy(ROOT / "benchmarks/layers.c", project / "main.c")
        sources = model.sources._replace(source=_instrumented(model))
        sources.write(project / "model", "spotimes_model")
        shutil.copy(ROOT / "benchmarks/layers.h", project / "model")
        picture = Path(folder, "picture.raw")
        picture.write_bytes(image)
        layers = len(model.network.layers)
        settings = f"-DLAYERS={layers} -DNANOSECONDS={2**SHIFT}"
        done = subprocess.run(
            [
                *(
                    "make",
                    "--no-print-directory",
                    "run",
                    f"BOARD={board}",
                    f"PICTURE={picture}",
                    f"SHIFT={SHIFT}",
                ),
                *(f"OPTIMIZATION=-O2 {settings}", *(["DSP=1"] if dsp else [])),
            ],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "ld:" in line), done.stderr)
        raise InputError(f"the model cannot be run on {board}: {reason}")
    return [int(line) for line in done.stdout.splitlines()[-layers:]]


def _instrumented(model: Exported) -> str:
    """The model's source, with each call of a kernel as LAYER(number, call)."""
    text = model.sources.source
    for number, name in enumerate(names(model.network), 1):
        call = rf"^( +)(\w+\(&?{name}(?:_table|_exponentials)?,[^;]*);$"
        text, found = re.subn(call, rf"\1LAYER({number}, \2);", text, flags=re.MULTILINE)
        assert found == 1, name
    return f'#include "layers.h"\n{text}'


def _row(name: str, macs: int, count: int) -> str:
    each = f"{count / macs:.2f}" if macs else ""
    return f"| {name} | {macs:,} | {count:,} | {each} |"


if __name__ == "__main__":
    command.run("instructions", main)
