"""Hypothesis' strategy of files that are changed in a few places."""

import struct
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

NUMBERS: tuple[int, ...] = (0, 1, 2, 3, 4, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535)
NUMBERS += (65536, 2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1)
ACTIONS = ("set", "flip", "number", "odd number", "insert", "cut", "copy", "end")
# What to do, where (of 2**24), how far (of 256), with which number. One draw of Hypothesis gives
# them all, since a draw takes longer than most inputs.
_EDIT = struct.Struct("<BB3sI")


def edits(most: int, edit: struct.Struct = _EDIT) -> SearchStrategy[bytes]:
    """Bytes for so many edits, at most."""
    return st.binary(max_size=edit.size * most)


def mutated(
    seeds: Sequence[bytes], pieces: Sequence[bytes] = (b"",), most_edits: int = 6
) -> SearchStrategy[bytes]:
    """Changes good inputs.

    Args:
        seeds: the inputs.
        pieces: of the format, to be put in.
        most_edits: in an input.
    """

    def edited(seed: bytes, coded: bytes) -> bytes:
        content = bytearray(seed)
        for action, reach, at, number in _decoded(coded):
            begin = int.from_bytes(at, "little") * len(content) >> 24
            end = begin + int((reach / 255) ** 4 * (len(content) - begin))  # mostly near
            _edit(content, action, (begin, end, number), pieces[number % len(pieces)])
        return bytes(content)

    return st.builds(edited, st.sampled_from(seeds), edits(most_edits))


def _decoded(coded: bytes) -> Iterator[tuple[str, int, bytes, int]]:
    whole = len(coded) // _EDIT.size * _EDIT.size
    for action, reach, at, number in _EDIT.iter_unpack(coded[:whole]):
        yield ACTIONS[action % len(ACTIONS)], reach, at, number


def _edit(content: bytearray, action: str, where: tuple[int, int, int], piece: bytes) -> None:
    begin, end, number = where
    if action == "set":
        content[begin : begin + 1] = bytes([number & 255])
    elif action == "flip" and content:
        content[begin] ^= 1 << number % 8
    elif action in ("number", "odd number"):
        form = ("<I", ">I", "<H", ">H")[number % 4]
        value = number if action == "odd number" else NUMBERS[(number >> 2) % len(NUMBERS)]
        size = struct.calcsize(form)
        content[begin : begin + size] = struct.pack(form, value % 2 ** (8 * size))
    elif action == "insert":
        content[begin:begin] = piece or number.to_bytes(4, "little")[: 1 + number % 4]
    elif action == "cut":
        del content[begin:end]
    elif action == "copy":
        content[begin:begin] = content[begin:end] * (1 + number % 3)
    elif action == "end" and number % 4 == 0:
        del content[begin:]
