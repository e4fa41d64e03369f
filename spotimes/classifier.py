"""Runs an image classifier: a .tflite file on LiteRT, FP32 or INT8, one image at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from spotimes.errors import InputError


class Classifier:
    """An image classifier whose inputs are the shares pixel / 255.

    Attributes:
        image_shape: (height, width, channels) of the images that it takes.
        classes: how many it tells apart.
        dtype: of its input, float32 or int8.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Loads the model.

        Args:
            path: a .tflite file with one input [1, height, width, channels] and one output
                [1, classes], each float32 or int8. An int8 input must have the zero point -128 and
                the scale 1/255, so that the quantized pixel is exactly `pixel - 128`.
            threads: of the runtime.

        Raises:
            InputError: the file is missing, damaged or not such a model.
        """
        self._interpreter = load_interpreter(path, threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise InputError(
                f"{path}: {len(inputs)} inputs and {len(outputs)} outputs; "
                "an image classifier has one of each"
            )
        self._input, self._output = inputs[0], outputs[0]
        _check(path, "input", self._input, ("1", "height", "width", "channels"))
        _check(path, "output", self._output, ("1", "classes"))
        self.image_shape: tuple[int, ...] = tuple(int(side) for side in self._input["shape"][1:])
        self.classes = int(self._output["shape"][1])
        self.dtype: np.dtype[Any] = np.dtype(self._input["dtype"])
        scale, zero_point = self._input["quantization"]
        # Within this tolerance the nearest int8 of every pixel / 255 is still pixel - 128.
        if self.dtype == np.int8 and (zero_point != -128 or abs(scale * 255 - 1) > 1e-3):
            raise InputError(
                f"{path}: the input has scale {scale:.6g} and zero point {zero_point}, not 1/255 "
                "and -128, those of pixel - 128"
            )

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classifies images.

        Args:
            images: uint8, shape (images, height, width, channels).

        Returns:
            float32, shape (images, classes): the softmax, dequantized where the model is INT8, so
            that a row's sum is only about 1.

        Raises:
            InputError: `images` have another dtype or shape, or the runtime fails.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise InputError(
                f"images are {images.dtype} of shape {images.shape}, not uint8 of shape "
                f"(images, {', '.join(map(str, self.image_shape))})"
            )
        rows = np.empty((len(images), self.classes), self._output["dtype"])
        for row, image in zip(rows, images, strict=True):
            self._interpreter.set_tensor(self._input["index"], self._as_input(image[np.newaxis]))
            try:
                self._interpreter.invoke()
            except RuntimeError as error:
                raise InputError(f"the model cannot be run: {error}") from error
            row[:] = self._interpreter.get_tensor(self._output["index"])[0]
        if rows.dtype == np.float32:
            return rows
        scale, zero_point = self._output["quantization"]
        return (rows.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)

    def _as_input(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        if self.dtype == np.int8:
            # Flipping the top bit of a byte subtracts 128 from it in two's complement.
            return (pixels ^ np.uint8(128)).view(np.int8)
        return pixels.astype(np.float32) / np.float32(255)


def load_interpreter(path: Path, threads: int) -> Any:
    """Loads any .tflite file, ready to invoke.

    Args:
        path: the file.
        threads: of the runtime, at least 1.

    Returns:
        A LiteRT interpreter whose tensors are allocated.

    Raises:
        InputError: the file is missing, is no .tflite file, is damaged or needs an operator that
            the runtime lacks.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: is no .tflite file that LiteRT can run: {error}") from error
    return interpreter


def _check(path: Path, side: str, details: dict[str, Any], wanted: tuple[str, ...]) -> None:
    shape, dtype = details["shape"].tolist(), np.dtype(details["dtype"])
    if len(shape) != len(wanted) or shape[0] != 1 or dtype not in (np.float32, np.int8):
        raise InputError(
            f"{path}: the {side} is {dtype} of shape {shape}; an image classifier's is float32 or "
            f"int8 of shape [{', '.join(wanted)}]"
        )
    if dtype == np.int8 and not details["quantization"][0] > 0:
        raise InputError(f"{path}: the {side} is int8 without a scale")
