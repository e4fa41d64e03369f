"""The limit of a model's score below which it says "unknown"; it keeps a share of known pictures.

The scores are of validation images, computed as a microcontroller does, in integers: so the limit
is the same on every machine. Of n images it is the score of rank k from below, k = (1 - share)(n +
1) rounded down, at least 1: of pictures like these, with scores that differ, the share is then kept
on average, as of split conformal prediction (Vovk et al. 2005, Algorithmic Learning in a Random
World; Angelopoulos and Bates 2021, arXiv:2107.07511). What the limit keeps of all pictures is
distributed as Beta(n + 1 - k, k), which says how sure it is.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats
from tqdm import tqdm

from spotimes.dataset.image_file import ImageSource
from spotimes.export import graph, reference
from spotimes.inference.unknown import scores
from spotimes.pixels import to_int8

_BATCH = 500

Scores = npt.NDArray[np.int64]


class KnownLimit(NamedTuple):
    """The limit.

    Attributes:
        unknown_below: a lower score is of an unknown picture.
        images: how many it was found on.
        kept: the share of these that is known by it.
        kept_low: of all pictures like them, the lower end of the share's 95% interval.
        kept_high: the upper end.
    """

    unknown_below: int
    images: int
    kept: float
    kept_low: float
    kept_high: float

    def __str__(self) -> str:
        return (
            f"unknown below a score of {self.unknown_below}: {self.kept:.1%} of "
            f"{self.images:,} images are above it, and {self.kept_low:.1%} to "
            f"{self.kept_high:.1%} of all like them"
        )


def scores_of(content: bytes, images: ImageSource) -> Scores:
    """The scores of an INT8 model's answers.

    Args:
        content: the .tflite file.
        images: uint8, shape (images, height, width, channels).

    Returns:
        Shape (images,).
    """
    network = graph.read(content, "the INT8 model")
    starts = tqdm(range(0, len(images), _BATCH), desc="scores", unit_scale=_BATCH, unit="img")
    outputs = [
        reference.classify(network, to_int8(images[start : start + _BATCH])) for start in starts
    ]
    return scores((np.concatenate(outputs).astype(np.float32) + 128) / 256)


def limit_of(found: Scores, share: float) -> KnownLimit:
    """Finds the limit that keeps a share.

    Args:
        found: the scores of images that the network did not learn, at least one.
        share: 0 to 1, neither included.
    """
    count = len(found)
    rank = max(1, math.floor((1 - share) * (count + 1) + 1e-9))
    limit = int(np.sort(found)[rank - 1])
    low, high = (float(stats.beta.ppf(end, count + 1 - rank, rank)) for end in (0.025, 0.975))
    return KnownLimit(limit, count, float(np.mean(found >= limit)), low, high)
