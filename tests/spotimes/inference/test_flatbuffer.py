import random
import struct

import pytest

from spotimes.inference import flatbuffer
from spotimes.inference.flatbuffer import (
    DamagedError,
    Many,
    Reader,
    Refused,
    Scalar,
    Table,
    Text,
    Union,
    Vector,
)
from spotimes.inference.tflite_schema import IDENTIFIER, MODEL
from tests.fuzz.small_models import small_model

LEAF = Table(number=Scalar("uint8", 7))
ROOT = Table(
    name=Text(),
    values=Vector("int32"),
    leaves=Many(LEAF),
    other=Union(),
    never=Refused("uint8"),
)
# A root of one field, by hand: identifier, directory, table; the field's place is for the tests.
HEAD = struct.pack("<I4s", 16, b"TEST")


def one_field(slot: int, value: bytes, behind: bytes = b"") -> bytes:
    """A file whose root has a field of four bytes, and bytes that follow it at 24."""
    slots = [0] * slot + [4]
    directory = struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), 8, *slots)
    place = 24 + len(behind)
    table = struct.pack("<i4s", 16 - place, value)
    return HEAD + bytes(8) + table + behind + directory


def read(content: bytes) -> object:
    return Reader(content).root(b"TEST", ROOT)


def test_what_is_missing_has_its_default() -> None:
    root = Reader(one_field(9, bytes(4))).root(b"TEST", ROOT)
    assert vars(root) == {"name": None, "values": None, "leaves": (), "other": None, "never": None}


def test_what_is_there_is_read() -> None:
    content = one_field(1, struct.pack("<I", 4), struct.pack("<Iii", 2, -5, 6))
    root = Reader(content).root(b"TEST", ROOT)
    assert root.values.tolist() == [-5, 6]
    root = Reader(one_field(0, struct.pack("<I", 4), b"\3\0\0\0cat\0")).root(b"TEST", ROOT)
    assert root.name == "cat"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as one, with TEST at byte 4"),
        (b"\x10\0\0\0NONE", "does not begin as one"),
        (struct.pack("<I4s", 2**32 - 4, b"TEST"), "root: bytes .* are not within the file's 8"),
        (struct.pack("<I4s", 6, b"TEST") + bytes(8), "root: begins at byte 6, no multiple of 4"),
        (HEAD + bytes(8) + struct.pack("<ii", 2**30, 0), "root: bytes -"),
        (one_field(1, struct.pack("<I", 2**31)), r"root\.values: bytes "),
        (one_field(1, struct.pack("<I", 4), struct.pack("<Ii", 9, 1)), r"root\.values: bytes "),
        (one_field(0, struct.pack("<I", 4), b"\3\0\0\0cats"), "does not end with a NUL"),
        (one_field(0, struct.pack("<I", 4), b"\3\0\0\0c\xfft\0"), "is not UTF-8"),
        (one_field(0, struct.pack("<I", 4), b"\3\0\0\0c\0t\0"), "has a NUL"),
        (one_field(4, b"\1\0\0\0"), r"root\.never: is nothing that is read here"),
    ],
)
def test_what_lies_wrong_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        read(content)


def test_a_field_outside_of_its_table_is_refused() -> None:
    content = bytearray(one_field(1, bytes(4)))
    content[-2:] = b"\5\0"
    with pytest.raises(DamagedError, match=r"root\.values: lies outside of its table"):
        read(bytes(content))


def test_tables_that_are_shared_many_times_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte of offsets to one table would else stand for any number."""
    leaf = struct.pack("<HHi", 4, 4, 4)
    count = 50
    offsets = b"".join(struct.pack("<I", 4 * (count - index) + 4) for index in range(count))
    content = one_field(2, struct.pack("<I", 4), struct.pack("<I", count) + offsets + leaf)
    assert len(Reader(content).root(b"TEST", ROOT).leaves) == count
    monkeypatch.setattr(flatbuffer, "MOST_TABLES", count)
    with pytest.raises(DamagedError, match="more than 50 tables"):
        read(content)


def test_no_changed_byte_raises_anything_else() -> None:
    whole = small_model(True)
    generator = random.Random(1)
    refused = 0
    for _ in range(3000):
        content = bytearray(whole[: generator.choice((len(whole), generator.randrange(1500)))])
        for _ in range(min(len(content), generator.randint(1, 3))):
            content[generator.randrange(len(content))] = generator.choice((0, 1, 127, 128, 255))
        try:
            Reader(bytes(content)).root(IDENTIFIER, MODEL)
        except DamagedError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 1000 < refused < 3000
