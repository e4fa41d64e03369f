from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions
from spotimes.reporting import explained

NAMES = ["US$ $", "x" * 300, "猫" * 84]
LABELS = np.arange(30) % 3
TEST = Split(np.random.default_rng(1).integers(0, 256, (30, 32, 32, 3), np.uint8), LABELS)
CORRECT = np.eye(3, dtype=np.float32)[LABELS]
ALL_CORRECT = Predictions(TEST, NAMES, CORRECT, CORRECT)


def with_int8(changed: dict[int, list[float]]) -> Predictions:
    """INT8 answers some images otherwise."""
    int8 = CORRECT.copy()
    for index, probabilities in changed.items():
        int8[index] = probabilities
    return ALL_CORRECT._replace(int8=int8)


def maps(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return np.linspace(-1, 1, 3 * 16, dtype=np.float32).reshape(3, 4, 4)


def test_the_most_confident_mistakes_come_first() -> None:
    predictions = with_int8({0: [0.3, 0.5, 0.2], 4: [0, 0.6, 0.4], 9: [0, 0, 1], 10: [0.9, 0, 0.1]})
    assert explained.most_confident_mistakes(predictions).tolist() == [9, 10, 0]


def test_of_the_equally_confident_those_come_first_of_which_fp32_is_as_sure() -> None:
    predictions = with_int8({index: [1, 0, 0] for index in (1, 2, 4)})
    fp32 = CORRECT.copy()
    fp32[[1, 2, 4], 0] = [0.2, 0.9, 0.5]
    chosen = explained.most_confident_mistakes(predictions._replace(fp32=fp32))
    assert chosen.tolist() == [2, 4, 1]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 11])
def test_pictures_are_small_and_depend_on_the_answers_alone(tmp_path: Path, wrong: int) -> None:
    shifted = np.roll(CORRECT, 1, axis=1).tolist()
    predictions = with_int8({index: shifted[index] for index in range(wrong)})
    found = []
    for name in ("first", "again"):
        explained.mistakes(predictions, maps, tmp_path / f"{name} mistakes.png")
        explained.disagreements(predictions, maps, maps, tmp_path / f"{name} lost.png")
        paths = sorted(tmp_path.glob(f"{name} *.png"))
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]
    for content in found[0]:
        assert b"atplotlib" not in content
        assert len(content) < 150_000


@pytest.mark.slow
def test_what_is_drawn_is_the_map_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def overlaid(picture: Image.Image, map_: npt.NDArray[np.float32]) -> Image.Image:
        drawn.append((np.asarray(picture), map_))
        return picture

    monkeypatch.setattr(explained, "overlaid", overlaid)
    predictions = with_int8({4: [0, 0, 1]})
    explained.mistakes(predictions, maps, tmp_path / "mistakes.png")
    explained.disagreements(predictions, lambda image: -maps(image), maps, tmp_path / "lost.png")
    expected = [maps(TEST.images[4])[2], -maps(TEST.images[4])[1], maps(TEST.images[4])[2]]
    for (picture, map_), answer in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(picture, TEST.images[4])
        np.testing.assert_array_equal(map_, answer)
