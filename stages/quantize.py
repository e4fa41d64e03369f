"""Quantizes the trained network to full INT8, fits its temperature, and counts what it costs.

In: models/model.keras, data/prepared (training images for the ranges of the activations, validation
images for the temperature and for the score below which a picture is unknown).
Out: models/model_fp32.tflite, models/model_int8.tflite (both with class names and input contract
inside), metrics/quantize.json.

It takes about 20 seconds. The same model.keras gives the same two files, byte for byte, on every
x86-64 CPU: `git diff --exit-code models/` after `dvc repro -f -s quantize` passes anywhere.
"""

from pathlib import Path

from spotimes.dataset.prepared import load_backbone, load_card, load_split
from spotimes.errors import InputError
from spotimes.nn.architecture import architecture
from spotimes.nn.frameworks import keras
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.quantize import Quantize
from spotimes.params.runtime import Runtime
from spotimes.params.versions import Versions
from spotimes.quantization.files import Files, quantize
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed
from spotimes.tflite import arena
from spotimes.tflite.tflite_file import TFLiteFile

PARAMS = ("versions", "runtime", "network", "quantize")
TRAINED = Path("models/model.keras")
FP32 = Path("models/model_fp32.tflite")
INT8 = Path("models/model_int8.tflite")
METRICS = Path("metrics/quantize.json")


def main() -> None:
    """Runs the stage."""
    check_installed(load_group("versions", Versions))
    check_installed(load_group("runtime", Runtime))
    network = architecture(load_group("network", Network), load_backbone())
    params = load_group("quantize", Quantize)
    split, card = load_split("train"), load_card()

    trained = _trained(split.images.shape[1:], len(card.class_names))
    files = quantize(trained, network, split, card, params, validation=load_split("validation"))
    metrics = _metrics(files)

    atomic.write_bytes(FP32, files.fp32)
    atomic.write_bytes(INT8, files.int8)
    atomic.write_json(METRICS, metrics)
    print(files.temperature)
    print(files.known or "the models call nothing unknown, as quantize.known_share is null")
    if files.temperature.is_uncertain:
        print(
            "That is uncertain. `make crossvalidate K=5` finds it on all images but those of the "
            "test split, by 5 trainings; quantize.temperature in params.yaml takes it"
        )


def _trained(image_shape: tuple[int, ...], classes: int) -> keras.Model:
    try:
        model = keras.saving.load_model(TRAINED, compile=False)
    except Exception as error:  # Keras lets through whatever a damaged part makes h5py or zip raise
        raise InputError(f"{TRAINED}: cannot be loaded; run `dvc repro train`") from error
    if (tuple(model.input_shape[1:]), model.output_shape[-1]) != (image_shape, classes):
        raise InputError(
            f"{TRAINED}: is not for the images in data/prepared; run `dvc repro train`"
        )
    return model


def _metrics(files: Files) -> dict[str, object]:
    metrics: dict[str, object] = {}
    for name, content in (("fp32", files.fp32), ("int8", files.int8)):
        file, needed = TFLiteFile(content), arena.measure(content)
        metrics[name] = {
            "bytes": file.bytes_by_part(),
            "operators": file.operators(),
            "arena_bytes": needed.bytes,
            "arena_note": needed.note,
        }
    return {
        **metrics,
        "ratio": len(files.fp32) / len(files.int8),
        "parameters": TFLiteFile(files.fp32).parameters(),
        "macs": TFLiteFile(files.int8).macs(),
        "temperature": files.temperature._asdict(),
        "known": None if files.known is None else files.known._asdict(),
    }


if __name__ == "__main__":
    command.run("quantize", main)
