import numpy as np
import pytest

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions
from spotimes.ingestion.dataset_report import SourcePicture
from spotimes.mistakes import measures

GENERATOR = np.random.default_rng(1)
LABELS = np.arange(60) % 3
TEST = Split(GENERATOR.integers(0, 256, (60, 8, 8, 3), np.uint8), LABELS)
ANSWERS = np.eye(3, dtype=np.float32)[np.where(np.arange(60) < 50, LABELS, 0)]
PREDICTIONS = Predictions(TEST, ["a", "b", "c"], ANSWERS, ANSWERS)


def test_pairs_come_the_most_confused_first_and_none_that_is_not() -> None:
    confusion = np.array([[7, 3, 0], [1, 9, 0], [4, 0, 4]])
    found = measures.worst_pairs(confusion)
    assert [(pair.actual, pair.predicted, pair.images) for pair in found] == [
        (2, 0, 4),
        (0, 1, 3),
        (1, 0, 1),
    ]
    assert [pair.share for pair in found] == [0.5, 0.3, 0.1]


def test_of_many_pairs_there_are_the_worst() -> None:
    confusion = np.arange(100).reshape(10, 10)
    found = measures.worst_pairs(confusion)
    assert len(found) == measures.PAIRS
    assert found[0][:3] == (9, 8, 98)


def test_groups_are_fifths_and_know_their_accuracy() -> None:
    values = GENERATOR.permutation(100).astype(float)
    found = measures.grouped(values, values >= 30)
    assert [(group.low, group.high, group.images) for group in found] == [
        (low, low + 19, 20) for low in range(0, 100, 20)
    ]
    assert [group.top1.value for group in found] == [0, 0.5, 1, 1, 1]


def test_images_of_one_value_are_in_one_group() -> None:
    values = np.array([5.0] * 50 + [1.0] * 3 + [9.0] * 10)
    found = measures.grouped(values, np.ones(63, np.bool_))
    assert [(group.low, group.high, group.images) for group in found] == [
        (1, 1, 3),
        (5, 9, 60),
    ]
    assert len(measures.grouped(np.full(7, 3.0), np.ones(7, np.bool_))) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_and_sharpness(channels: int) -> None:
    flat = np.full((8, 8, channels), 90, np.uint8)
    board = (255 * (np.indices((8, 8)).sum(axis=0) % 2)).astype(np.uint8)[..., np.newaxis]
    ramp = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, np.newaxis], (8, 8, channels))
    images = np.stack([flat, np.broadcast_to(board, (8, 8, channels)), ramp])
    bright, sharp = measures.brightness_and_sharpness(images)
    np.testing.assert_allclose(bright, [90, 127.5, 3.5])
    np.testing.assert_allclose(sharp, [0, (4 * 255) ** 2, 0], atol=1e-6)


def test_images_without_an_inner_pixel_have_no_sharpness() -> None:
    _, sharp = measures.brightness_and_sharpness(np.zeros((3, 2, 9, 3), np.uint8))
    assert sharp.tolist() == [0, 0, 0]


def test_the_pictures_own_size_is_a_table_where_it_is_known_and_differs() -> None:
    def titles(widths: list[int] | None) -> list[str]:
        tested = [SourcePicture(name="x", width=width, height=9) for width in widths or []]
        return [*measures.tables(PREDICTIONS, tested or None).groups]

    assert len(titles(None)) == len(titles([32] * 60)) == 2
    assert "size" not in "".join(titles(None))
    *_, own = titles([*range(10, 70)])
    assert own.startswith("longer side of the picture itself")
