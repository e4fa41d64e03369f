"""The tables are the schema's, as LiteRT's own Python has it."""

import inspect
import re
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from spotimes.inference import tflite_schema as ours
from spotimes.inference.flatbuffer import Many, One, Refused, Scalar, Table, Text, Union, Vector

TABLES = {
    "Model": ours.MODEL,
    "OperatorCode": ours.OPERATOR_CODE,
    "SubGraph": ours.SUBGRAPH,
    "Tensor": ours.TENSOR,
    "QuantizationParameters": ours.QUANTIZATION,
    "Buffer": ours.BUFFER,
    "Operator": ours.OPERATOR,
    "Metadata": ours.METADATA,
    "Conv2DOptions": ours.CONV_2D_OPTIONS,
    "DepthwiseConv2DOptions": ours.DEPTHWISE_CONV_2D_OPTIONS,
    "FullyConnectedOptions": ours.FULLY_CONNECTED_OPTIONS,
    "AddOptions": ours.ADD_OPTIONS,
    "SoftmaxOptions": ours.SOFTMAX_OPTIONS,
    "ReducerOptions": ours.REDUCER_OPTIONS,
}
VECTORS = {4: {"int32", "float32"}, 8: {"int64"}, 1: {"uint8"}}


class Builder:
    """Notes what a table's writer would put into it."""

    def __init__(self) -> None:
        self.put: list[tuple[str, int, Any]] = []

    def StartObject(self, count: int) -> None:  # noqa: N802  # flatbuffers' names
        self.count = count

    def __getattr__(self, name: str) -> Any:
        kind = re.fullmatch(r"Prepend(\w+)Slot", name)
        assert kind is not None, name
        return lambda slot, _, default: self.put.append((kind[1].lower(), slot, default))


def written(name: str) -> tuple[int, list[tuple[str, str, Any]]]:
    """How many fields a table has, and the name, kind and default of each, by slot."""
    builder = Builder()
    getattr(schema, f"{name}Start")(builder)
    fields = {}
    for function_name, function in inspect.getmembers(schema, inspect.isfunction):
        if re.fullmatch(rf"{name}Add\w+", function_name):
            function(builder, 1)
            kind, slot, default = builder.put.pop()
            snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", function_name.removeprefix(f"{name}Add"))
            fields[slot] = snake.lower(), kind, default
    return builder.count, [fields[slot] for slot in sorted(fields)]


def plain(name: str) -> str:
    return name.replace("_", "")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_fields_of_the_schema_in_its_order(name: str) -> None:
    count, fields = written(name)
    table: Table = TABLES[name]
    assert len(fields) >= count - 1  # of a field that is deprecated nothing is written
    assert [plain(each) for each, _, _ in table.fields] == [plain(each) for each, _, _ in fields]
    for (ours_name, field, _), (_, kind, default) in zip(table.fields, fields, strict=True):
        if isinstance(field, Scalar):
            assert (field.kind, field.default) == (kind, default), ours_name
        elif isinstance(field, Refused) and field.kind != "offset":
            assert (field.kind, default) == (kind, 0), ours_name
        else:
            assert isinstance(field, Vector | Text | Union | Refused | One | Many)
            assert kind == "uoffsettrelative", ours_name


def test_numbers_of_vectors_are_as_wide_as_the_schema_says() -> None:
    for name, table in TABLES.items():
        for field_name, field, _ in table.fields:
            if isinstance(field, Vector):
                camel = "".join(word.title() for word in field_name.split("_"))
                source = inspect.getsource(getattr(schema, f"{name}Start{camel}Vector"))
                size = re.search(r"StartVector\((\d), ", source)
                assert size is not None
                assert field.kind in VECTORS[int(size[1])], field_name


def test_kinds_of_operators_have_the_schemas_numbers() -> None:
    for number, kind in ours.KINDS.items():
        assert getattr(schema.BuiltinOperator, kind.name) == number
        options = [name for name, table in TABLES.items() if table is kind.options]
        if kind.options_type:
            assert getattr(schema.BuiltinOptions, options[0]) == kind.options_type


def test_types_have_the_schemas_numbers() -> None:
    for number, name in ours.DTYPES.items():
        assert getattr(schema.TensorType, name.upper()) == number
