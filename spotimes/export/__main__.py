"""`python -m spotimes.export MODEL.tflite FOLDER`: an INT8 model as C, for microcontrollers.

Writes FOLDER/spotimes_model.h and FOLDER/spotimes_model.c, the same bytes on every machine, and
prints the RAM that the model takes. With --interpreter it writes FOLDER/spotimes_tflite.h and
FOLDER/spotimes_tflite.c instead: what a program needs that has TensorFlow Lite Micro already.
"""

from pathlib import Path

from spotimes import usage
from spotimes.export import interpreter
from spotimes.export.exported import exported
from spotimes.system import command
from spotimes.tflite import arena


def main() -> None:
    """The command."""
    parser = usage.parser(
        "spotimes.export", __doc__, "python -m spotimes.export models/model_int8.tflite my_project"
    )
    parser.add_argument("model", type=Path, metavar="MODEL.tflite", help="an INT8 model")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the C goes")
    parser.add_argument(
        "--interpreter", action="store_true", help="write what TensorFlow Lite Micro needs instead"
    )
    arguments = parser.parse_args()
    found = exported(arguments.model)
    if arguments.interpreter:
        content = arguments.model.read_bytes()
        needed = arena.measure(content)
        interpreter.written(content, needed).write(arguments.folder, "spotimes_tflite")
        print(needed.note or f"{needed.bytes:,} bytes of arena")
        return
    found.sources.write(arguments.folder, "spotimes_model")
    print(f"{found.plan.arena_bytes:,} bytes of RAM beside the image and the stack")


if __name__ == "__main__":
    command.run("export", main)
