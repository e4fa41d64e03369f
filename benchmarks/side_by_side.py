"""The committed models and others' .tflite files side by side, measured in one run.

    python -m benchmarks.side_by_side pretrainedResnet_quant.tflite ...

A row a file: accuracy on the test split of data/prepared, bytes, RAM on a microcontroller,
multiply-accumulates, and the latency on one thread, interleaved, as a share of that of the first
file named. Accuracy is measured of INT8 files whose input is `pixel - 128`, whatever they take its
scale to be, and of those that say how they want a picture, as ours do; of others nobody can know
what their input stands for.
Takes a minute on two cores.
"""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.project import MODEL
from spotimes import usage
from spotimes.benchmarking import latency
from spotimes.dataset.prepared import load_split
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.contract import CONTRACT
from spotimes.inference.interpreter import invoke, load_interpreter
from spotimes.pixels import to_int8
from spotimes.system import command
from spotimes.tflite import arena
from spotimes.tflite.tflite_file import TFLiteFile

OURS = (MODEL, MODEL.with_name("model_fp32.tflite"))
WARMUP_SECONDS = 0.5
ROUND_MS = 10
MIN_ROUNDS = 100
INTERVAL_WIDTH = 0.01
BUDGET_SECONDS = 30


def main() -> None:
    """Measures all files, and prints a Markdown table."""
    parser = usage.parser(
        "benchmarks.side_by_side",
        __doc__,
        "python -m benchmarks.side_by_side pretrainedResnet_quant.tflite",
    )
    parser.add_argument("file", type=Path, nargs="+", help="a .tflite file of the same task")
    files = parser.parse_args().file
    models = {path.name: path for path in (*OURS, *files)}
    if len(models) < len(OURS) + len(files):
        raise InputError("two of the files have the same name")
    test = load_split("test")
    images = test.images[:]
    first = files[0].name
    rounds = latency.until_narrow(
        tqdm(
            latency.interleaved_rounds(models, 1, warmup_seconds=WARMUP_SECONDS, round_ms=ROUND_MS),
            desc=f"rounds, at most {BUDGET_SECONDS} s",
            unit="round",
        ),
        OURS[0].name,
        first,
        min_rounds=MIN_ROUNDS,
        interval_width=INTERVAL_WIDTH,
        budget_seconds=BUDGET_SECONDS,
    )
    print(f"| file | top-1 | bytes | RAM | MACs | latency, us | of {first}, 95% interval |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, path in models.items():
        content = path.read_bytes()
        accuracy, needed = top1(path, images, test.labels), arena.measure(content).bytes
        ratio = latency.ratio(rounds, name, first)
        cells = [
            name,
            "-" if accuracy is None else f"{accuracy:.2%}",
            f"{len(content):,}",
            "-" if needed is None else f"{needed:,}",
            f"{TFLiteFile(content).macs() / 1e6:.2f} M",
            f"{1000 * latency.summary(rounds, name)['median_ms']:.1f}",
            f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def top1(path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> float | None:
    """The share of images classified correctly, or None where the input is not known."""
    if not _has_contract(path):
        return _top1_of_bytes(path, images, labels)
    return float(np.mean(Classifier(path).probabilities(images).argmax(axis=1) == labels))


def _has_contract(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return CONTRACT in archive.namelist()


def _top1_of_bytes(
    path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]
) -> float | None:
    interpreter = load_interpreter(path)
    image, *others = interpreter.get_input_details()
    if others or image["dtype"] != np.int8 or image["quantization"][1] != -128:
        return None
    output = interpreter.get_output_details()[0]["index"]
    if tuple(image["shape"]) != (1, *images.shape[1:]):
        raise InputError(
            f"{path}: takes {image['shape'].tolist()}, and the test images are "
            f"{list(images.shape[1:])}"
        )
    correct = 0
    for pixels, label in zip(images, labels, strict=True):
        interpreter.set_tensor(image["index"], to_int8(pixels[np.newaxis]))
        invoke(interpreter, path)
        correct += int(interpreter.get_tensor(output)[0].argmax() == label)
    return correct / len(labels)


if __name__ == "__main__":
    command.run("side_by_side", main)
