"""What a microcontroller answers, beside what LiteRT does here.

The exported C and TensorFlow Lite Micro scale sums by fixed-point multipliers, as the reference
kernels do; LiteRT's XNNPACK scales them in floating point. So a value of a feature map may be a
step apart, and what is made of it more. `spotimes.export.reference` computes the C's outputs, byte
for byte, with NumPy alone: they are the same on every machine, with or without a compiler.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.dataset.image_file import ImageSource
from spotimes.evaluation import metrics
from spotimes.evaluation.statistics import Labels
from spotimes.export import graph, reference
from spotimes.pixels import to_int8

BATCH = 500
STEPS = 256  # of an INT8 probability

Outputs = npt.NDArray[np.int16]  # shape (images, classes): probabilities in 256ths


def outputs(int8: Path, images: ImageSource) -> Outputs:
    """Computes what a microcontroller answers.

    Args:
        int8: the .tflite file.
        images: uint8, shape (images, height, width, channels).

    Raises:
        InputError: it cannot be exported.
    """
    network = graph.read(int8.read_bytes(), int8)
    starts = tqdm(range(0, len(images), BATCH), desc="device", unit="image", unit_scale=BATCH)
    found = [reference.classify(network, to_int8(images[i : i + BATCH])) for i in starts]
    return np.concatenate(found).astype(np.int16) + STEPS // 2


def steps(probabilities: npt.NDArray[np.float32]) -> Outputs:
    """An INT8 model's probabilities in 256ths."""
    return np.rint(probabilities * STEPS).astype(np.int16)


def measure(here: Outputs, device: Outputs, labels: Labels) -> metrics.Device:
    """Compares LiteRT's answers with the microcontroller's.

    Args:
        here: LiteRT's.
        device: those of `outputs`.
        labels: of the images, shape (images,).
    """
    answers = device.argmax(axis=1)
    return metrics.Device(
        device_top1=float(np.mean(answers == labels)),
        device_agreement=float(np.mean(answers == here.argmax(axis=1))),
        device_difference=int(np.abs(device - here).max()),
        same_bytes=float(np.mean(device == here)),
    )
