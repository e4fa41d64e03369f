"""The signal-to-noise ratio of each layer's output after quantization, and where it drops most."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, layers
from spotimes.errors import InputError
from spotimes.inference.contract import read_contract
from spotimes.inference.interpreter import as_input, fill_inputs, invoke, load_interpreter
from spotimes.tflite.tflite_file import TFLiteFile


class LayerError(NamedTuple):
    """A layer's error.

    Attributes:
        layer: its name in the Keras network.
        decibels: signal to noise: 10 log10 of the mean square of the FP32 network's output over
            that of its difference to the INT8 network's. Six more are one bit more.
    """

    layer: str
    decibels: float


def measure(
    fp32: Path, int8: Path, images: npt.NDArray[np.uint8], layers: list[str]
) -> list[LayerError]:
    """Compares the output of each layer of both models, on the same images.

    An error is that of all layers up to there: a fall from one to the next is the next one's.

    Args:
        fp32: the FP32 .tflite file.
        int8: the INT8 one of the same network.
        images: uint8, shape (images, height, width, channels).
        layers: the operators' names, as `layer_names` gives them.

    Raises:
        InputError: the models do not have these layers.
    """
    signal, noise = np.zeros(len(layers)), np.zeros(len(layers))
    models = [_Layers(path, len(layers)) for path in (fp32, int8)]
    for image in images:
        outputs = (model.outputs(image) for model in models)
        for index, (expected, actual) in enumerate(zip(*outputs, strict=True)):
            signal[index] += np.sum(np.square(expected, dtype=np.float64))
            noise[index] += np.sum(np.square(expected - actual, dtype=np.float64))
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(signal / noise)
    return [LayerError(name, float(each)) for name, each in zip(layers, decibels, strict=True)]


def largest_drop(errors: Sequence[LayerError]) -> LayerError | None:
    """The layer at which the ratio falls most below that of the layer before it; None if nowhere.

    The first layer, whose input is exact, has it where its ratio is the lowest of all. An
    output without any error has no ratio.
    """
    if errors and np.isfinite(errors[0].decibels):
        lowest = min(errors, key=lambda error: error.decibels)
        if len(errors) > 1 and lowest is errors[0]:
            return lowest
    falls = [
        (before.decibels - after.decibels, after)
        for before, after in pairwise(errors)
        if np.isfinite(before.decibels) and np.isfinite(after.decibels)
    ]
    fall, layer = max(falls, default=(0.0, None), key=lambda each: each[0])
    return layer if fall > 0 else None


def layer_names(network: Architecture, image_shape: Sequence[int]) -> list[str]:
    """Names the layers that become an operator each, in order, as `spotimes.nn.network` does.

    Args:
        network: the architecture.
        image_shape: (height, width, channels) of an image.
    """
    names = [layer.name for layer in layers(network, image_shape)]
    return [*names, "pool", "logits", "probabilities"]


class _Layers:
    """A model that keeps what each operator writes."""

    def __init__(self, path: Path, count: int) -> None:
        graph = TFLiteFile(path.read_bytes()).graph
        self._path = path
        self._normalization = read_contract(path).normalization
        self._outputs = [int(operator.outputs[0]) for operator in graph.operators]
        if len(self._outputs) != count:
            raise InputError(f"{path}: has {len(self._outputs)} operators, the network {count}")
        self._interpreter = load_interpreter(path, keep_tensors=True)
        self._scales = {
            each["index"]: each["quantization"] for each in self._interpreter.get_tensor_details()
        }

    def outputs(self, image: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.float32]]:
        """Each operator's output, in its real values, in the operators' order."""
        fill_inputs(
            self._interpreter,
            lambda details: as_input(image[np.newaxis], details["dtype"], self._normalization),
        )
        invoke(self._interpreter, self._path)
        for index in self._outputs:
            value = self._interpreter.get_tensor(index)
            scale, zero_point = self._scales[index]
            if value.dtype == np.int8:
                value = (value.astype(np.float32) - zero_point) * np.float32(scale)
            yield value
