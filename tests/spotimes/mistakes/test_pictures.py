import io
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions
from spotimes.explanation.explainer import Explainer, Explanation
from spotimes.ingestion.dataset_report import SourcePicture
from spotimes.mistakes import pictures

LABELS = np.arange(50) % 2


class Explaining:
    """Explains every image alike."""

    def explain(self, _: npt.NDArray[np.uint8]) -> Explanation:
        maps = np.stack([np.full((2, 3), -4.0), np.full((2, 3), 1.0)]).astype(np.float32)
        maps[:, 0, 0] = 8
        return Explanation(np.zeros(2, np.float32), maps, None)


def predictions_of(images: npt.NDArray[np.uint8]) -> Predictions:
    """The first three are wrong, the second of them most confidently."""
    int8 = np.eye(2, dtype=np.float32)[LABELS]
    int8[:3] = [[0.4, 0.6], [1, 0], [0.3, 0.7]]
    return Predictions(Split(images, LABELS), ["a", "b"], int8, int8)


def chosen(shape: tuple[int, ...], tested: Any = None) -> pictures.Shown:
    # Smooth, as JPEG is to keep it.
    levels = (4 * np.arange(50, dtype=np.uint8)).reshape(50, 1, 1, 1)
    images = np.broadcast_to(levels, (50, *shape)).copy()
    return pictures.chosen(predictions_of(images), cast(Explainer, Explaining()), tested)


def test_mistakes_come_first_the_most_confident_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_CORRECT", 10)
    found = chosen((8, 8, 3))
    assert found.indices[:3].tolist() == [1, 2, 0]
    assert len(set(found.indices)) == 13
    assert found.indices[3:].min() > 2
    monkeypatch.setattr(pictures, "MOST_WRONG", 2)
    assert chosen((8, 8, 3)).indices[:2].tolist() == [1, 2]


def test_maps_are_those_of_the_answers() -> None:
    found = chosen((8, 8, 3))
    # Image 1 is answered by the first class, image 2 by the second.
    assert found.maps[0].tolist() == [[127, -64, -64], [-64, -64, -64]]
    assert found.maps[1].tolist() == [[127, 16, 16], [16, 16, 16]]


@pytest.mark.parametrize(
    ("shape", "side", "step"),
    [
        ((32, 32, 3), (32, 32), (32, 32)),
        ((28, 28, 1), (28, 28), (32, 32)),
        ((96, 192, 3), (64, 32), (64, 32)),
        ((300, 3, 1), (1, 64), (8, 64)),
    ],
)
def test_tiles_hold_the_images_in_their_order(
    shape: tuple[int, ...], side: tuple[int, int], step: tuple[int, int]
) -> None:
    found = chosen(shape)
    assert found.side == side
    sheet = np.asarray(Image.open(io.BytesIO(found.tiles)).convert("L")).astype(int)
    for number, index in enumerate(found.indices):
        left, top = number % 40 * step[0], number // 40 * step[1]
        tile = sheet[top : top + side[1], left : left + side[0]]
        assert np.abs(tile - 4 * index).max() <= (3 if side == step else 40)
        assert abs(np.median(tile) - 4 * index) <= 3


def test_pictures_have_their_files_names() -> None:
    tested = [SourcePicture(name=f"{index}.png", width=8, height=8) for index in range(50)]
    found = chosen((8, 8, 3), tested)
    assert found.names is not None
    assert found.names == [f"{index}.png" for index in found.indices]
    assert chosen((8, 8, 3)).names is None
