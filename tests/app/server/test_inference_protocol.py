import json
import re
import struct
from typing import Any

import numpy as np
import pytest

from app.server.inference_protocol import HEADER_LENGTH, Model, parse, render
from app.server.refusal import RefusalError
from spotimes.inference.contract import Contract

MODEL = Model("model", "1", Contract.of(("cat", "dog", "eel"), (2, 2, 1), "squash"))
PIXELS = [1, 2, 3, 255]
IMAGE = {"name": "image", "shape": [1, 2, 2, 1], "datatype": "UINT8", "data": PIXELS}
PROBABILITIES = np.array([[0.25, 0.5, 0.25]], np.float32)


def parsed(document: Any, behind: bytes = b"", length: str | None = None) -> Any:
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    if behind:
        length = length or str(len(head))
    return parse(head + behind, length, MODEL.contract, 3)


@pytest.mark.parametrize("data", [PIXELS, [[[[1], [2]], [[3], [255]]]]])
def test_values_flat_or_nested(data: Any) -> None:
    request = parsed({"inputs": [{**IMAGE, "data": data}]})
    assert request.images.dtype == np.uint8
    assert request.images.tolist() == [[[[1], [2]], [[3], [255]]]]
    assert (request.identifier, request.wanted.binary, request.wanted.classes) == (None, False, 0)


@pytest.mark.parametrize("data", [[0, 0.2, 1e-3, 1], [[[[0.0], [0.2]], [[0.001], [1.0]]]]])
def test_real_numbers_are_rounded_to_pixels(data: Any) -> None:
    request = parsed({"inputs": [{**IMAGE, "datatype": "FP32", "data": data}]})
    assert request.images.dtype == np.uint8
    assert request.images.ravel().tolist() == [0, 51, 0, 255]


@pytest.mark.parametrize("number", [np.nan, np.inf, -0.01, 1.01])
def test_real_numbers_that_are_no_pixels(number: float) -> None:
    with pytest.raises(RefusalError, match="FP32 must be from 0 to 1"):
        parsed_behind("FP32", [1, 2, 2, 1], np.array([0, 0, 0, number], np.float32).tobytes())


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_pictures_are_files(shape: list[int]) -> None:
    files = b"\3\0\0\0abc\0\0\0\0"
    assert parsed_behind("BYTES", shape, files).images == [b"abc", b""]
    data = ["YWJj", "data:image/png;base64,"]
    nested = [[each] for each in data] if len(shape) > 1 else data
    tensor = {**IMAGE, "datatype": "BYTES", "shape": shape, "data": nested}
    assert parsed({"inputs": [tensor]}).images == [b"abc", b""]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (b"\3\0\0\0ab", "BYTES must be each behind its length, of 4 bytes"),
        (b"\0\0\0", "BYTES must be each behind its length"),
        (b"\0\0\0\0", "has 1 values, and its shape has 2"),
        (b"\0\0\0\0" * 10**6, "has 3 values, and its shape has 2"),
    ],
)
def test_what_is_wrong_with_files_behind(files: bytes, message: str) -> None:
    with pytest.raises(RefusalError, match=re.escape(message)):
        parsed_behind("BYTES", [2], files)


def parsed_behind(datatype: str, shape: list[int], content: bytes) -> Any:
    parameters = {"binary_data_size": len(content)}
    tensor = {"name": "image", "datatype": datatype, "shape": shape, "parameters": parameters}
    return parsed({"inputs": [tensor]}, content)


def test_a_number_that_is_cut_off() -> None:
    with pytest.raises(RefusalError, match="has 0 values, and its shape has 4"):
        parsed_behind("FP32", [1, 2, 2, 1], bytes(3))


def test_values_as_bytes_behind_the_json() -> None:
    tensor = {
        "name": "image",
        "shape": [2, 2, 2, 1],
        "datatype": "INT8",
        "parameters": {"binary_data_size": 8},
    }
    request = parsed({"id": "7", "inputs": [tensor]}, np.arange(-4, 4, dtype=np.int8).tobytes())
    assert request.identifier == "7"
    assert request.images.dtype == np.int8
    assert request.images.ravel().tolist() == list(range(-4, 4))


