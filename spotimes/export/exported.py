"""A .tflite file, exported."""

from pathlib import Path
from typing import NamedTuple

from spotimes.errors import InputError
from spotimes.export import graph, source
from spotimes.export.graph import Network
from spotimes.export.plan import Plan, plan
from spotimes.export.source import Sources
from spotimes.inference.contract import read_contract


class Exported(NamedTuple):
    """A model as C.

    Attributes:
        network: what the model computes.
        plan: where its feature maps lie.
        sources: the C.
    """

    network: Network
    plan: Plan
    sources: Sources


class Ram(NamedTuple):
    """The RAM that a model takes as C.

    Attributes:
        bytes: without the image and the stack, or None where it cannot be exported.
        note: why not, or None.
    """

    bytes: int | None
    note: str | None


def ram(content: bytes) -> Ram:
    """Plans the memory of a .tflite file."""
    try:
        return Ram(plan(graph.read(content, "the model")).arena_bytes, None)
    except InputError as error:
        return Ram(None, str(error))


def exported(path: Path) -> Exported:
    """Exports an INT8 .tflite file that Spotimes wrote.

    Raises:
        InputError: it cannot be read, is no such file, or has what cannot be exported.
    """
    contract = read_contract(path)
    network = graph.read(path.read_bytes(), path)
    planned = plan(network)
    try:
        return Exported(network, planned, source.written(network, planned, contract))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
