"""Looks into a .tflite file: its bytes by part, operators, multiply-accumulates, its types."""

import io
import math
import zipfile
from collections import Counter
from collections.abc import Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from spotimes.errors import InputError
from spotimes.tflite.metadata import NAME as METADATA

INTEGER_TYPES = {schema.TensorType.INT8, schema.TensorType.INT32}
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE", "CAST"}
PER_CHANNEL = {"CONV_2D", "DEPTHWISE_CONV_2D"}
TYPE_NAMES = {value: name for name, value in vars(schema.TensorType).items()}


class TFLiteFile:
    """A .tflite file of one subgraph.

    Args:
        content: the file.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
        (self.graph,) = self.model.subgraphs

    def bytes_by_part(self) -> dict[str, int]:
        """Counts the file's bytes.

        Returns:
            `file`: all; `weights`: constants, biases too; `quantization`: scales (4 bytes each) and
            zero points (8 bytes each), once where tensors share them; `metadata`: class names and
            input contract; `rest`: the graph's structure. The last four add up to the first.
        """
        weights = sum(len(self._data(tensor)) for tensor in self._constants())
        quantization = self._quantization_bytes()
        metadata = self._associated_files_bytes() + sum(
            len(self.model.buffers[entry.buffer].data)
            for entry in self.model.metadata or []
            if entry.name == METADATA
        )
        rest = len(self.content) - weights - quantization - metadata
        return {
            "file": len(self.content),
            "weights": weights,
            "quantization": quantization,
            "metadata": metadata,
            "rest": rest,
        }

    def operators(self) -> dict[str, int]:
        """How often each operator occurs, by its name in TensorFlow Lite's schema."""
        return dict(sorted(Counter(name for name, _ in self._operators()).items()))

    def operator_names(self) -> list[str]:
        """The operators' names in their order."""
        return [name for name, _ in self._operators()]

    def parameters(self) -> int:
        """How many weights and biases the operators have."""
        return sum(
            math.prod(_shape(tensor))
            for name, operator in self._operators()
            if name in MACS_OF_KERNEL
            for tensor in (self.graph.tensors[index] for index in operator.inputs[1:])
        )

    def macs(self) -> int:
        """Multiply-accumulates of one inference: those of convolutions and dense layers.

        A convolution does as many as its kernel has weights, for each pixel of its output (of the
        weights of one output channel, for each element of it); a dense layer one a weight.
        """
        total = 0
        for name, operator in self._operators():
            if name in MACS_OF_KERNEL:
                kernel = _shape(self.graph.tensors[operator.inputs[1]])
                output = _shape(self.graph.tensors[operator.outputs[0]])
                total += math.prod(output) * MACS_OF_KERNEL[name](kernel)
        return total

    def check_integer(self) -> None:
        """Audits that nothing in the graph is a float.

        Raises:
            InputError: naming the first tensor that is neither INT8 nor INT32, operator that
                converts between types, convolution whose weights have one scale for all channels,
                or input or output that is not INT8.
        """
        for index, tensor in enumerate(self.graph.tensors):
            if tensor.type not in INTEGER_TYPES:
                raise InputError(
                    f"INT8 audit: tensor {index} of shape {_shape(tensor)} is "
                    f"{TYPE_NAMES[tensor.type]}, not INT8 or INT32"
                )
        for name, operator in self._operators():
            if name in CONVERSIONS:
                raise InputError(f"INT8 audit: operator {name} converts types between two layers")
            kernel = self.graph.tensors[operator.inputs[1]] if name in PER_CHANNEL else None
            if kernel is not None and len(kernel.quantization.scale) != max(
                kernel.shape[kernel.quantization.quantizedDimension], 1
            ):
                raise InputError(f"INT8 audit: a {name}'s weights are not quantized per channel")
        for index in [*self.graph.inputs, *self.graph.outputs]:
            if self.graph.tensors[index].type != schema.TensorType.INT8:
                raise InputError(
                    f"INT8 audit: the model's input or output {index} is "
                    f"{TYPE_NAMES[self.graph.tensors[index].type]}, not INT8"
                )

    def _operators(self) -> Iterator[tuple[str, schema.OperatorT]]:
        for operator in self.graph.operators:
            code = self.model.operatorCodes[operator.opcodeIndex]
            yield (
                flatbuffer_utils.opcode_to_name(self.model, operator.opcodeIndex)
                or str(code.builtinCode),
                operator,
            )

    def _constants(self) -> Iterator[schema.TensorT]:
        return (tensor for tensor in self.graph.tensors if len(self._data(tensor)))

    def _quantization_bytes(self) -> int:
        graph = schema.Model.GetRootAs(self.content).Subgraphs(0)
        vectors = {}
        for index in range(graph.TensorsLength()):
            if quantization := graph.Tensors(index).Quantization():
                for vector in (quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()):
                    if isinstance(vector, np.ndarray):  # 0 stands for none
                        vectors[vector.ctypes.data] = vector.nbytes
        return sum(vectors.values())

    def _data(self, tensor: schema.TensorT) -> bytes:
        data = self.model.buffers[tensor.buffer].data
        return b"" if data is None else data

    def _associated_files_bytes(self) -> int:
        if not zipfile.is_zipfile(io.BytesIO(self.content)):
            return 0
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return len(self.content) - min(item.header_offset for item in archive.infolist())


# Multiply-accumulates for one element of the output, by the kernel's shape.
MACS_OF_KERNEL = {
    "CONV_2D": lambda kernel: math.prod(kernel[1:]),  # (out, height, width, in)
    "DEPTHWISE_CONV_2D": lambda kernel: math.prod(kernel[1:3]),  # (1, height, width, channels)
    "FULLY_CONNECTED": lambda kernel: kernel[1],  # (out, in)
}


def _shape(tensor: schema.TensorT) -> list[int]:
    return [int(side) for side in tensor.shape]  # of int32, which a product would overflow
