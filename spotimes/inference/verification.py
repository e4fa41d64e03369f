"""Verifies a .tflite file before the runtime sees it.

The runtime trusts a file: it follows offsets and indices wherever they lead, allocates what shapes
say, and its kernels end the process where they meet what no converter writes. A file may be
damaged, or made to do harm.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.inference.flatbuffer import DamagedError, Reader
from spotimes.inference.operators import CHECKS, ITEMSIZE, Tensor
from spotimes.inference.tflite_schema import DTYPES, IDENTIFIER, KINDS, MODEL, VERSION, Kind

# A model of Spotimes has a thousandth of these.
MOST_BYTES = 256 * 2**20  # of the file, and of all tensors together
MOST_STEPS = 10**10  # multiply-accumulates of an inference: 1 to 4 s on a Zen 1
# What the runtime makes of other entries of metadata, such as the order of operators, is its own.
METADATA = {"min_runtime_version", "CONVERSION_METADATA", "TFLITE_METADATA"}
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-60, 2.0**60
NO_TENSOR = -1  # an index for an input that is optional
_NONE = np.empty(0)


class Operator(NamedTuple):
    """An operator of a model's graph.

    Attributes:
        kind: the schema's name, such as `CONV_2D`.
        inputs: its tensors' indices.
        output: that of the one tensor which it computes.
        options: by the schema's names; None if its kind has none.
    """

    kind: str
    inputs: list[int]
    output: int
    options: Any


class Graph(NamedTuple):
    """A model's graph, verified.

    Attributes:
        tensors: all of them, by index.
        operators: in the order in which they are computed.
        outputs: the model's, indices of tensors.
    """

    tensors: list[Tensor]
    operators: list[Operator]
    outputs: list[int]


def verify(content: bytes, where: object) -> Graph:
    """Verifies all that the runtime reads of a model, and gives what was read.

    Args:
        content: a .tflite file.
        where: the file's name in messages.

    Raises:
        InputError: an offset, a size or an index leads nowhere; a shape, a type, a scale or an
            option is none that the runtime's kernels expect; an operator is none of those that a
            network of Spotimes has; or it needs too much memory or time.
    """
    try:
        reader = Reader(content)
        return _checked(reader, reader.root(IDENTIFIER, MODEL))
    except DamagedError as error:
        raise InputError(
            f"{where}: is no .tflite file that can be run: {error}; give one that Spotimes' "
            "quantize stage writes"
        ) from error


def _checked(reader: Reader, model: Any) -> Graph:
    if model.version != VERSION:
        raise DamagedError(f"version {model.version} is not {VERSION}")
    if len(model.subgraphs) != 1:
        raise DamagedError(f"it has {len(model.subgraphs)} graphs, not one")
    (graph,) = model.subgraphs
    if not graph.tensors or not graph.operators or not model.buffers:
        raise DamagedError("it has no tensors, no operators or no buffers")
    named = [entry.name for entry in model.metadata]
    if not set(named) <= METADATA or len(set(named)) < len(named):
        raise DamagedError(f"its metadata are not some of {', '.join(sorted(METADATA))}")
    held = sum(
        len(_data(model, entry.buffer, f"metadata {entry.name}")) for entry in model.metadata
    )
    tensors = []
    for index, table in enumerate(graph.tensors):
        tensor = _tensor(model, table, f"tensor {index}")
        held += tensor.bytes + 16 * len(tensor.scale)  # the runtime keeps them in two forms
        _check_bytes(held)
        tensors.append(tensor)
    return _checked_graph(reader, model, tensors, held)


def _data(model: Any, index: int, where: str) -> npt.NDArray[np.uint8]:
    if index >= len(model.buffers):
        raise DamagedError(f"{where}: there is no buffer {index}")
    data = model.buffers[index].data
    return np.empty(0, np.uint8) if data is None else data


def _tensor(model: Any, table: Any, where: str) -> Tensor:
    dtype = DTYPES.get(table.type)
    if dtype is None:
        raise DamagedError(f"{where}: its type, {table.type}, is not float32, int32 or int8")
    shape = () if table.shape is None else tuple(table.shape.tolist())
    if not 1 <= len(shape) <= 4 or min(shape) < 1:
        raise DamagedError(f"{where}: its shape, {_listed(shape)}, has not 1 to 4 positive sides")
    signature = table.shape_signature
    if signature is not None and (
        len(signature) != len(shape)
        or any(
            side not in (-1, known) for side, known in zip(signature.tolist(), shape, strict=True)
        )
    ):
        raise DamagedError(f"{where}: its shape_signature is of another shape")
    data = _data(model, table.buffer, where)
    size = math.prod(shape) * ITEMSIZE[dtype]
    if len(data) not in (0, size):
        raise DamagedError(f"{where}: its buffer has {len(data):,} bytes, its shape {size:,}")
    values = data.view(dtype) if len(data) else None
    if values is not None and not values.flags.aligned:
        raise DamagedError(f"{where}: its buffer begins at no multiple of {ITEMSIZE[dtype]}")
    return Tensor(shape, dtype, *_quantization(table.quantization, shape, dtype, where), values)


def _quantization(
    table: Any, shape: tuple[int, ...], dtype: str, where: str
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int]:
    """Scales, zero points, and the axis that they are along."""
    scale = _NONE if table is None or table.scale is None else table.scale
    zero_point = _NONE if table is None or table.zero_point is None else table.zero_point
    if not len(scale) and not len(zero_point):
        return scale, zero_point, 0
    axis = table.quantized_dimension
    if not 0 <= axis < len(shape) or len(scale) not in (1, shape[axis]):
        raise DamagedError(f"{where}: has {len(scale)} scales, not one, nor one a channel")
    if len(zero_point) != len(scale):
        raise DamagedError(f"{where}: has {len(scale)} scales and {len(zero_point)} zero points")
    if not _is_within(scale, SMALLEST_SCALE, LARGEST_SCALE):
        raise DamagedError(f"{where}: a scale is none from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}")
    lowest, highest = (-128, 127) if dtype == "int8" else (0, 0)
    if not _is_within(zero_point, lowest, highest):
        raise DamagedError(f"{where}: a zero point is not within {lowest} to {highest}")
    return scale, zero_point, axis


def _is_within(values: npt.NDArray[Any], lowest: float, highest: float) -> bool:
    return bool(values.min() >= lowest and values.max() <= highest)  # not so where one is NaN


def _checked_graph(reader: Reader, model: Any, tensors: list[Tensor], held: int) -> Graph:
    (graph,) = model.subgraphs
    inputs = _indices(graph.inputs, tensors, "the inputs")
    known = {index for index, tensor in enumerate(tensors) if tensor.values is not None}
    if known & set(inputs):
        raise DamagedError("an input of the model is a constant")
    known |= set(inputs)
    kinds = [_kind(code, f"operator code {n}") for n, code in enumerate(model.operator_codes)]
    computed = set()
    operators = []
    steps = 0
    for number, operator in enumerate(graph.operators):
        if operator.opcode_index >= len(kinds):
            raise DamagedError(f"operator {number}: there is no code {operator.opcode_index}")
        kind = kinds[operator.opcode_index]
        where = f"operator {number} ({kind.name})"
        if operator.builtin_options_type != kind.options_type or (
            (operator.builtin_options is None) != (kind.options_type == 0)
        ):
            raise DamagedError(f"{where}: its options are not those of its kind")
        options = None
        if operator.builtin_options is not None:
            options = reader.table(operator.builtin_options, kind.options, where)
        sources = _indices(_given(operator, kind), tensors, f"{where}: its inputs", distinct=False)
        if not known.issuperset(sources):
            raise DamagedError(f"{where}: an input of it is not computed before")
        targets = _indices(operator.outputs, tensors, f"{where}: its outputs")
        if len(targets) != 1 or not known.isdisjoint(targets):
            raise DamagedError(f"{where}: has not one output that is computed here alone")
        known |= set(targets)
        computed |= set(targets)
        operators.append(Operator(kind.name, sources, targets[0], options))
        try:
            cost = CHECKS[kind.name](
                [tensors[index] for index in sources], tensors[targets[0]], options
            )
        except DamagedError as error:
            raise DamagedError(f"{where}: {error}") from error
        held += cost.kept
        _check_bytes(held + cost.scratch)
        steps += cost.steps
        if steps > MOST_STEPS:
            raise DamagedError(f"an inference takes more than {MOST_STEPS:,} steps")
    outputs = _indices(graph.outputs, tensors, "the outputs")
    if not computed.issuperset(outputs):
        raise DamagedError("an output of the model is not computed")
    return Graph(tensors, operators, outputs)


def _given(operator: Any, kind: Kind) -> npt.NDArray[np.int32] | None:
    """An operator's inputs without a bias that is left out, as the converter leaves out zeros."""
    inputs: npt.NDArray[np.int32] | None = operator.inputs
    if kind.name == "FULLY_CONNECTED" and inputs is not None and inputs[2:].tolist() == [NO_TENSOR]:
        return inputs[:2]
    return inputs


def _kind(code: Any, where: str) -> Kind:
    # The older of the two fields holds what fits into it; the runtime takes the larger, too.
    number = max(code.builtin_code, code.deprecated_builtin_code)
    if number not in KINDS:
        names = ", ".join(kind.name for kind in KINDS.values())
        raise DamagedError(f"{where}: {number} is none of {names}")
    return KINDS[number]


def _indices(
    found: npt.NDArray[np.int32] | None,
    tensors: Sequence[Tensor],
    where: str,
    *,
    distinct: bool = True,
) -> list[int]:
    indices: list[int] = [] if found is None else found.tolist()
    if not indices or min(indices) < 0 or max(indices) >= len(tensors):
        raise DamagedError(f"{where} are not some of its {len(tensors)} tensors")
    if distinct and len(set(indices)) < len(indices):
        raise DamagedError(f"{where} hold a tensor twice")
    return indices


def _check_bytes(count: int) -> None:
    if count > MOST_BYTES:
        raise DamagedError(f"its tensors take more than {MOST_BYTES >> 20} MiB")


def _listed(shape: tuple[int, ...]) -> str:
    return str(list(shape[:5]))
