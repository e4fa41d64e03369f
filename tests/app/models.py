"""Models beside the committed one, made without TensorFlow."""

import io
import json
import zipfile
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.inference.contract import CONTRACT, LABELS, Contract
from tests.project import ROOT

MODEL = ROOT / "models/model_int8.tflite"


def without_contract(path: Path = MODEL) -> bytes:
    """A model without the archive behind it, which holds its classes and input contract."""
    with zipfile.ZipFile(path) as archive:
        return path.read_bytes()[: min(each.header_offset for each in archive.infolist())]


def with_contract(contract: Contract) -> bytes:
    """The committed model, saying something else of its classes and its input."""
    file = io.BytesIO(without_contract())
    fields = contract._asdict()
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(LABELS, "\n".join(fields.pop("class_names")) + "\n")
        archive.writestr(CONTRACT, json.dumps(fields))
    return file.getvalue()


def of_another_task() -> bytes:
    """A model of seven numbers in and out: a ReLU."""
    relu, float32 = schema.BuiltinOperator.RELU, schema.TensorType.FLOAT32
    graph = schema.SubGraphT(
        tensors=[
            schema.TensorT(shape=[1, 7], type=float32, name=name, buffer=0)
            for name in (b"in", b"out")
        ],
        inputs=[0],
        outputs=[1],
        operators=[schema.OperatorT(opcodeIndex=0, inputs=[0], outputs=[1])],
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[
            schema.OperatorCodeT(builtinCode=relu, deprecatedBuiltinCode=relu, version=1)
        ],
        subgraphs=[graph],
        buffers=[schema.BufferT()],
    )
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
