"""The Open Inference Protocol, version 2, over REST: its requests and responses, as bytes.

With the extensions `binary_tensor_data` and `classification`. Sources: the protocol's
specification (github.com/kserve/open-inference-protocol) and the extensions' at
github.com/triton-inference-server/server/tree/main/docs/protocol.
"""

import array
import re
import struct
from collections.abc import Callable
from functools import partial
from itertools import chain
from math import prod
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from app.server.refusal import RefusalError
from app.server.upload import from_base64
from spotimes.inference.classifier import top_k
from spotimes.inference.contract import Contract
from spotimes.pixels import Images, Normalization

INPUT, OUTPUT = "image", "probabilities"
PLATFORM = "tensorflow_lite"
EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
]
PICTURES = "BYTES"  # the datatype of picture files
MOST_DIGITS = 9  # Python refuses to read very long numbers
HEADER_LENGTH = "Inference-Header-Content-Length"
PATH = re.compile(r"(.*) - at `\$\.?(.*)`")  # in msgspec's messages


class Datatype(NamedTuple):
    """A datatype of numbers that an image may be sent in.

    Attributes:
        dtype: NumPy's.
        packed: makes bytes of a list of numbers; raises TypeError or ValueError if it has others.
            A list's small whole numbers are objects that Python keeps, so none are made.
        allowed: what these are.
    """

    dtype: str
    packed: Callable[[list[Any]], "bytes | array.array[Any]"]
    allowed: str


DTYPES = {
    "UINT8": Datatype("u1", bytes, "whole numbers from 0 to 255"),
    "INT8": Datatype("i1", partial(array.array, "b"), "whole numbers from -128 to 127"),
    "FP32": Datatype("<f4", partial(array.array, "f"), "numbers"),
}
DATATYPES = [*DTYPES, PICTURES]


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
        images: uint8 or int8, shape (images, height, width, channels); or a picture file each.
        wanted: the form of the output.
    """

    identifier: str | None
    images: Images | list[bytes]
    wanted: Wanted


_Value = int | float | str


class _TensorParameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Tensor(msgspec.Struct):
    name: Any = None
    datatype: Any = None
    shape: Any = None
    parameters: _TensorParameters | None = None
    data: list[_Value | list[_Value | list[_Value | list[_Value]]]] | None = None


class _OutputParameters(msgspec.Struct):
    binary_data: bool | None = None
    classification: Annotated[int, msgspec.Meta(ge=0)] | None = None


class _Output(msgspec.Struct):
    name: Any = None
    parameters: _OutputParameters | None = None


class _Parameters(msgspec.Struct):
    binary_data_output: bool | None = None


class _Document(msgspec.Struct):
    """A request's JSON; null, which many serializers write, is as what is missing."""

    inputs: list[_Tensor]
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: _Parameters | None = None


_DECODER = msgspec.json.Decoder(_Document)


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
    document = _document(body[:length])
    if len(document.inputs) != 1:
        raise RefusalError(400, f"inputs: must be a list of one tensor, {INPUT}")
    images = _images(document.inputs[0], body[length:], contract, batch)
    return InferenceRequest(document.id, images, _wanted(document))


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
    head = msgspec.json.encode(document)
    return Answer(head + content, len(head)) if wanted.binary else Answer(head, None)


def metadata(model: Model) -> dict[str, object]:
    """The protocol's metadata of a model: its name, versions and tensors."""
    image_shape, classes = model.contract.image_shape, len(model.contract.class_names)
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, *image_shape]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, classes]}],
    }


def config(model: Model, batch: int) -> dict[str, object]:
    """Triton's configuration of a model, as far as it applies."""
    image_shape, classes = list(model.contract.image_shape), len(model.contract.class_names)
    return {
        "name": model.name,
        "platform": PLATFORM,
        "max_batch_size": batch,
        "input": [{"name": INPUT, "data_type": "TYPE_UINT8", "dims": image_shape}],
        "output": [{"name": OUTPUT, "data_type": "TYPE_FP32", "dims": [classes]}],
    }


def repository_index(model: Model) -> list[dict[str, str]]:
    """Triton's list of models: the one that is served."""
    return [{"name": model.name, "version": model.version, "state": "READY", "reason": ""}]


def _length(header: str | None, total: int) -> int:
    if header is None:
        return total
    if not header.isdecimal() or len(header) > MOST_DIGITS or int(header) > total:
        raise RefusalError(400, f"{HEADER_LENGTH}: must be 0 to {total}, the body's length")
    return int(header)


def _document(content: bytes) -> _Document:
    try:
        return _DECODER.decode(content)
    except RecursionError as error:
        raise RefusalError(400, "the request is nested too deeply") from error
    except msgspec.ValidationError as error:
        found = PATH.fullmatch(str(error))
        reason, where = found.groups() if found else (str(error), "the request")
        raise RefusalError(400, f"{where}: {reason[0].lower()}{reason[1:]}") from error
    except ValueError as error:
        raise RefusalError(400, f"the request is not JSON: {error}") from error