@pytest.mark.parametrize(
    ("output", "parameters", "binary", "classes"),
    [
        ({}, {"binary_data_output": True}, True, 0),
        ({"binary_data": False}, {"binary_data_output": True}, False, 0),
        ({"binary_data": True, "classification": 2}, {}, True, 2),
        ({"classification": 99}, {}, False, 99),
    ],
)
def test_how_the_output_is_wanted(output: Any, parameters: Any, binary: bool, classes: int) -> None:
    wanted = parsed(
        {
            "inputs": [IMAGE],
            "outputs": [{"name": "probabilities", "parameters": output}],
            "parameters": parameters,
        }
    ).wanted
    assert (wanted.binary, wanted.classes) == (binary, classes)


def request(**changes: Any) -> dict[str, Any]:
    tensor = {**IMAGE, **changes}
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


BAD = "inputs[0].data: must be a list of whole numbers from 0 to 255"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "the request is not JSON: "),
        (b"\xff", "the request is not JSON: "),
        (b"[" * 100_000, "the request: expected `object`, got `array`"),
        (b'{"inputs": [{"data": ' + b"[" * 100_000, "inputs[0].data[0][0][0][0]: expected `int"),
        (b'{"x": ' + b"[" * 100_000, "the request is nested too deeply"),
        ([], "the request: expected `object`, got `array`"),
        ({}, "the request: object missing required field `inputs`"),
        ({"inputs": []}, "inputs: must be a list of one tensor, image"),
        ({"inputs": [IMAGE, IMAGE]}, "inputs: must be a list of one tensor"),
        ({"inputs": [7]}, "inputs[0]: expected `object`, got `int`"),
        ({"inputs": [IMAGE], "id": 7}, "id: expected `str | null`, got `int`"),
        (request(name="picture"), "inputs[0].name: must be image"),
        (request(datatype="FP64"), "inputs[0].datatype: must be UINT8, pixels; INT8, those"),
        (request(datatype="FP32"), "inputs[0]: FP32 must be from 0 to 1: (pixel - 0) / 255"),
        (
            request(datatype="FP32", data=[0, 0, 0, "1"]),
            "inputs[0].data: must be a list of numbers",
        ),
        (request(datatype="BYTES"), "inputs[0].shape: must be [images]"),
        (request(datatype="BYTES", shape=[1]), "inputs[0].data: must be a list of texts"),
        (request(datatype="BYTES", shape=[1], data=["?"]), "inputs[0].data: is not base64 ("),
        (request(datatype="BYTES", shape=[2], data=[""]), "inputs[0]: has 1 values, and its"),
        (request(datatype="BYTES", shape=[2, 1], data=[[""], ["", ""]]), "inputs[0].data: must be"),
        (request(datatype=[1]), "inputs[0].datatype: must be"),
        (request(shape=None), "inputs[0].shape: must be [images, 2, 2, 1]"),
        (request(shape=[1, 2, 2, 3]), "inputs[0].shape: must be [images, 2, 2, 1]"),
        (request(shape=[True, 2, 2, 1]), "inputs[0].shape: must be [images"),
        (request(shape=[0, 2, 2, 1]), "inputs[0].shape: 0 images are not allowed; send 1 to 3"),
        (request(shape=[4, 2, 2, 1]), "inputs[0].shape: 4 images are not allowed; send 1 to 3"),
        (request(shape=[10**30, 2, 2, 1]), "inputs[0].shape: 1000000000"),
        (request(shape=[2, 2, 2, 1]), "inputs[0]: has 4 values, and its shape has 8"),
        (request(data=None), BAD),
        (request(data=[]), "inputs[0]: has 0 values, and its shape has 4"),
        (request(data=[[], []]), BAD),
        (request(data=[1, 2, 3, 256]), BAD),
        (request(data=[1, 2, 3, -1]), BAD),
        (request(data=[1, 2, 3, 0.5]), BAD),
        (request(data=[1, 2, 3, 10**30]), BAD),
        (request(data=[1, 2, 3, "4"]), BAD),
        (request(data=[1, 2, 3, None]), "inputs[0].data[3]: expected `int | float | str | array`"),
        (request(data=[True] * 4), "inputs[0].data[0]: expected `int | float | str | array`"),
        (request(data=[[[[1], [2]], [[3], [True]]]]), "inputs[0].data[0][1][1][0]: expected"),
        (request(data=[[1, 2, 3, 4]]), BAD),
        (request(data=[[1, 2], [3]]), BAD),
        (request(parameters=[]), "inputs[0].parameters: expected `object | null`, got `array`"),
        (request(parameters={"binary_data_size": 4}), "inputs[0].data: must not be there"),
        (
            request(data=None, parameters={"binary_data_size": 4}),
            "inputs[0].parameters.binary_data_size: must be 0, the bytes behind",
        ),
        ({"inputs": [IMAGE], "outputs": {}}, "outputs: expected `array | null`, got `object`"),
        ({"inputs": [IMAGE], "outputs": [{"name": "x"}]}, "outputs[0].name: must be probab"),
        (
            {"inputs": [IMAGE], "parameters": {"binary_data_output": 1}},
            "parameters.binary_data_output: expected `bool | null`, got `int`",
        ),
    ],
)
def test_what_is_wrong_is_named(document: Any, message: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parsed(document)
    assert caught.value.status == 400
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("length", ["-1", "9999", "1e3", "", "1" * 5000])
def test_a_length_of_the_header_that_is_none(length: str) -> None:
    with pytest.raises(RefusalError, match=HEADER_LENGTH):
        parsed({"inputs": [IMAGE]}, length=length)


def test_bytes_behind_need_their_size() -> None:
    with pytest.raises(RefusalError, match=r"binary_data_size: missing"):
        parsed({"inputs": [IMAGE]}, b"1234")


def rendered(**wanted: Any) -> tuple[dict[str, Any], bytes]:
    output = {"name": "probabilities", "parameters": wanted}
    asked = parsed({"id": "a", "inputs": [IMAGE], "outputs": [output]})
    answer = render(asked, PROBABILITIES, MODEL)
    length = answer.header_length
    assert (length is not None) == wanted.get("binary_data", False)
    document = json.loads(answer.body[:length])
    assert [document.pop(key) for key in ("model_name", "model_version", "id")] == [
        "model",
        "1",
        "a",
    ]
    (tensor,) = document.pop("outputs")
    assert document == {}
    return tensor, b"" if length is None else answer.body[length:]


def test_an_answer_in_json() -> None:
    assert rendered() == (
        {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": [1, 3],
            "data": [0.25, 0.5, 0.25],
        },
        b"",
    )


def test_an_answer_in_bytes() -> None:
    tensor, behind = rendered(binary_data=True)
    assert tensor["parameters"] == {"binary_data_size": 12}
    assert "data" not in tensor
    np.testing.assert_array_equal(np.frombuffer(behind, "<f4"), PROBABILITIES[0])


def test_the_most_probable_classes_as_text() -> None:
    """Of equals the first one first."""
    tensor, _ = rendered(classification=2)
    assert (tensor["datatype"], tensor["shape"]) == ("BYTES", [1, 2])
    assert tensor["data"] == ["0.500000:1:dog", "0.250000:0:cat"]
    tensor, behind = rendered(classification=9, binary_data=True)
    assert tensor["shape"] == [1, 3]
    texts = []
    while behind:
        (length,) = struct.unpack_from("<I", behind)
        texts.append(behind[4 : 4 + length].decode())
        behind = behind[4 + length :]
    assert texts == ["0.500000:1:dog", "0.250000:0:cat", "0.250000:2:eel"]
