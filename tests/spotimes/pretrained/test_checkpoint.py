from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spotimes.errors import InputError
from spotimes.pretrained.checkpoint import MOST_INDEX_BYTES, read_tensors
from tests.spotimes.pretrained.checkpoints import block, saved, table, varint

pytestmark = pytest.mark.usefixtures("reseed")  # else TensorFlow makes its pools by itself

GENERATOR = np.random.default_rng(1)
ARRAYS: dict[str, npt.NDArray[Any]] = {
    "net/stem/kernel": GENERATOR.normal(size=(3, 3, 2, 4)).astype(np.float32),
    "net/stem/kernel/Average": GENERATOR.normal(size=(3, 3, 2, 4)).astype(np.float32),
    "net/bias": GENERATOR.normal(size=5).astype(np.float32),
    "rate": np.array(0.5, np.float32),
    "step": np.array(7, np.int64),
}
NAMES = ["rate", "net/stem/kernel/Average", "net/bias", "net/stem/kernel"]
HEADER = (0, b"", b"\x08\x01")  # one file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    return saved(ARRAYS, tmp_path_factory.mktemp("checkpoint"))


def test_variables_come_in_the_order_and_shapes_asked_for(files: tuple[bytes, bytes]) -> None:
    for name, found in zip(NAMES, read_tensors(*files, NAMES, "file"), strict=True):
        assert found.dtype == np.float32
        assert found.shape == ARRAYS[name].shape
        np.testing.assert_array_equal(found, ARRAYS[name])


def test_an_index_of_several_blocks_is_read(tmp_path: Path) -> None:
    # TensorFlow begins a new block after 256 KiB.
    arrays = {f"{number:04}{'x' * 240}": np.array([number], np.float32) for number in range(1200)}
    index, data = saved(arrays, tmp_path)
    assert len(index) > 1 << 18
    found = read_tensors(index, data, list(arrays)[::50], "file")
    assert [float(array[0]) for array in found] == list(range(0, 1200, 50))


def refusal(index: bytes, data: bytes = b"", names: Sequence[str] = ("a",)) -> str:
    with pytest.raises(InputError) as caught:
        read_tensors(index, data, names, "model.ckpt")
    message = str(caught.value)
    assert message.startswith("model.ckpt: cannot be read as TensorFlow's checkpoint: ")
    assert "\n" not in message
    return message


def test_every_truncated_file_is_refused(files: tuple[bytes, bytes]) -> None:
    index, data = files
    for length in range(len(index)):
        refusal(index[:length], data, NAMES)
    # The last variable that the file holds, `step`, is not asked for.
    for length in range(0, len(data) - 8, 9):
        refusal(index, data[:length], NAMES)


def test_a_flipped_byte_is_refused_where_it_could_matter(files: tuple[bytes, bytes]) -> None:
    index, data = files
    for position in range(len(index)):
        flipped = bytearray(index)
        flipped[position] ^= 0x10
        try:  # the zeros before the footer's magic number mean nothing
            found = read_tensors(bytes(flipped), data, NAMES, "file")
        except InputError:
            continue
        assert position >= len(index) - 48
        np.testing.assert_array_equal(found[3], ARRAYS["net/stem/kernel"])
    for position in range(0, len(data) - 8, 9):
        flipped = bytearray(data)
        flipped[position] ^= 0x10
        assert "the data are damaged: the checksum of" in refusal(index, bytes(flipped), NAMES)


def test_only_float32_is_read(files: tuple[bytes, bytes]) -> None:
    assert "step is not float32, or is in parts" in refusal(*files, ["step"])


def test_a_missing_variable_is_named(files: tuple[bytes, bytes]) -> None:
    assert "has no variable net/stem" in refusal(*files, ["net/stem"])


def number(field: int, value: int) -> bytes:
    return varint(8 * field) + varint(value)


def entry(*, sides: Sequence[int] = (2,), offset: int = 0, size: int = 8) -> bytes:
    axes = b"".join(b"\x12" + varint(len(number(1, side))) + number(1, side) for side in sides)
    shape = b"\x12" + varint(len(axes)) + axes
    return number(1, 1) + shape + number(4, offset) + number(5, size) + b"\x35" + bytes(4)


LARGE = 1 << 62


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (entry(size=12), "a has 12 bytes, which its shape does not need"),
        (entry(sides=[LARGE], size=4), "a has 4 bytes, which its shape does not need"),
        (entry(sides=[0, LARGE], size=0), "a has 0 bytes, which its shape does not need"),
        (entry(sides=[1] * 9, size=4), "a has 4 bytes, which its shape does not need"),
        (entry(sides=[LARGE], size=4 * LARGE - 1), "which its shape does not need"),
        (entry(sides=[1 << 40], size=4 << 40), "the data have fewer bytes than the variables"),
        (entry(offset=1), "the data are truncated: a lies outside them"),
        (entry(offset=LARGE), "the data are truncated: a lies outside them"),
        (entry(), "the data are damaged: the checksum of a is wrong"),
        (entry() + number(7, 0), "a is not float32, or is in parts"),
        (number(1, 1) + number(2, 5), "holds a number where a message belongs"),
        (b"\x0a\x00", "holds bytes where a number belongs"),
        (b"\x0a\x7f", "the index is truncated or damaged"),
        (b"\x0f", "holds what is no message of protobuf"),
        (b"\x08" + b"\xff" * 12, "a number of more than 64 bits"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(value: bytes, reason: str) -> None:
    assert reason in refusal(table(block([HEADER, (0, b"a", value)])), bytes(8))


FIRST, SECOND = block([HEADER, (0, b"a", entry())]), block([(0, b"b", entry())])
MANY_KEYS = [HEADER, (0, b"k" * 200, b""), *[(200, b"k" * 99, b"")]]


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (table(block([HEADER], compression=1)), "compressed by Snappy, which is not read here"),
        (table(block([HEADER], compression=2)), "compressed in way 2, which is not read here"),
        (table(SECOND, FIRST), "the index is not sorted"),
        (table(FIRST, handles=[(0, len(FIRST) - 5)] * 2), "the index has blocks that overlap"),
        (table(FIRST, handles=[(LARGE, LARGE)]), "a block that lies outside it"),
        (table(FIRST, handles=[(0, 0)]), "a block's checksum is wrong"),
        (table(block([(1, b"a", b"")])), "a key of more than 256 bytes"),
        (table(block(MANY_KEYS)), "a key of more than 256 bytes"),
        (table(block([(0, b"", number(1, 2))])), "the data are in 2 files"),
        (table(block([(0, b"a", entry())])), "the data are in 0 files"),
        (table(block([(0, b"", number(1, 1) + number(2, 1))])), "the data are big-endian"),
        (table(FIRST, about=SECOND), "blocks about blocks, which TensorFlow does not write"),
        (bytes(MOST_INDEX_BYTES + 1), "the index has 1048577 bytes, more than 1048576"),
        (b"<html>", "the index does not end as one"),
        (b"", "the index does not end as one"),
    ],
)
def test_an_index_that_cannot_be_is_refused(index: bytes, reason: str) -> None:
    assert reason in refusal(index, bytes(8))
