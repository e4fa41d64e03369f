import copy
import re
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.errors import InputError
from spotimes.export.graph import Convolution, read
from spotimes.tflite.tflite_file import TFLiteFile
from tests.fuzz.small_models import small_model
from tests.project import ROOT

DEFAULT = (ROOT / "models/model_int8.tflite").read_bytes()


def test_layers_of_every_operator() -> None:
    network = read(small_model(quantized=True), "a model")
    assert [type(layer).__name__ for layer in network.layers] == [
        "Convolution",
        "Lookup",
        "Lookup",
        "Addition",
        "Depthwise",
        "Mean",
        "Convolution",
        "Softmax",
    ]
    assert network.maps[0][:3] == (6, 5, 3)
    assert network.maps[-1][:3] == (1, 1, 3)


def test_multiply_accumulates_are_those_of_the_file() -> None:
    assert read(DEFAULT, "a model").macs == TFLiteFile(DEFAULT).macs()


def test_the_zero_point_of_an_input_is_in_the_biases() -> None:
    network, file = read(DEFAULT, "a model"), TFLiteFile(DEFAULT)
    first = network.layers[0]
    assert isinstance(first, Convolution)
    tensor = file.graph.tensors[file.graph.operators[0].inputs[2]]
    biases = np.frombuffer(file.model.buffers[tensor.buffer].data, np.int32)
    sums = first.weights.astype(int).sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(first.biases, biases + 128 * sums)


def test_a_float_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"^a model: is not INT8: .* float32; give an INT8 model"):
        read(small_model(quantized=False), "a model")


def test_another_operator_is_refused() -> None:
    with pytest.raises(InputError, match=r"^a model: .* 14 is none of ADD, CONV_2D, "):
        read(_changed(lambda model: _rename(model, schema.BuiltinOperator.LOGISTIC)), "a model")


def test_sums_that_can_exceed_32_bits_are_refused() -> None:
    def enlarge(model: Any) -> None:
        bias = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[2]]
        model.buffers[bias.buffer].data = np.full(4, 2**31 - 1, np.int32).view(np.uint8)

    with pytest.raises(InputError, match="sums can exceed 32 bits"):
        read(_changed(enlarge), "a model")


def test_an_input_without_a_scale_is_refused() -> None:
    def exchange(model: Any) -> None:
        graph = model.subgraphs[0]
        other = copy.deepcopy(graph.tensors[graph.inputs[0]])
        other.quantization = None
        graph.tensors.append(other)
        graph.inputs = [len(graph.tensors) - 1, *graph.inputs]

    with pytest.raises(InputError, match="has not one input and one output"):
        read(_changed(exchange), "a model")


def test_an_output_in_the_middle_is_refused() -> None:
    def shorten(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.outputs = graph.operators[-2].outputs

    with pytest.raises(InputError, match="a layer behind its output"):
        read(_changed(shorten), "a model")


def test_an_output_that_is_a_map_is_refused() -> None:
    def cut(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.operators = graph.operators[:1]
        graph.outputs = graph.operators[-1].outputs

    with pytest.raises(InputError, match="no vector of classes"):
        read(_changed(cut), "a model")


def _rename(model: Any, code: int) -> None:
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = code


def _changed(change: Any) -> bytes:
    content = small_model(quantized=True)
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    change(model)
    packed: bytes = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    assert re.match(b"....TFL3", packed, re.DOTALL)
    return packed
