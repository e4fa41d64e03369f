"""Runs an image classifier: a .tflite file on LiteRT, FP32 or INT8."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.inference.contract import read_contract
from spotimes.inference.interpreter import as_input, interpreter_of, invoke, read_verified
from spotimes.inference.unknown import scores
from spotimes.inference.verification import MOST_BYTES
from spotimes.pixels import CHANNELS, Images

# Of so many images at once each takes 4% less time than alone, and of 64 no less.
AT_ONCE = 16


class Prediction(NamedTuple):
    """A class and how likely it is, from 0 to 1."""

    label: str
    probability: float


class Classifier:
    """An image classifier; its class names and what images it wants are in its file.

    Safe to use from several threads: they take turns.

    Attributes:
        path: the .tflite file.
        contract: its class names and how a picture is to be fitted
            (`spotimes.preprocessing.resize`).
        image_shape: (height, width, channels) of the images that it takes.
        classes: how many there are.
        dtype: of the network's input, float32 or int8.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Loads the model.

        Args:
            path: a .tflite file with one input [1, height, width, channels] and one output
                [1, classes], each float32 or int8, and with a contract
                (`spotimes.inference.contract`). An int8 input must have the scale and the zero
                point by which the quantized pixel is exactly `pixel - 128`.
            threads: of the runtime.

        Raises:
            InputError: the file is missing, damaged or not such a model.
        """
        self.path = path
        self._threads = threads
        self._file = read_verified(path)
        self._interpreter = interpreter_of(self._file.content, path, threads)
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
        self.contract = read_contract(path)
        self._check_quantization()
        wanted = (self.contract.height, self.contract.width, CHANNELS[self.contract.colour])
        if (self.image_shape, self.classes) != (wanted, len(self.contract.class_names)):
            raise InputError(f"{path}: its input contract and class names are of another network")
        self._turn = Lock()

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        """Classifies images.

        Args:
            images: uint8 pixels, or int8, which are `pixel - 128`, as the INT8 network takes them;
                shape (images, height, width, channels), or that of one image.

        Returns:
            float32, shape (images, classes), or for one image (classes,): the softmax, dequantized
            where the network is INT8, so that a row's sum is only about 1.

        Raises:
            InputError: `images` have another dtype or shape, or the runtime fails.
        """
        one = images.ndim == len(self.image_shape)
        batch = images[np.newaxis] if one else images
        if batch.dtype not in (np.uint8, np.int8) or batch.shape[1:] != self.image_shape:
            shape = ", ".join(map(str, self.image_shape))
            raise InputError(
                f"images are {images.dtype} of shape {list(images.shape)}, not uint8 or int8 of "
                f"shape [{shape}] or [images, {shape}]"
            )
        with self._turn:
            rows = self._run_all(batch)
        if rows.dtype == np.int8:
            scale, zero_point = self._output["quantization"]
            rows = (rows.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
        return rows[0] if one else rows

    def predict(self, images: Images, top: int = 1) -> list[list[Prediction]]:
        """Names the most probable classes of each image, the most probable first.

        Args:
            images: a batch, as for `probabilities`.
            top: how many classes, at most as many as there are.

        Raises:
            InputError: as `probabilities`.
        """
        return self.named(self.probabilities(images), top)

    def named(self, rows: npt.NDArray[np.float32], top: int = 1) -> list[list[Prediction]]:
        """As `predict`, of images whose probabilities are known."""
        names = self.contract.class_names
        return [
            [Prediction(names[index], float(row[index])) for index in indices]
            for row, indices in zip(rows, top_k(rows, top), strict=True)
        ]

    def unknown(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Whether images likely show none of the classes (`spotimes.inference.unknown`).

        Args:
            rows: their probabilities, shape (images, classes), or (classes,) of one image.

        Returns:
            Shape (images,), or of one image (); False where the model's file sets no limit,
            `contract.unknown_below`.
        """
        limit = self.contract.unknown_below
        found: npt.NDArray[np.bool_] = scores(rows) < (0 if limit is None else limit)
        return found

    def _check_quantization(self) -> None:
        """The nearest int8 of every normalized pixel must be pixel - 128."""
        if self.dtype != np.int8:
            return
        scale, zero_point = self._input["quantization"]
        offset, pixels = self.contract.normalization
        if zero_point != offset - 128 or abs(scale * pixels - 1) > 1e-3:
            raise InputError(
                f"{self.path}: the input has scale {scale:.6g} and zero point {zero_point}, not "
                f"1/{pixels} and {offset - 128}, those of pixel - 128"
            )

    def _run_all(self, batch: Images) -> npt.NDArray[Any]:
        rows = np.empty((len(batch), self.classes), self._output["dtype"])
        begin = 0
        if len(batch) >= AT_ONCE and self._of_several is not None:
            for begin in range(AT_ONCE, len(batch) + 1, AT_ONCE):
                several = slice(begin - AT_ONCE, begin)
                rows[several] = self._run(self._of_several, batch[several])
        for index in range(begin, len(batch)):
            rows[index] = self._run(self._interpreter, batch[index : index + 1])[0]
        return rows

    def _run(self, interpreter: Any, batch: Images) -> npt.NDArray[Any]:
        tensor = as_input(batch, self.dtype, self.contract.normalization)
        interpreter.set_tensor(self._input["index"], tensor)
        invoke(interpreter, "the model")
        output: npt.NDArray[Any] = interpreter.get_tensor(self._output["index"])
        return output

    @cached_property
    def _of_several(self) -> Any:
        """Takes `AT_ONCE` images; None if the model's operators do not, or it needs much memory.

        Only of an INT8 model: in FP32 a batch's sums are added up in another order.
        """
        if self._output["dtype"] != np.int8:
            return None
        computed = (tensor for tensor in self._file.graph.tensors if tensor.values is None)
        if AT_ONCE * sum(tensor.bytes for tensor in computed) > MOST_BYTES:
            return None
        try:
            several = interpreter_of(self._file.content, self.path, self._threads, images=AT_ONCE)
        except InputError:
            return None
        (output,) = several.get_output_details()
        return several if output["shape"].tolist() == [AT_ONCE, self.classes] else None


def top_k(probabilities: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.intp]:
    """Finds the k most probable classes of each image, the most probable first.

    Of equally probable classes, the one with the lower index comes first.

    Args:
        probabilities: shape (images, classes).
        k: how many classes; all of them if there are fewer.

    Returns:
        Class indices, shape (images, k).

    Example:
        >>> top_k(np.array([[0.2, 0.7, 0.1]], np.float32), 2)
        array([[1, 0]])
    """
    # Stable, as argmax takes the first of equals, too.
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :k]


def _check(path: Path, side: str, details: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    shape, dtype = details["shape"].tolist(), np.dtype(details["dtype"])
    if len(shape) != len(wanted) or shape[0] != 1 or dtype not in (np.float32, np.int8):
        raise InputError(
            f"{path}: the {side} is {dtype} of shape {shape}; an image classifier's is float32 or "
            f"int8 of shape [{', '.join(wanted)}]"
        )
    if dtype == np.int8 and not details["quantization"][0] > 0:
        raise InputError(f"{path}: the {side} is int8 without a scale")
