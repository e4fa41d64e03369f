from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.dataset.prepared import Split, SplitName
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.nn.frameworks import keras, tf
from spotimes.pixels import to_float32
from spotimes.tflite.metadata import embedded
from spotimes.tflite.tflite_file import TFLiteFile

pytestmark = pytest.mark.usefixtures("reseed")

# Of the network in conftest.py on 32x32x3: the first block's output is 16x16x4, the second's 8x8x8.
WEIGHTS = 3 * 3 * 3 * 4 + 3 * 3 * 4 + 4 * 8 + 8 * 10
BIASES = 4 + 4 + 8 + 10
MACS = 16 * 16 * 4 * 27 + 8 * 8 * 4 * 9 + 8 * 8 * 8 * 4 + 10 * 8
OPERATORS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "MEAN": 1, "SOFTMAX": 1}
CONTRACT = Contract(tuple("abcdefghij"), 32, 32, "rgb", "squash", 255)
PARTS = ["file", "weights", "quantization", "metadata", "rest"]


@pytest.fixture(scope="module")
def quantized(without_norm: Any, cifar10: dict[SplitName, Split], tmp_path_factory: Any) -> Any:
    """Converts to INT8 inside, with whatever else is set on the converter."""
    folder: Path = tmp_path_factory.mktemp("saved")
    image = keras.Input(batch_shape=(1, 32, 32, 3))
    keras.Model(image, without_norm(image)).export(folder, verbose=False)

    def convert(**settings: Any) -> bytes:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [to_float32(each[None])] for each in cifar10["train"].images[:5]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        for name, value in settings.items():
            setattr(converter, name, value)
        content: bytes = converter.convert()
        return content

    return convert


def refusal(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        TFLiteFile(content).check_integer()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_multiply_accumulates_by_hand(fp32: bytes, int8: bytes) -> None:
    assert MACS == 32_080
    assert TFLiteFile(fp32).macs() == TFLiteFile(int8).macs() == MACS


def test_parameters_by_hand(fp32: bytes, int8: bytes) -> None:
    assert WEIGHTS + BIASES == 282
    assert TFLiteFile(fp32).parameters() == TFLiteFile(int8).parameters() == 282


def test_operators_are_counted_by_name(fp32: bytes, int8: bytes) -> None:
    for content in (fp32, int8):
        assert TFLiteFile(content).operators() == OPERATORS
        assert list(TFLiteFile(content).operators()) == sorted(OPERATORS)


def test_the_parts_add_up_to_the_file(fp32: bytes, int8: bytes) -> None:
    for content in (fp32, int8, embedded(int8, CONTRACT)):
        parts = TFLiteFile(content).bytes_by_part()
        assert list(parts) == PARTS
        assert parts["file"] == len(content)
        assert parts["file"] == sum(parts[name] for name in PARTS[1:])
        assert min(parts.values()) >= 0


def test_weights_by_hand(fp32: bytes, int8: bytes) -> None:
    """Beside weights and biases, MEAN has its two axes, 4 bytes each."""
    assert TFLiteFile(fp32).bytes_by_part()["weights"] == 4 * (WEIGHTS + BIASES) + 8
    assert TFLiteFile(int8).bytes_by_part()["weights"] == WEIGHTS + 4 * BIASES + 8


def test_quantization_by_hand(fp32: bytes, int8: bytes) -> None:
    """Scales of 4 bytes, of weights and biases; zero points of 8, once for each width."""
    scales = 2 * (4 + 4 + 8 + 10)
    zero_points = 4 + 8 + 10
    activations = ["image", "conv", "depthwise", "pointwise", "mean", "logits", "softmax"]
    zero_points_of_activations = ["-128", "that of logits"]
    parts = TFLiteFile(int8).bytes_by_part()
    assert parts["quantization"] == 4 * (scales + len(activations)) + 8 * (
        zero_points + len(zero_points_of_activations)
    )
    assert TFLiteFile(fp32).bytes_by_part()["quantization"] == 0


def test_what_tensors_do_not_share_is_counted_for_each(int8: bytes) -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(int8))
    unshared = TFLiteFile(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    channels, activations = 4 + 4 + 8 + 10, 7
    assert unshared.bytes_by_part()["quantization"] == 12 * (2 * channels + activations)


def test_metadata_is_what_the_metadata_adds(int8: bytes) -> None:
    before, after = (
        TFLiteFile(content).bytes_by_part() for content in (int8, embedded(int8, CONTRACT))
    )
    assert before["metadata"] == 0
    assert after["metadata"] > 300
    assert (after["weights"], after["quantization"]) == (before["weights"], before["quantization"])
    # The rest grows by the entry, its name and padding.
    assert 0 < after["rest"] - before["rest"] < 150


def test_the_int8_file_passes_the_audit(int8: bytes) -> None:
    TFLiteFile(int8).check_integer()
    TFLiteFile(embedded(int8, CONTRACT)).check_integer()


def test_the_fp32_file_fails_the_audit(fp32: bytes) -> None:
    assert "FLOAT32, not INT8 or INT32" in refusal(fp32)


def test_floats_at_the_ends_fail_the_audit(quantized: Any) -> None:
    message = refusal(quantized())
    assert "of shape [1, 32, 32, 3] is FLOAT32" in message


def test_weights_with_a_scale_for_all_channels_fail_the_audit(quantized: Any) -> None:
    content = quantized(
        _experimental_disable_per_channel=True,
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )
    assert refusal(content) == "INT8 audit: a CONV_2D's weights are not quantized per channel"


def test_bytes_at_the_ends_fail_the_audit(quantized: Any) -> None:
    content = quantized(inference_input_type=tf.uint8, inference_output_type=tf.uint8)
    assert "UINT8, not INT8 or INT32" in refusal(content)


def test_a_conversion_between_two_layers_fails_the_audit(int8: bytes) -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(int8))
    (graph,) = model.subgraphs
    quantize = schema.BuiltinOperator.QUANTIZE
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=quantize, builtinCode=quantize)
    )
    first = graph.operators[0]
    between = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1, inputs=first.outputs, outputs=first.outputs
    )
    graph.operators.insert(1, between)
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    assert refusal(content) == "INT8 audit: operator QUANTIZE converts types between two layers"
