"""The Open Inference Protocol, version 2, over REST: its requests and responses, as bytes.

With the extensions `binary_tensor_data` and `classification`. Sources: the protocol's
specification (github.com/kserve/open-inference-protocol) and the extensions' at
github.com/triton-inference-server/server/tree/main/docs/protocol.
"""

import json
import struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.server.refusal import RefusalError
from spotimes.inference.classifier import top_k
from spotimes.inference.contract import Contract
from spotimes.pixels import Images

INPUT, OUTPUT = "image", "probabilities"
EXTENSIONS = ["binary_tensor_data", "classification"]
MOST_DIGITS = 9  # Python refuses to read very long numbers
HEADER_LENGTH = "Inference-Header-Content-Length"
DTYPES: dict[str, Any] = {"UINT8": np.uint8, "INT8": np.int8}


class Model(NamedTuple):
    """The model that is served.

    Attributes:
        name: in the routes and answers.
        version: likewise.
        contract: its classes and its input.
    """

    name: str
    version: str
    contract: Contract


class Wanted(NamedTuple):
    """The form of output that a request asks for.

    Attributes:
        binary: as bytes after the JSON, rather than in it.
        classes: how many of the most probable classes, as text; 0 for all probabilities.
    """

    binary: bool
    classes: int


class InferenceRequest(NamedTuple):
    """A valid request.

    Attributes:
        identifier: returned with the answer, or None.
        images: uint8 or int8, shape (images, height, width, channels).
        wanted: the form of the output.
    """

    identifier: str | None
    images: Images
    wanted: Wanted


class Answer(NamedTuple):
    """A response's body, and the length of its JSON if bytes follow it."""

    body: bytes
    header_length: int | None


def parse(
    body: bytes, header_length: str | None, contract: Contract, batch: int
) -> InferenceRequest:
    """Reads a request.

    Args:
        body: JSON, or JSON followed by tensors.
        header_length: the header `HEADER_LENGTH`, the length of the JSON; None if that is all.
        contract: of the model that is to answer.
        batch: how many images are allowed.

    Raises:
        RefusalError: the request is not valid; the message names what is wrong.
    """
    length = _length(header_length, len(body))
    document = _mapping(_json(body[:length]), "the request")
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise RefusalError(400, "id: must be a string")
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise RefusalError(400, f"inputs: must be a list of one tensor, {INPUT}")
    images = _images(_mapping(inputs[0], "inputs[0]"), body[length:], contract, batch)
    return InferenceRequest(identifier, images, _wanted(document))


def render(
    request: InferenceRequest, probabilities: npt.NDArray[np.float32], model: Model
) -> Answer:
    """Writes the answer to a request.

    Args:
        request: the valid request.
        probabilities: float32, shape (images, classes).
        model: that answered.
    """
    wanted = request.wanted
    values: list[Any]
    if wanted.classes:
        labels = model.contract.class_names
        indices = top_k(probabilities, wanted.classes)
        values = [
            f"{row[index]:f}:{index}:{labels[index]}"
            for row, chosen in zip(probabilities, indices, strict=True)
            for index in chosen
        ]
        datatype, shape = "BYTES", list(indices.shape)
        texts = [value.encode() for value in values]
        content = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        datatype, shape = "FP32", list(probabilities.shape)
        values = probabilities.ravel().tolist()
        content = probabilities.astype("<f4").tobytes()
    output: dict[str, Any] = {"name": OUTPUT, "datatype": datatype, "shape": shape}
    if wanted.binary:
        output["parameters"] = {"binary_data_size": len(content)}
    else:
        output["data"] = values
    document: dict[str, Any] = {
        "model_name": model.name,
        "model_version": model.version,
        "outputs": [output],
    }
    if request.identifier is not None:
        document["id"] = request.identifier
    head = json.dumps(document).encode()
    return Answer(head + content, len(head)) if wanted.binary else Answer(head, None)


def metadata(model: Model) -> dict[str, object]:
    """The protocol's metadata of a model: its name, versions and tensors."""
    image_shape, classes = model.contract.image_shape, len(model.contract.class_names)
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "tensorflow_lite",
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, *image_shape]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, classes]}],
    }


def _length(header: str | None, total: int) -> int:
    if header is None:
        return total
    if not header.isdecimal() or len(header) > MOST_DIGITS or int(header) > total:
        raise RefusalError(400, f"{HEADER_LENGTH}: must be 0 to {total}, the body's length")
    return int(header)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except RecursionError as error:
        raise RefusalError(400, "the request is nested too deeply") from error
    except ValueError as error:
        raise RefusalError(400, f"the request is not JSON: {error}") from error


