"""From a trained network to both of its .tflite files, as they are on the device."""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from spotimes.blocks import Architecture
from spotimes.dataset.prepared import Card, LabelledImages, Split
from spotimes.inference.contract import Contract
from spotimes.nn.frameworks import keras
from spotimes.params.quantize import Quantize
from spotimes.quantization import convert
from spotimes.quantization.fold import folded
from spotimes.quantization.known_limit import KnownLimit, limit_of, scores_of
from spotimes.quantization.temperature import MOST_IMAGES, Temperature, fit, logits_of
from spotimes.tflite import softmax
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile


class Files(NamedTuple):
    """A network's .tflite files, with the class names and the input contract inside.

    Attributes:
        fp32: the FP32 file.
        int8: the INT8 file.
        temperature: of both.
        known: the limit of the score that is in both; None where there is to be none.
    """

    fp32: bytes
    int8: bytes
    temperature: Temperature
    known: KnownLimit | None = None


def quantize(
    model: keras.Model,
    network: Architecture,
    split: LabelledImages,
    card: Card,
    params: Quantize,
    *,
    validation: LabelledImages,
) -> Files:
    """Folds a trained network's batch norm and converts it; the same network gives the same bytes.

    Args:
        model: of `network`, trained.
        network: its architecture.
        split: the training images, some of which the ranges of the activations are read from.
        card: of their dataset.
        params: how many of them, and which; the temperature, if it is not to be fitted; and the
            share of known pictures that is to be kept.
        validation: the images that the temperature and the limit of the score are fitted on.

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
    images = tqdm(
        _drawn(split, params.calibration_images, params.seed).images, desc="calibrate", unit="img"
    )
    fp32, int8 = (
        convert.to_fp32(plain),
        convert.to_int8(plain, images, network.normalization),
    )
    TFLiteFile(int8).check_integer()
    some = _drawn(validation, MOST_IMAGES, params.seed)
    temperature = _temperature(int8, some, params)
    fp32, int8 = (softmax.with_beta(each, temperature.beta) for each in (fp32, int8))
    known = None
    if params.known_share is not None:
        known = limit_of(scores_of(int8, some.images), params.known_share)
        contract = contract._replace(unknown_below=known.unknown_below)
    return Files(embedded(fp32, contract), embedded(int8, contract), temperature, known)


def _temperature(int8: bytes, validation: Split, params: Quantize) -> Temperature:
    if params.temperature != "fit":
        return Temperature(params.temperature)
    return fit(logits_of(int8, validation), validation.labels)


def _drawn(split: LabelledImages, most: int, seed: int) -> Split:
    """So many images, or all, in their order."""
    count = len(split.labels)
    chosen = np.random.default_rng(seed).choice(count, min(most, count), replace=False)
    chosen.sort()
    return Split(split.images[chosen], split.labels[chosen])
