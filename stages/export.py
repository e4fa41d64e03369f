"""Writes the INT8 model as C for microcontrollers, which needs no interpreter.

In: models/model_int8.tflite, the validation split of data/prepared, for the self-test alone.
Out: models/c (spotimes_model.h and .c; spotimes_selftest.h and .c, which a device can do without),
metrics/export.json: the RAM by layer, and the constants in flash by part.

It takes 3 seconds, and writes the same bytes on every machine. The outputs of the C are those of
TensorFlow Lite Micro, byte for byte. docs/microcontroller.md says how to use it.
"""

from pathlib import Path

from spotimes.dataset.prepared import load_split
from spotimes.export import cost, source
from spotimes.export.exported import exported
from spotimes.inference.contract import read_contract
from spotimes.params.export import Export
from spotimes.params.load import load_group
from spotimes.pixels import to_int8
from spotimes.system import atomic, command

PARAMS = ("export",)
MODEL = Path("models/model_int8.tflite")
FOLDER = Path("models/c")
METRICS = Path("metrics/export.json")


def main() -> None:
    """Runs the stage."""
    params = load_group("export", Export)
    images = to_int8(load_split("validation").images[: params.selftest_images])
    model = exported(MODEL)
    selftest = source.selftest(model.network, images)

    with atomic.replacing(FOLDER) as folder:
        folder.mkdir()
        model.sources.write(folder, "spotimes_model")
        selftest.write(folder, "spotimes_selftest")
    atomic.write_json(
        METRICS,
        {
            "ram_bytes": model.plan.arena_bytes,
            "image_bytes": model.network.maps[0].bytes,
            "ram_by_layer": cost.ram_by_layer(model.network, model.plan),
            "flash": cost.flash_by_part(model.network, read_contract(MODEL)),
        },
    )
    print(f"{model.plan.arena_bytes:,} bytes of RAM beside the image and the stack")


if __name__ == "__main__":
    command.run("export", main)
