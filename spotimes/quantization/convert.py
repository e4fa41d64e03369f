"""Keras to TensorFlow Lite: FP32, and full INT8 with a representative dataset."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.nn.frameworks import keras, tf
from spotimes.pixels import PLAIN, Normalization, to_float32
from spotimes.system import atomic
from spotimes.tflite import flatbuffer


def to_fp32(model: keras.Model) -> bytes:
    """Converts a model without batch norm to a float32 .tflite, its strings stripped."""
    with _converter(model) as converter:
        return _stripped(converter.convert())


def to_int8(
    model: keras.Model,
    images: Iterable[npt.NDArray[np.uint8]],
    normalization: Normalization = PLAIN,
) -> bytes:
    """Converts to INT8 from input to output, with per-channel weights; the strings stripped.

    Args:
        model: without batch norm, on normalized images.
        images: the representative dataset: uint8, each of shape (height, width, channels). The
            ranges of the activations are read from them.
        normalization: of the images.

    Returns:
        The .tflite file. As the input's range is that of all pixels, what the device feeds is
        exactly `pixel - 128`: of plain images the scale is 1/255 and the zero point -128, of
        `(pixel - 127) / 128` they are 1/128 and -1.
    """

    def representative_dataset() -> Iterator[list[npt.NDArray[np.float32]]]:
        # The input's range must not depend on the calibration images: it is what pixels can be.
        shape = model.input_shape[1:]
        for pixel in (0, 255):
            yield [to_float32(np.full((1, *shape), pixel, np.uint8), normalization)]
        for image in images:
            yield [to_float32(image[np.newaxis], normalization)]

    with _converter(model) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative_dataset
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return _stripped(converter.convert())


@contextmanager
def _converter(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    # One image at a time, of fixed shape: what the device runs and the smallest memory plan.
    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    # The weights, in a SavedModel and again in what the converter makes of it, and their graphs.
    needed = 16 * model.count_params() + (1 << 24)
    with atomic.scratch(needed) as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")  # there are, above
        model.export(str(folder), input_signature=[image], verbose=False)
        yield tf.lite.TFLiteConverter.from_saved_model(str(folder))


def _stripped(content: bytes) -> bytes:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    flatbuffer_utils.strip_strings(model)
    return flatbuffer.packed(model)
