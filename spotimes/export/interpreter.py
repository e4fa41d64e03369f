"""What TensorFlow Lite Micro needs of a model, for a program that has its interpreter already.

The .tflite file as an array that is aligned as the interpreter wants it, the operators to register,
and the size of the arena.
"""

from spotimes.export.source import KERNELS, Sources, array
from spotimes.tflite.arena import Arena
from spotimes.tflite.tflite_file import TFLiteFile

# By their names in the schema, their methods of a MicroMutableOpResolver.
METHODS = {
    "ADD": "AddAdd",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "MEAN": "AddMean",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "SOFTMAX": "AddSoftmax",
}


def written(content: bytes, arena: Arena) -> Sources:
    """Writes a .tflite file as C.

    Args:
        content: the file.
        arena: what it takes.

    Returns:
        spotimes_tflite.h and spotimes_tflite.c.
    """
    operators = TFLiteFile(content).operators()
    size = f"#define SPOTIMES_TFLITE_ARENA_BYTES {arena.bytes}"
    header = (KERNELS / "tflite.h").read_text()
    for key, text in {
        "arena": size if arena.bytes is not None else f"/* The arena: {arena.note}. */",
        "bytes": str(len(content)),
        "count": str(len(operators)),
        "operators": "\n".join(f"    resolver.{METHODS[name]}();" for name in operators),
    }.items():
        header = header.replace(f"@{key}@", text)
    values = "\n".join(array("uint8_t", "spotimes_tflite", list(content), is_static=False))
    return Sources(header, (KERNELS / "tflite.c").read_text().replace("@model@", values))
