import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.errors import InputError
from spotimes.inference import operators, verification
from spotimes.inference.operators import Cost
from spotimes.inference.verification import verify
from spotimes.tflite import flatbuffer
from tests.fuzz.small_models import small_model
from tests.project import ROOT

INT8, FP32 = ROOT / "models/model_int8.tflite", ROOT / "models/model_fp32.tflite"
Change = Callable[[Any, Any], None]  # of a model and its graph


def changed(change: Change, quantized: bool = True) -> bytes:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(small_model(quantized)))
    change(model, model.subgraphs[0])
    return flatbuffer.packed(model)


def refusal(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        verify(content, "a.tflite")
    message = str(caught.value)
    assert "\n" not in message
    before, after = "a.tflite: is no .tflite file that can be run: ", "; give one that Spotimes'"
    assert message.startswith(before)
    return message.removeprefix(before).partition(after)[0]


@pytest.mark.parametrize("path", [INT8, FP32])
def test_the_committed_models_are_sound(path: Any) -> None:
    verify(path.read_bytes(), path)


@pytest.mark.parametrize("quantized", [True, False])
def test_so_are_all_kinds_of_operators(quantized: bool) -> None:
    verify(small_model(quantized), "a.tflite")


def test_what_is_converted_here_is_sound(int8: bytes, fp32: bytes) -> None:
    verify(int8, "int8")
    verify(fp32, "fp32")


def test_it_takes_a_few_milliseconds() -> None:
    content = INT8.read_bytes()
    times = []
    for _ in range(20):
        began = time.process_time()
        verify(content, INT8)
        times.append(time.process_time() - began)
    assert min(times) < 0.02  # 5 ms on a Zen 1


def set_field(*path: Any, to: Any) -> Change:
    def change(_: Any, graph: Any) -> None:
        place = graph
        for key in path[:-1]:
            place = place[key] if isinstance(key, int) else getattr(place, key)
        if isinstance(path[-1], int):
            place[path[-1]] = to
        else:
            setattr(place, path[-1], to)

    return change


def set_model(name: str, to: Any) -> Change:
    return lambda model, _: setattr(model, name, to)


def metadata(*names: bytes) -> Change:
    return set_model("metadata", [schema.MetadataT(name=name, buffer=0) for name in names])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_model("version", 4), "version 4 is not 3"),
        (set_model("subgraphs", []), "it has 0 graphs, not one"),
        (set_model("buffers", []), "it has no tensors, no operators or no buffers"),
        (set_model("signatureDefs", [schema.SignatureDefT()]), "root.signature_defs: is nothing"),
        (metadata(b"model_control_dependencies"), "its metadata are not some of"),
        (metadata(b"TFLITE_METADATA", b"TFLITE_METADATA"), "its metadata are not some of"),
        (set_field("tensors", to=[]), "it has no tensors, no operators or no buffers"),
        (set_field("tensors", 0, "type", to=5), "tensor 0: its type, 5, is not"),
        (set_field("tensors", 0, "shape", to=None), "tensor 0: its shape, []"),
        (set_field("tensors", 0, "shape", to=[1, 0, 5, 3]), "tensor 0: its shape, [1, 0, 5, 3]"),
        (set_field("tensors", 0, "shape", to=[1, -6, 5, 3]), "tensor 0: its shape"),
        (set_field("tensors", 0, "shapeSignature", to=[1]), "tensor 0: its shape_signature"),
        (set_field("tensors", 0, "shapeSignature", to=[2, -1, 5, 3]), "tensor 0: its shape_sig"),
        (set_field("tensors", 0, "buffer", to=99), "tensor 0: there is no buffer 99"),
        (set_field("tensors", 0, "isVariable", to=True), "tensors[0].is_variable: is nothing"),
        (set_field("tensors", 1, "shape", to=[4, 3, 3, 2]), "tensor 1: its buffer has 108 bytes"),
        (set_field("tensors", 0, "quantization", "scale", to=[0.1, 0.2]), "has 2 scales, not one"),
        (set_field("tensors", 0, "quantization", "zeroPoint", to=[]), "1 scales and 0 zero"),
        (set_field("tensors", 0, "quantization", "zeroPoint", to=[128]), "not within -128 to 127"),
        (set_field("tensors", 0, "quantization", "scale", to=[np.nan]), "a scale is none from"),
        (set_field("tensors", 0, "quantization", "scale", to=[np.inf]), "a scale is none from"),
        (set_field("tensors", 0, "quantization", "quantizedDimension", to=7), "has 1 scales"),
        (set_field("tensors", 0, "shape", to=[1, 2**14, 2**14, 3]), "take more than 256 MiB"),
        (set_field("inputs", to=[99]), "the inputs are not some of its"),
        (set_field("inputs", to=[0, 0]), "the inputs hold a tensor twice"),
        (set_field("inputs", to=[1]), "an input of the model is a constant"),
        (set_field("outputs", to=[-1]), "the outputs are not some of its"),
        (set_field("outputs", to=[0]), "an output of the model is not computed"),
        (set_field("operators", 0, "opcodeIndex", to=99), "operator 0: there is no code 99"),
        (set_field("operators", 0, "builtinOptionsType", to=2), "its options are not those of"),
        (set_field("operators", 0, "builtinOptions", to=None), "its options are not those of"),
        (set_field("operators", 0, "intermediates", to=[1]), "operators[0].intermediates: is"),
        (set_field("operators", 0, "inputs", to=[0, 1, -1]), "operator 0 (CONV_2D): its inputs"),
        (
            set_field("operators", 0, "inputs", to=[4, 1, 2]),
            "an input of it is not computed before",
        ),
        (set_field("operators", 0, "outputs", to=[0]), "has not one output that is computed here"),
        (set_field("operators", 0, "outputs", to=[1]), "has not one output that is computed here"),
        (set_field("operators", 1, "outputs", to=[3]), "has not one output that is computed here"),
    ],
)
def test_what_the_runtime_would_trust_is_refused(change: Change, message: str) -> None:
    assert message in refusal(changed(change))


def test_an_operator_that_no_network_of_ours_has_is_refused() -> None:
    def change(model: Any, _: Any) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.WHILE

    assert refusal(changed(change)).startswith("operator code 0: 119 is none of ADD, CONV_2D, ")


def test_a_custom_operator_is_refused() -> None:
    def change(model: Any, _: Any) -> None:
        model.operatorCodes[0].customCode = b"x"

    assert "operator_codes[0].custom_code: is nothing" in refusal(changed(change))


def test_operators_in_another_order_are_refused() -> None:
    def change(_: Any, graph: Any) -> None:
        graph.operators.reverse()

    assert "an input of it is not computed before" in refusal(changed(change))


def test_too_much_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_STEPS", 1000)
    assert refusal(small_model(True)) == "an inference takes more than 1,000 steps"


def test_scratch_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution's window is laid out once for each pixel of its output."""
    monkeypatch.setitem(operators.CHECKS, "CONV_2D", lambda *_: Cost(1, 2**30))
    assert refusal(small_model(True)) == "its tensors take more than 256 MiB"


def test_a_tensor_that_shares_a_buffer_counts_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime keeps scales and shapes of each."""

    def change(_: Any, graph: Any) -> None:
        graph.tensors += [graph.tensors[1]] * 30

    verify(small_model(True), "a.tflite")
    monkeypatch.setattr(verification, "MOST_BYTES", 5000)
    verify(small_model(True), "a.tflite")
    assert refusal(changed(change)) == "its tensors take more than 0 MiB"
