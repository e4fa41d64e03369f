"""The metadata as another reader finds it: by TensorFlow's metadata_schema.fbs, field by field."""

import io
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

from spotimes.inference.contract import Contract
from spotimes.tflite.metadata import embedded

CONTRACT = Contract(("cat", "Löwe", "犬"), 32, 30, "rgb", "squash", 255)


class Node:
    """A table of a flatbuffer; its fields by their index in the schema."""

    def __init__(self, content: bytes, position: int) -> None:
        self.table = Table(content, position)

    def _at(self, field: int) -> int:
        offset = self.table.Offset(4 + 2 * field)
        return int(self.table.Pos + offset) if offset else 0

    def has(self, field: int) -> bool:
        return self._at(field) != 0

    def string(self, field: int) -> str:
        return bytes(self.table.String(self._at(field))).decode()

    def byte(self, field: int) -> int:
        return int(self.table.Get(number_types.Uint8Flags, self._at(field)))

    def uint(self, field: int) -> int:
        return int(self.table.Get(number_types.Uint32Flags, self._at(field)))

    def node(self, field: int) -> "Node":
        return Node(self.table.Bytes, self.table.Indirect(self._at(field)))

    def nodes(self, field: int) -> list["Node"]:
        start, length = self._vector(field)
        return [
            Node(self.table.Bytes, self.table.Indirect(start + 4 * number))
            for number in range(length)
        ]

    def floats(self, field: int) -> list[float]:
        start, length = self._vector(field)
        return [
            float(self.table.Get(number_types.Float32Flags, start + 4 * number))
            for number in range(length)
        ]

    def _vector(self, field: int) -> tuple[int, int]:
        offset = self._at(field) - self.table.Pos
        return int(self.table.Vector(offset)), int(self.table.VectorLen(offset))


@pytest.fixture(scope="module")
def content(int8: bytes) -> bytes:
    return embedded(int8, CONTRACT)


def metadata_of(content: bytes) -> bytes:
    model = schema.Model.GetRootAs(content, 0)
    (entry,) = [
        model.Metadata(number)
        for number in range(model.MetadataLength())
        if model.Metadata(number).Name() == b"TFLITE_METADATA"
    ]
    return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())


def root_of(metadata: bytes) -> Node:
    assert flatbuffers.util.BufferHasIdentifier(metadata, 0, b"M001")
    return Node(metadata, encode.Get(packer.uoffset, metadata, 0))


def test_the_model_names_its_metadata(content: bytes) -> None:
    root = root_of(metadata_of(content))
    assert root.string(0) == "Spotimes image classifier"
    assert root.string(7) == "1.0.0"  # min_parser_version
    assert len(root.nodes(3)) == 1  # subgraph_metadata


def test_the_input_is_an_image_normalized_to_shares(content: bytes) -> None:
    (subgraph,) = root_of(metadata_of(content)).nodes(3)
    (image,) = subgraph.nodes(2)  # input_tensor_metadata
    assert image.string(0) == "image"
    kind = image.node(3)  # content
    assert kind.byte(0) == 2  # ImageProperties
    properties = kind.node(1)
    assert properties.byte(0) == 1  # RGB
    size = properties.node(1)
    assert (size.uint(0), size.uint(1)) == (30, 32)  # width, height
    (unit,) = image.nodes(4)  # process_units
    assert unit.byte(0) == 1  # NormalizationOptions
    options = unit.node(1)
    assert (options.floats(0), options.floats(1)) == ([0.0], [255.0])  # mean, std


def test_the_output_names_the_file_of_its_labels(content: bytes) -> None:
    (subgraph,) = root_of(metadata_of(content)).nodes(3)
    (probability,) = subgraph.nodes(3)  # output_tensor_metadata
    assert probability.string(0) == "probability"
    (labels,) = probability.nodes(6)  # associated_files
    assert labels.string(0) == "labels.txt"
    assert labels.byte(2) == 2  # TENSOR_AXIS_LABELS
    (contract,) = subgraph.nodes(4)
    assert contract.string(0) == "contract.json"


def test_grey_is_grayscale(int8: bytes) -> None:
    metadata = metadata_of(embedded(int8, CONTRACT._replace(colour="grey")))
    (subgraph,) = root_of(metadata).nodes(3)
    assert subgraph.nodes(2)[0].node(3).node(1).byte(0) == 2  # GRAYSCALE


def test_the_files_lie_in_a_zip_that_anybody_reads(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "contract.json"]
        assert archive.read("labels.txt").decode() == "cat\nLöwe\n犬\n"
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED  # a device may map them


def test_the_same_input_gives_the_same_bytes(content: bytes, int8: bytes) -> None:
    assert embedded(int8, CONTRACT) == content


def test_the_identifier_of_the_model_stays(content: bytes) -> None:
    assert content[4:8] == b"TFL3"


@pytest.mark.parametrize("from_file", [True, False])
def test_the_runtime_still_runs_it_alike(
    content: bytes, int8: bytes, tmp_path: Path, from_file: bool
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    arguments: dict[str, Any] = (
        {"model_path": str(path)} if from_file else {"model_content": content}
    )
    image = np.random.default_rng(1).integers(-128, 128, (1, 32, 32, 3), np.int8)
    results = []
    for interpreter in (Interpreter(**arguments), Interpreter(model_content=int8)):
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*results)
