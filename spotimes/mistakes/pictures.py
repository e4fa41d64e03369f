"""The pictures that the page shows: which ones, their maps, and all of them in one image."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from spotimes.dataset.image_file import ImageSource
from spotimes.evaluation.accuracy import Predictions
from spotimes.explanation.explainer import Explainer
from spotimes.ingestion.dataset_report import SourcePicture
from spotimes.reporting.explained import most_confident_mistakes

MOST_WRONG, MOST_CORRECT = 1000, 300
LARGEST = 64  # pixels of a tile's side
BLOCK = 8  # pixels: JPEG's, over whose edges neighbours would show
COLUMNS = 40
QUALITY = 90  # of JPEG


class Shown(NamedTuple):
    """What the page shows.

    Attributes:
        indices: of the images in the test split: wrong ones, the most confident first, and behind
            them some that are correct.
        names: of the pictures, if they have files of their own, else None.
        maps: int8, shape (images, rows, columns): what speaks for each image's answer, 127 being
            the largest value of a map.
        tiles: the images side by side, as a JPEG.
        side: width and height of a tile.
    """

    indices: npt.NDArray[np.intp]
    names: list[str] | None
    maps: npt.NDArray[np.int8]
    tiles: bytes
    side: tuple[int, int]


def chosen(
    predictions: Predictions, explainer: Explainer, tested: Sequence[SourcePicture] | None
) -> Shown:
    """Chooses and explains: the most confident mistakes, and correct answers drawn at random.

    Args:
        predictions: of all test images.
        explainer: of the INT8 model.
        tested: the images' pictures, in their order; None where they have no files of their own.
    """
    answers = predictions.int8.argmax(axis=1)
    wrong = most_confident_mistakes(predictions)[:MOST_WRONG]
    correct = np.flatnonzero(answers == predictions.test.labels)
    drawn = np.random.default_rng(0).permutation(correct)[:MOST_CORRECT]
    indices = np.concatenate([wrong, drawn])
    maps = []
    for index in tqdm(indices, desc="explaining", unit="image"):
        map_ = explainer.explain(predictions.test.images[index]).maps[answers[index]]
        largest = np.abs(map_).max() or 1
        maps.append(np.rint(127 * map_ / largest).astype(np.int8))
    tiles, side = _tiles(predictions.test.images, indices)
    names = None if tested is None else [tested[index].name for index in indices]
    return Shown(indices, names, np.stack(maps), tiles, side)


def _tiles(images: ImageSource, indices: npt.NDArray[np.intp]) -> tuple[bytes, tuple[int, int]]:
    height, width, channels = images.shape[1:]
    factor = min(1.0, LARGEST / max(height, width))
    inner = max(1, round(width * factor)), max(1, round(height * factor))
    side = tuple(-(-length // BLOCK) * BLOCK for length in inner)
    rows = -(-len(indices) // COLUMNS)
    sheet = Image.new("L" if channels == 1 else "RGB", (COLUMNS * side[0], rows * side[1]))
    for number, index in enumerate(indices):
        tile = Image.fromarray(images[index].squeeze()).resize(inner, Image.Resampling.BILINEAR)
        sheet.paste(tile, (number % COLUMNS * side[0], number // COLUMNS * side[1]))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue(), inner
