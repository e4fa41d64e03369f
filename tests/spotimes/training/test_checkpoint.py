from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.blocks import Architecture
from spotimes.nn.frameworks import keras
from spotimes.nn.network import build
from spotimes.training.checkpoint import Arrays, Checkpoint, Resume
from spotimes.training.kept_weights import AverageWeights
from spotimes.training.progress import History

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
def test_another_runs_is_ignored(checkpoint: Checkpoint, key: str) -> None:
    assert Checkpoint(checkpoint.path, key).load() is None


def test_a_part_of_one_is_ignored(checkpoint: Checkpoint) -> None:
    whole = checkpoint.path.read_bytes()
    for kept in range(0, len(whole), 7):
        checkpoint.path.write_bytes(whole[:kept])
        assert checkpoint.load() is None


def test_one_with_a_wrong_byte_is_never_taken_for_another_state(checkpoint: Checkpoint) -> None:
    """A byte that nobody reads may be wrong; else there is no state."""
    whole = checkpoint.path.read_bytes()
    refused = 0
    directory = whole.index(b"PK\x01\x02")  # of names and sizes, which no checksum covers
    indices = [*range(0, directory, 5), *range(directory, len(whole))]
    for index in indices:
        damaged = bytearray(whole)
        damaged[index] ^= 0x09
        checkpoint.path.write_bytes(damaged)
        saved = checkpoint.load()
        if saved is None:
            refused += 1
            continue
        assert saved[1] == FACTS
        assert {name: array.tobytes() for name, array in saved[0].items()} == {
            name: array.tobytes() for name, array in ARRAYS.items()
        }
    assert refused > len(indices) / 2


@pytest.mark.parametrize("content", [b"", b"PK", b"half a file", b"\x80\x04K\x01."])
def test_another_kind_of_file_is_ignored(checkpoint: Checkpoint, content: bytes) -> None:
    checkpoint.path.write_bytes(content)
    assert checkpoint.load() is None


def test_an_array_file_is_ignored(checkpoint: Checkpoint) -> None:
    with checkpoint.path.open("wb") as stream:
        np.save(stream, np.ones(3))
    assert checkpoint.load() is None


def test_a_new_run_has_nothing_to_resume(tmp_path: Path) -> None:
    resume = Resume(Checkpoint(tmp_path / "none.npz", "key"), History(tmp_path / "h.csv"), [])
    assert (resume.done, resume.stopped) == (0, False)


def test_a_saved_run_comes_back_with_its_optimizer(
    network: Architecture, tmp_path: Path, reseed: Callable[[], None]
) -> None:
    checkpoint = Checkpoint(tmp_path / "train.npz", "key")
    runs = []
    for seed in (1, 2):
        run = randomly_compiled(network, seed)
        history = History(tmp_path / "history.csv")
        average = AverageWeights(0.9)
        average.set_model(run)
        resume = Resume(checkpoint, history, [average])
        resume.set_model(run)
        if seed == 1:
            history.rows, history.seconds = [{"epoch": 1, "loss": 0.1 + 0.2}], [1.5]
            run.stop_training = True
            resume.on_epoch_end(0)
        else:
            assert (resume.done, resume.stopped) == (1, True)
            assert (history.rows, history.seconds) == ([{"epoch": 1, "loss": 0.1 + 0.2}], [1.5])
            resume.on_train_begin()
        variables = [*run.weights, *run.optimizer.variables]
        runs.append([*(each.numpy() for each in variables), *average.average])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def randomly_compiled(network: Architecture, seed: int) -> Any:
    model = build(network, (32, 32, 3), 10)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(seed)
    for variable in [*model.weights, *model.optimizer.variables]:
        if variable.dtype == "float32":
            variable.assign(rng.normal(size=variable.shape))
    model.optimizer.iterations.assign(seed)
    return model
