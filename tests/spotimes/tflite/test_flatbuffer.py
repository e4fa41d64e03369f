import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.dataset.prepared import Split, SplitName
from spotimes.tflite import arena, flatbuffer


def test_it_is_smaller_by_the_zero_points_that_repeat(int8: bytes) -> None:
    """Beyond the zero points of weights, 8 bytes for 4, 4, 8 and 10 channels, those of biases."""
    repeated = 8 * (4 + 4 + 4 + 8 + 10)
    assert len(as_written_elsewhere(int8)) - len(int8) >= repeated


def test_readers_see_no_difference(int8: bytes, cifar10: dict[SplitName, Split]) -> None:
    other = as_written_elsewhere(int8)
    models = [Interpreter(model_content=content) for content in (int8, other)]
    for model in models:
        model.allocate_tensors()
    ours, theirs = (model.get_tensor_details() for model in models)
    for left, right in zip(ours, theirs, strict=True):
        for key in ("scales", "zero_points"):
            np.testing.assert_array_equal(
                left["quantization_parameters"][key], right["quantization_parameters"][key]
            )
    for image in cifar10["test"].images[:20]:
        outputs = []
        for model in models:
            model.set_tensor(
                model.get_input_details()[0]["index"], (image - np.uint8(128)).view(np.int8)[None]
            )
            model.invoke()
            outputs.append(model.get_tensor(model.get_output_details()[0]["index"]))
        np.testing.assert_array_equal(*outputs)
    assert arena.measure(int8) == arena.measure(other)


def test_it_packs_the_same_again(int8: bytes) -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(int8))
    assert flatbuffer.packed(model) == int8


def as_written_elsewhere(content: bytes) -> bytes:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
