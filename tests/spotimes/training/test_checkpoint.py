from pathlib import Path

import numpy as np
import pytest

from spotimes.training.checkpoint import Arrays, Checkpoint

ARRAYS: Arrays = {
    "variable/0": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "variable/1": np.array(5, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "bytes": np.arange(200, 210, dtype=np.uint8),
}
FACTS = {"history": [{"epoch": 1, "loss": 0.1 + 0.2}], "stopped": False, "name": "é"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    checkpoint = Checkpoint(tmp_path / "resume/train.npz", "key")
    checkpoint.save(ARRAYS, FACTS)
    return checkpoint


def test_what_is_saved_comes_back_to_the_bit(checkpoint: Checkpoint) -> None:
    saved = Checkpoint(checkpoint.path, "key").load()
    assert saved is not None
    arrays, facts = saved
    assert facts == FACTS
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == array.tobytes()


def test_saving_again_replaces(checkpoint: Checkpoint) -> None:
    checkpoint.save({"other": np.ones(1)}, {})
    saved = checkpoint.load()
    assert saved is not None
    assert (list(saved[0]), saved[1]) == (["other"], {})
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


def test_there_is_none_before_the_first_and_after_the_last(checkpoint: Checkpoint) -> None:
    checkpoint.remove()
    assert checkpoint.load() is None
    assert not checkpoint.path.exists()
    checkpoint.remove()


@pytest.mark.parametrize("key", ["", "kez", "key "])
def test_another_runs_is_not_taken_up(checkpoint: Checkpoint, key: str) -> None:
    assert Checkpoint(checkpoint.path, key).load() is None


def test_a_part_of_one_is_not_taken_up(checkpoint: Checkpoint) -> None:
    whole = checkpoint.path.read_bytes()
    for kept in range(0, len(whole), 7):
        checkpoint.path.write_bytes(whole[:kept])
        assert checkpoint.load() is None


def test_one_with_a_wrong_byte_is_never_taken_for_another_state(checkpoint: Checkpoint) -> None:
    """A byte that nobody reads may be wrong; else there is none to take up."""
    whole = checkpoint.path.read_bytes()
    refused = 0
    directory = whole.index(b"PK\x01\x02")  # of names and sizes: no checksum covers it
    places = [*range(0, directory, 5), *range(directory, len(whole))]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x09
        checkpoint.path.write_bytes(damaged)
        saved = checkpoint.load()
        if saved is None:
            refused += 1
            continue
        assert saved[1] == FACTS
        assert {name: array.tobytes() for name, array in saved[0].items()} == {
            name: array.tobytes() for name, array in ARRAYS.items()
        }
    assert refused > len(places) / 2


@pytest.mark.parametrize("content", [b"", b"PK", b"half a file", b"\x80\x04K\x01."])
def test_another_kind_of_file_is_not_taken_up(checkpoint: Checkpoint, content: bytes) -> None:
    checkpoint.path.write_bytes(content)
    assert checkpoint.load() is None


def test_an_array_file_is_not_taken_up(checkpoint: Checkpoint) -> None:
    with checkpoint.path.open("wb") as stream:
        np.save(stream, np.ones(3))
    assert checkpoint.load() is None
