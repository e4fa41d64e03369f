"""The tables of a .tflite file that the runtime reads: field by field, in the schema's order.

Source: tflite/converter/schema/schema.fbs of LiteRT; `ai_edge_litert.schema_py_generated` has the
same, but follows offsets without a look where they lead. What no image classifier of Spotimes has
is refused, since the runtime would read it.
"""

from typing import NamedTuple

from spotimes.inference.flatbuffer import (
    Many,
    One,
    Refused,
    Scalar,
    Table,
    Text,
    Union,
    Vector,
)

IDENTIFIER = b"TFL3"
VERSION = 3
DTYPES = {0: "float32", 2: "int32", 9: "int8"}  # by TensorType, as NumPy calls them

QUANTIZATION = Table(
    min=Vector("float32"),
    max=Vector("float32"),
    scale=Vector("float32"),
    zero_point=Vector("int64"),
    details_type=Refused("uint8"),
    details=Refused(),
    quantized_dimension=Scalar("int32"),
)
TENSOR = Table(
    shape=Vector("int32"),
    type=Scalar("int8"),
    buffer=Scalar("uint32"),
    name=Text(),
    quantization=One(QUANTIZATION),
    is_variable=Refused("bool"),
    sparsity=Refused(),
    shape_signature=Vector("int32"),
    has_rank=Scalar("bool"),
    variant_tensors=Refused(),
    external_buffer=Refused("uint32"),
)
OPERATOR = Table(
    opcode_index=Scalar("uint32"),
    inputs=Vector("int32"),
    outputs=Vector("int32"),
    builtin_options_type=Scalar("uint8"),
    builtin_options=Union(),
    custom_options=Refused(),
    custom_options_format=Refused("int8"),
    mutating_variable_inputs=Refused(),
    intermediates=Refused(),
    large_custom_options_offset=Refused("uint64"),
    large_custom_options_size=Refused("uint64"),
    builtin_options_2_type=Refused("uint8"),
    builtin_options_2=Refused(),
    debug_metadata_index=Scalar("int32", -1),
)
SUBGRAPH = Table(
    tensors=Many(TENSOR),
    inputs=Vector("int32"),
    outputs=Vector("int32"),
    operators=Many(OPERATOR),
    name=Text(),
    debug_metadata_index=Scalar("int32", -1),
)
OPERATOR_CODE = Table(
    deprecated_builtin_code=Scalar("int8"),
    custom_code=Refused(),
    version=Scalar("int32", 1),
    builtin_code=Scalar("int32"),
)
BUFFER = Table(
    data=Vector("uint8"),
    offset=Refused("uint64"),
    size=Refused("uint64"),
)
METADATA = Table(name=Text(), buffer=Scalar("uint32"))
MODEL = Table(
    version=Scalar("uint32"),
    operator_codes=Many(OPERATOR_CODE),
    subgraphs=Many(SUBGRAPH),
    description=Text(),
    buffers=Many(BUFFER),
    metadata_buffer=Vector("int32"),
    metadata=Many(METADATA),
    signature_defs=Refused(),
    external_buffer_groups=Refused(),
    external_buffers=Refused(),
)

CONV_2D_OPTIONS = Table(
    padding=Scalar("int8"),
    stride_w=Scalar("int32"),
    stride_h=Scalar("int32"),
    fused_activation_function=Scalar("int8"),
    dilation_w_factor=Scalar("int32", 1),
    dilation_h_factor=Scalar("int32", 1),
    quantized_bias_type=Scalar("int8"),
)
DEPTHWISE_CONV_2D_OPTIONS = Table(
    padding=Scalar("int8"),
    stride_w=Scalar("int32"),
    stride_h=Scalar("int32"),
    depth_multiplier=Scalar("int32"),
    fused_activation_function=Scalar("int8"),
    dilation_w_factor=Scalar("int32", 1),
    dilation_h_factor=Scalar("int32", 1),
)
FULLY_CONNECTED_OPTIONS = Table(
    fused_activation_function=Scalar("int8"),
    weights_format=Refused("int8"),
    keep_num_dims=Scalar("bool"),
    asymmetric_quantize_inputs=Refused("bool"),
    quantized_bias_type=Scalar("int8"),
    quant_spec=Refused(),
)
ADD_OPTIONS = Table(
    fused_activation_function=Scalar("int8"),
    pot_scale_int16=Scalar("bool", True),
)
SOFTMAX_OPTIONS = Table(beta=Scalar("float32", 0.0))
REDUCER_OPTIONS = Table(keep_dims=Scalar("bool"))


class Kind(NamedTuple):
    """A kind of operators.

    Attributes:
        name: the schema's, in BuiltinOperator.
        options_type: the number of its options in BuiltinOptions; 0 if it has none.
        options: their fields.
    """

    name: str
    options_type: int = 0
    options: Table = Table()


# By BuiltinOperator. A block of a new kind may bring another one: with its check in `operators`.
KINDS = {
    0: Kind("ADD", 11, ADD_OPTIONS),
    3: Kind("CONV_2D", 1, CONV_2D_OPTIONS),
    4: Kind("DEPTHWISE_CONV_2D", 2, DEPTHWISE_CONV_2D_OPTIONS),
    9: Kind("FULLY_CONNECTED", 8, FULLY_CONNECTED_OPTIONS),
    19: Kind("RELU"),
    21: Kind("RELU6"),
    25: Kind("SOFTMAX", 9, SOFTMAX_OPTIONS),
    40: Kind("MEAN", 27, REDUCER_OPTIONS),
}