def _images(tensor: _Tensor, behind: bytes, contract: Contract, batch: int) -> Images | list[bytes]:
    if tensor.name != INPUT:
        raise RefusalError(400, f"inputs[0].name: must be {INPUT}")
    if not isinstance(tensor.datatype, str) or tensor.datatype not in DATATYPES:
        raise RefusalError(
            400,
            "inputs[0].datatype: must be UINT8, pixels; INT8, those less 128; FP32, the network's "
            "real numbers; or BYTES, picture files",
        )
    size = (tensor.parameters or _TensorParameters()).binary_data_size
    if size is None and behind:
        raise RefusalError(400, "inputs[0].parameters.binary_data_size: missing")
    if size is not None and tensor.data is not None:
        raise RefusalError(400, "inputs[0].data: must not be there beside binary_data_size")
    if size is not None and size != len(behind):
        raise RefusalError(
            400, f"inputs[0].parameters.binary_data_size: must be {len(behind)}, the bytes behind"
        )
    sent = tensor.data if size is None else behind
    if tensor.datatype == PICTURES:
        return _files(sent, _shape(tensor.shape, (1,), batch))
    shape = _shape(tensor.shape, contract.image_shape, batch)
    values = _numbers(sent, DTYPES[tensor.datatype], shape)
    if values.size != prod(shape):
        raise RefusalError(
            400, f"inputs[0]: has {values.size} values, and its shape has {prod(shape)}"
        )
    values = values.reshape(shape)
    return _pixels(values, contract.normalization) if values.dtype.kind == "f" else values


def _shape(shape: object, image_shape: tuple[int, ...], batch: int) -> list[int]:
    """The shape of a batch of images; if one is a single value, its side may be left out."""
    allowed = [list(image_shape)] if image_shape != (1,) else [[1], []]
    if (
        not isinstance(shape, list)
        or not all(type(side) is int for side in shape)
        or not shape
        or shape[1:] not in allowed
    ):
        sides = ", ".join(map(str, ("images", *allowed[-1])))
        raise RefusalError(400, f"inputs[0].shape: must be [{sides}]")
    if not 1 <= shape[0] <= batch:
        raise RefusalError(
            400, f"inputs[0].shape: {shape[0]} images are not allowed; send 1 to {batch}"
        )
    return shape


def _files(sent: bytes | list[Any] | None, shape: list[int]) -> list[bytes]:
    """Picture files, each behind its length, or as a text in base64."""
    if isinstance(sent, bytes):
        files = _elements(sent, shape[0])
    else:
        texts = _flat(sent, shape, "texts")
        if not all(isinstance(text, str) for text in texts):
            raise RefusalError(400, "inputs[0].data: must be a list of texts")
        files = [from_base64(text, "inputs[0].data", "send picture files so") for text in texts]
    if len(files) != shape[0]:
        raise RefusalError(400, f"inputs[0]: has {len(files)} values, and its shape has {shape[0]}")
    return files


def _elements(content: bytes, most: int) -> list[bytes]:
    """A binary tensor's byte strings, the first of them if there are more than a few."""
    elements: list[bytes] = []
    position = 0
    while position < len(content) and len(elements) <= most:
        begin = position + 4
        position = begin + int.from_bytes(content[position:begin], "little")
        if position > len(content) or begin > len(content):
            raise RefusalError(400, "inputs[0]: BYTES must be each behind its length, of 4 bytes")
        elements.append(content[begin:position])
    return elements


def _numbers(
    sent: bytes | list[Any] | None, datatype: Datatype, shape: list[int]
) -> npt.NDArray[Any]:
    """Numbers as an array of one dimension; floats are left out if they are cut off."""
    if isinstance(sent, bytes):
        dtype = np.dtype(datatype.dtype)
        return np.frombuffer(sent, dtype, len(sent) // dtype.itemsize)
    allowed = f"a list of {datatype.allowed}"
    try:
        return np.frombuffer(datatype.packed(_flat(sent, shape, datatype.allowed)), datatype.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusalError(400, f"inputs[0].data: must be {allowed}") from error


def _flat(data: list[Any] | None, shape: list[int], allowed: str) -> list[Any]:
    """Values of a list, flat or nested as the shape is."""
    if data is None:
        raise RefusalError(400, f"inputs[0].data: must be a list of {allowed}")
    if data and isinstance(data[0], list):
        for side in shape[1:]:
            if not all(isinstance(each, list) and len(each) == side for each in data):
                raise RefusalError(400, f"inputs[0].data: must be a list of {allowed}")
            data = list(chain.from_iterable(data))
    return data


def _pixels(values: npt.NDArray[np.float32], normalization: Normalization) -> Images:
    """The nearest pixels to real numbers as the network takes them."""
    offset, scale = normalization
    pixels = np.rint(values * np.float32(scale) + np.float32(offset))
    if not ((pixels >= 0) & (pixels <= 255)).all():  # nor is NaN
        lowest, highest = -offset / scale, (255 - offset) / scale
        raise RefusalError(
            400,
            f"inputs[0]: FP32 must be from {lowest:g} to {highest:g}: (pixel - {offset}) / {scale}",
        )
    images: Images = pixels.astype(np.uint8)
    return images


def _wanted(document: _Document) -> Wanted:
    binary = bool(document.parameters and document.parameters.binary_data_output)
    outputs = document.outputs or []
    if len(outputs) > 1:
        raise RefusalError(400, f"outputs: must be a list of one, {OUTPUT}, or not there")
    if not outputs:
        return Wanted(binary, 0)
    if outputs[0].name != OUTPUT:
        raise RefusalError(400, f"outputs[0].name: must be {OUTPUT}")
    parameters = outputs[0].parameters or _OutputParameters()
    if parameters.binary_data is not None:
        binary = parameters.binary_data
    return Wanted(binary, parameters.classification or 0)