def _given(document: dict[str, Any], name: str, default: object) -> Any:
    """A member's value; null, which many serializers write for a missing one, is the default."""
    value = document.get(name)
    return default if value is None else value


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RefusalError(400, f"{where}: must be an object")
    return value


def _images(tensor: dict[str, Any], behind: bytes, contract: Contract, batch: int) -> Images:
    if tensor.get("name") != INPUT:
        raise RefusalError(400, f"inputs[0].name: must be {INPUT}")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise RefusalError(
            400, "inputs[0].datatype: must be UINT8, pixels, or INT8, those less 128"
        )
    shape, image_shape = tensor.get("shape"), contract.image_shape
    if (
        not isinstance(shape, list)
        or not all(type(side) is int for side in shape)
        or len(shape) != 1 + len(image_shape)
        or shape[1:] != list(image_shape)
    ):
        sides = ", ".join(map(str, image_shape))
        raise RefusalError(400, f"inputs[0].shape: must be [images, {sides}]")
    if not 1 <= shape[0] <= batch:
        raise RefusalError(
            400, f"inputs[0].shape: {shape[0]} images are not allowed; send 1 to {batch}"
        )
    parameters = _mapping(_given(tensor, "parameters", {}), "inputs[0].parameters")
    size, count = parameters.get("binary_data_size"), int(np.prod(shape))
    if size is None:
        if behind:
            raise RefusalError(400, "inputs[0].parameters.binary_data_size: missing")
        values: Images = _values(tensor.get("data"), DTYPES[datatype], count)
    else:
        if tensor.get("data") is not None:
            raise RefusalError(400, "inputs[0].data: must not be there beside binary_data_size")
        if type(size) is not int or size != len(behind):
            raise RefusalError(
                400,
                f"inputs[0].parameters.binary_data_size: must be {len(behind)}, the bytes behind",
            )
        values = np.frombuffer(behind, DTYPES[datatype])
    if values.size != count:
        raise RefusalError(400, f"inputs[0]: has {values.size} values, and its shape has {count}")
    return values.reshape(shape)


def _values(data: object, dtype: Any, count: int) -> Images:
    """Numbers of a list, flat or nested; they are checked before an array is made of them.

    Of strings of unequal lengths NumPy would make an array many times the size of the body.
    """
    limits = np.iinfo(dtype)
    allowed = f"inputs[0].data: must be a list of whole numbers from {limits.min} to {limits.max}"
    if not isinstance(data, list):
        raise RefusalError(400, allowed)
    found = 0
    waiting = [iter(data)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                if not value:  # a million of these would take seconds to go through
                    raise RefusalError(400, allowed)
                waiting.append(iter(value))
                break
            if type(value) is not int or not limits.min <= value <= limits.max:
                raise RefusalError(400, allowed)
            found += 1
            if found > count:
                raise RefusalError(400, f"inputs[0].data: has more values than the shape's {count}")
        else:
            waiting.pop()
    try:
        images: Images = np.array(data, dtype).ravel()
    except ValueError as error:  # lists of unequal lengths
        raise RefusalError(400, allowed) from error
    return images


def _wanted(document: dict[str, Any]) -> Wanted:
    parameters = _mapping(_given(document, "parameters", {}), "parameters")
    binary = _flag(_given(parameters, "binary_data_output", False), "parameters.binary_data_output")
    outputs = _given(document, "outputs", [])
    if not isinstance(outputs, list) or len(outputs) > 1:
        raise RefusalError(400, f"outputs: must be a list of one, {OUTPUT}, or not there")
    if not outputs:
        return Wanted(binary, 0)
    output = _mapping(outputs[0], "outputs[0]")
    if output.get("name") != OUTPUT:
        raise RefusalError(400, f"outputs[0].name: must be {OUTPUT}")
    parameters = _mapping(_given(output, "parameters", {}), "outputs[0].parameters")
    classes = _given(parameters, "classification", 0)
    if type(classes) is not int or classes < 0:
        raise RefusalError(400, "outputs[0].parameters.classification: must be a whole number")
    return Wanted(
        _flag(_given(parameters, "binary_data", binary), "outputs[0].parameters.binary_data"),
        classes,
    )


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise RefusalError(400, f"{where}: must be true or false")
    return value
