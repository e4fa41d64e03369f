"""From a trained network to both of its .tflite files, as they are on the device."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Card, LabelledImages
from spotimes.inference.contract import Contract
from spotimes.nn.frameworks import keras
from spotimes.params.quantize import Quantize
from spotimes.quantization import convert
from spotimes.quantization.fold import folded
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile


class Files(NamedTuple):
    """A network's .tflite files, with the class names and the input contract inside."""

    fp32: bytes
    int8: bytes


def quantize(
    model: keras.Model,
    network: Architecture,
    split: LabelledImages,
    card: Card,
    params: Quantize,
) -> Files:
    """Folds a trained network's batch norm and converts it; the same network gives the same bytes.

    Args:
        model: of `network`, trained.
        network: its architecture.
        split: the training images, some of which the ranges of the activations are read from.
        card: of their dataset.
        params: how many of them, and which.

    Raises:
        InputError: `model` is not of `network`.
    """
    contract = Contract.of(
        card.class_names,
        split.images.shape[1:],
        card.resize,
        network.normalization,
        chosen_range=card.range,
    )
    plain = folded(model, network)
    images = tqdm(_calibration_images(split, params), desc="calibrate", unit="img")
    fp32 = embedded(convert.to_fp32(plain), contract)
    int8 = embedded(convert.to_int8(plain, images, network.normalization), contract)
    TFLiteFile(int8).check_integer()
    return Files(fp32, int8)


def _calibration_images(split: LabelledImages, params: Quantize) -> npt.NDArray[np.uint8]:
    count = len(split.labels)
    chosen = np.random.default_rng(params.seed).choice(
        count, min(params.calibration_images, count), replace=False
    )
    images: npt.NDArray[np.uint8] = split.images[np.sort(chosen)]
    return images
