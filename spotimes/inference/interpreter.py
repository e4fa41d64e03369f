"""LiteRT's interpreter: loading a .tflite file, filling its inputs and running it."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from spotimes.errors import InputError
from spotimes.inference.verification import MOST_BYTES, Graph, verify
from spotimes.pixels import PLAIN, Images, Normalization, to_float32, to_int8
from spotimes.system import native_stderr

# What LiteRT says of an input: among others its `index`, `shape`, `dtype` and `quantization`.
Details = Mapping[str, Any]


def load_interpreter(path: Path, threads: int = 1, *, keep_tensors: bool = False) -> Any:
    """Loads a .tflite file, ready to invoke, once it is verified.

    Args:
        path: the file.
        threads: of the runtime, at least 1.
        keep_tensors: keep what each operator writes, to be read after `invoke`. XNNPACK, which
            keeps nothing, is then not used; TensorFlow Lite's own kernels round otherwise, so that
            a few INT8 answers differ.

    Returns:
        A LiteRT interpreter whose tensors are allocated.

    Raises:
        InputError: the file is missing, or is none that can be run, as
            `spotimes.inference.verification.verify` finds.

    Example:
        >>> interpreter = load_interpreter(Path("models/model_int8.tflite"))
        >>> fill_inputs(interpreter, zeros)
        >>> invoke(interpreter, "models/model_int8.tflite")
    """
    content, _ = read_verified(path)
    return interpreter_of(content, path, threads, keep_tensors=keep_tensors)


class Verified(NamedTuple):
    """A .tflite file that is safe to run.

    Attributes:
        content: the file.
        graph: what it computes.
    """

    content: bytes
    graph: Graph


def read_verified(path: Path) -> Verified:
    """Reads a .tflite file and verifies it.

    Raises:
        InputError: as for `load_interpreter`.
    """
    content = _content(path)
    return Verified(content, verify(content, path))


def interpreter_of(
    content: bytes, path: Path, threads: int = 1, *, images: int = 1, keep_tensors: bool = False
) -> Any:
    """Makes an interpreter of a .tflite file that is verified, as `load_interpreter` does.

    Args:
        content: the file.
        path: what it is called in messages.
        threads: as for `load_interpreter`.
        images: how many each input is to hold, in place of one.
        keep_tensors: as for `load_interpreter`.

    Raises:
        InputError: LiteRT cannot run it.
    """
    resolver = (
        OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if keep_tensors else OpResolverType.AUTO
    )
    try:
        with native_stderr.captured():  # where LiteRT writes that it was loaded
            interpreter = Interpreter(
                model_content=content,  # not the path, where another file may lie by now
                num_threads=threads,
                experimental_op_resolver_type=resolver,
                experimental_preserve_all_tensors=keep_tensors,
            )
            if images > 1:
                for details in interpreter.get_input_details():
                    shape = [images, *details["shape"][1:]]
                    interpreter.resize_tensor_input(details["index"], shape)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is no .tflite file that LiteRT can run: {reason}") from error
    return interpreter


def _content(path: Path) -> bytes:
    if not os.path.isfile(path):  # noqa: PTH113  # Path's raises where it may not look
        what = "is no file" if os.path.lexists(path) else "no such file"
        raise InputError(f"{path}: {what}; name a .tflite file")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); permit it") from error
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{path}: is larger than {MOST_BYTES >> 20} MiB, the most that is read; name a smaller "
            ".tflite file"
        )
    return content


def fill_inputs(interpreter: Any, value: Callable[[Details], npt.NDArray[Any]]) -> None:
    """Gives each input what `value` makes of its details, such as `zeros`."""
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], value(details))


def invoke(interpreter: Any, name: object) -> None:
    """Runs the model on its inputs once.

    Raises:
        InputError: the runtime fails; the message begins with `name`.
    """
    try:
        interpreter.invoke()
    except RuntimeError as error:
        raise InputError(f"{name} cannot be run: {' '.join(str(error).split())}") from error


def zeros(details: Details) -> npt.NDArray[Any]:
    """An input's tensor of zeros."""
    return np.zeros(details["shape"], details["dtype"])


def noise(details: Details, generator: np.random.Generator) -> npt.NDArray[Any]:
    """An input's tensor of random values: floats from 0 to 1, or whole bytes."""
    dtype: np.dtype[Any] = np.dtype(details["dtype"])
    shape = tuple(details["shape"])
    if dtype.kind == "f":
        return generator.random(shape).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize == 1:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    # Wider integers may be indices, of which only 0 is certain to be allowed.
    return zeros(details)


def as_input(
    images: Images, dtype: npt.DTypeLike, normalization: Normalization = PLAIN
) -> npt.NDArray[Any]:
    """Pixels as a network with inputs of this dtype takes them: int8 or float32, any shape."""
    return to_int8(images) if dtype == np.int8 else to_float32(images, normalization)
