"""Writes TFLite Model Metadata, so that one .tflite file is all that a device needs.

The format is TensorFlow's: a flatbuffer of `ModelMetadata` in a buffer that the model names
`TFLITE_METADATA`, and the files that it mentions as a zip archive behind the model
(tensorflow.org/lite/models/metadata; the numbers below are fields' indices in
metadata_schema.fbs).
MediaPipe's tools read it. Its own writer was tried: it adds 440 MB of packages, one of which needs
the system's libGL, and stamps the archive with the time, so that no two files are equal.
"""

import io
import zipfile
from collections.abc import Sequence

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.inference.contract import CONTRACT, LABELS, Contract, members
from spotimes.pixels import Normalization
from spotimes.tflite import flatbuffer

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold
TENSOR_AXIS_LABELS = 2  # AssociatedFileType
COLOUR_SPACES = {"rgb": 1, "grey": 2}  # ColorSpaceType
IMAGE_PROPERTIES = 2  # in the union ContentProperties
NORMALIZATION_OPTIONS = 1  # in the union ProcessUnitOptions


def embedded(content: bytes, contract: Contract) -> bytes:
    """Puts metadata, class names and input contract into a model.

    Args:
        content: a .tflite file without metadata.
        contract: what to say.

    Returns:
        The .tflite file with them; the same input gives the same bytes.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    model.buffers.append(schema.BufferT(data=list(_model_metadata(contract))))
    model.metadata = [
        *(model.metadata or []),
        schema.MetadataT(name=NAME, buffer=len(model.buffers) - 1),
    ]
    file = io.BytesIO(flatbuffer.packed(model))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for name, text in members(contract).items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), text)
    return file.getvalue()


def _model_metadata(contract: Contract) -> bytes:
    builder = flatbuffers.Builder(512)
    image = _table(
        builder,
        {
            0: builder.CreateString("image"),
            3: _image_content(builder, contract),
            4: _vector(builder, [_normalization(builder, contract.normalization)]),
        },
    )
    labels = _table(builder, {0: builder.CreateString(LABELS)}, {2: TENSOR_AXIS_LABELS})
    output = _table(
        builder,
        {0: builder.CreateString("probability"), 6: _vector(builder, [labels])},
    )
    contract_file = _table(builder, {0: builder.CreateString(CONTRACT)})
    subgraph = _table(
        builder,
        {
            2: _vector(builder, [image]),
            3: _vector(builder, [output]),
            4: _vector(builder, [contract_file]),
        },
    )
    root = _table(
        builder,
        {
            0: builder.CreateString("Spotimes image classifier"),
            3: _vector(builder, [subgraph]),
            7: builder.CreateString("1.0.0"),
        },
    )
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _image_content(builder: flatbuffers.Builder, contract: Contract) -> int:
    builder.StartObject(2)  # ImageSize
    builder.PrependUint32Slot(0, contract.width, 0)
    builder.PrependUint32Slot(1, contract.height, 0)
    size = builder.EndObject()
    properties = _table(builder, {1: size}, {0: COLOUR_SPACES[contract.colour]})
    return _table(builder, {1: properties}, {0: IMAGE_PROPERTIES})


def _normalization(builder: flatbuffers.Builder, normalization: Normalization) -> int:
    """Normalized = (pixel - mean) / std."""
    mean, std = (_floats(builder, [float(value)]) for value in normalization)
    options = _table(builder, {0: mean, 1: std})
    return _table(builder, {1: options}, {0: NORMALIZATION_OPTIONS})


def _table(
    builder: flatbuffers.Builder, offsets: dict[int, int], bytes_: dict[int, int] | None = None
) -> int:
    """Ends a table: offsets of what was built before, and one-byte fields, each by its index."""
    builder.StartObject(8)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (bytes_ or {}).items():
        builder.PrependUint8Slot(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
