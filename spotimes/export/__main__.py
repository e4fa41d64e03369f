"""`python -m spotimes.export MODEL.tflite FOLDER`: an INT8 model as C, for microcontrollers.

Writes FOLDER/spotimes_model.h and FOLDER/spotimes_model.c, the same bytes on every machine, and
prints the RAM that the model takes.
"""

import argparse
from pathlib import Path

from spotimes.export.exported import exported
from spotimes.system import command


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m spotimes.export", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("model", type=Path, metavar="MODEL.tflite", help="an INT8 model")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the C goes")
    arguments = parser.parse_args()
    found = exported(arguments.model)
    found.sources.write(arguments.folder, "spotimes_model")
    print(f"{found.plan.arena_bytes:,} bytes of RAM beside the image and the stack")


if __name__ == "__main__":
    command.run("export", main)
