"""Checkpoints: real ones by TensorFlow, and damaged tables by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from spotimes.nn.frameworks import tf
from spotimes.pretrained.checkpoint import MAGIC_NUMBER
from spotimes.pretrained.crc32c import crc32c, masked

DATA = "data-00000-of-00001"


def saved(arrays: Mapping[str, npt.NDArray[Any]], folder: Path) -> tuple[bytes, bytes]:
    """The index and the data of a checkpoint that TensorFlow writes into the folder."""
    names = sorted(arrays)
    prefix = str(folder / "model.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(arrays[name]) for name in names],
    )
    return Path(f"{prefix}.index").read_bytes(), Path(f"{prefix}.{DATA}").read_bytes()


def varint(value: int) -> bytes:
    """A number as LevelDB and protobuf write it."""
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def block(entries: Sequence[tuple[int, bytes, bytes]], *, compression: int = 0) -> bytes:
    """A block with its trailer, of how many bytes a key shares, its others, and the value."""
    content = b""
    for shared, own, value in entries:
        content += varint(shared) + varint(len(own)) + varint(len(value)) + own + value
    content += bytes(4) + (1).to_bytes(4, "little") + bytes([compression])
    return content + masked(crc32c(content)).to_bytes(4, "little")


EMPTY = block([])


def table(*blocks: bytes, handles: Sequence[tuple[int, int]] = (), about: bytes = EMPTY) -> bytes:
    """A table of blocks, where by default they are, and of a block about blocks."""
    content, there = b"", []
    for each in blocks:
        there.append((len(content), len(each) - 5))
        content += each
    entries = [(0, b"", varint(offset) + varint(size)) for offset, size in handles or there]
    index, footer = block(entries), b""
    for each in (about, index):
        footer += varint(len(content)) + varint(len(each) - 5)
        content += each
    return content + footer.ljust(40, b"\0") + MAGIC_NUMBER
