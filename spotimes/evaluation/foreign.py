"""Pictures of none of the classes, made of the test images alone, and what a model takes them for.

`tiles` are test images that are cut up: their colours and edges, and no object. `textures` are
noise, blots, stripes, gradients and checkerboards, as a camera may see of a wall or of cloth. Only
whole numbers and IEEE 754's four operations make them, so they are the same on every machine.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource
from spotimes.evaluation.metrics import ForeignSet, Unknown
from spotimes.evaluation.statistics import auroc, wilson
from spotimes.inference.classifier import Classifier
from spotimes.inference.unknown import scores

COUNT = 1000  # of each set, at most
SEED = 1
ACROSS = 4  # tiles from left to right, and from top to bottom

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.int64]


class Scored(NamedTuple):
    """The scores of a model's answers, `spotimes.inference.unknown`'s, and its limit for them.

    Attributes:
        known: of test images.
        foreign: of each set of foreign pictures, by its name.
        unknown_below: what has a lower score is called unknown; None where there is no limit.
    """

    known: Scores
    foreign: Mapping[str, Scores]
    unknown_below: int | None

    @property
    def every_foreign(self) -> Scores:
        """Those of all sets."""
        return np.concatenate([*self.foreign.values()])


def scored(classifier: Classifier, images: ImageSource, known: Scores) -> Scored:
    """Scores a model's answers for the foreign pictures.

    Args:
        classifier: the model.
        images: the test images, of the size that it takes.
        known: the scores of its answers for them.
    """
    foreign = {
        name: scores(classifier.probabilities(pictures))
        for name, pictures in foreign_sets(images).items()
    }
    return Scored(known, foreign, classifier.contract.unknown_below)


def measure(found: Scored) -> Unknown:
    """How well known and foreign pictures are told apart."""
    limit, every = found.unknown_below, found.every_foreign
    kept = None if limit is None else wilson(int(np.sum(found.known >= limit)), len(found.known))
    return Unknown(
        known_kept=kept and kept.value,
        known_kept_low=kept and kept.low,
        known_kept_high=kept and kept.high,
        foreign_accepted=None if limit is None else float(np.mean(every >= limit)),
        foreign_auroc=auroc(found.known, every),
        sets={name: _of_set(found, each) for name, each in found.foreign.items()},
    )


def _of_set(found: Scored, foreign: Scores) -> ForeignSet:
    limit = found.unknown_below
    share = None if limit is None else wilson(int(np.sum(foreign >= limit)), len(foreign))
    return ForeignSet(
        images=len(foreign),
        auroc=auroc(found.known, foreign),
        accepted=share and share.value,
        accepted_low=share and share.low,
        accepted_high=share and share.high,
    )


def sentence(found: Unknown) -> str:
    """Says it in a line."""
    kept, accepted = found.known_kept, found.foreign_accepted
    told = f"known told from foreign pictures: AUROC {found.foreign_auroc:.1%}"
    if kept is None or accepted is None:
        return f"{told}; the model has no limit of the score"
    return f"{told}; taken as known: {kept:.1%} of the known, {accepted:.1%} of the foreign ones"


def foreign_sets(images: ImageSource, count: int = COUNT) -> dict[str, Images]:
    """Makes the sets, each of at most `count` pictures of the images' size.

    Args:
        images: uint8, shape (images, height, width, channels).
        count: of textures there are as many, of tiles no more than there are images.

    Returns:
        `tiles` and `textures`; the same images give the same pictures.
    """
    chosen = np.random.default_rng(SEED).permutation(len(images))[:count]
    some: Images = images[np.sort(chosen)]
    return {"tiles": tiles(some), "textures": textures(count, some.shape[1:])}


def tiles(images: Images, seed: int = SEED) -> Images:
    """Cuts each image into 4 x 4 tiles of one size and puts these in another order.

    What is left over at the right and at the bottom stays as it is.
    """
    rng = np.random.default_rng(seed)
    count, height, width, channels = images.shape
    down, across = min(ACROSS, height), min(ACROSS, width)
    rows, columns = height // down, width // across
    cut = images[:, : down * rows, : across * columns]
    cut = cut.reshape(count, down, rows, across, columns, channels).swapaxes(2, 3)
    cut = cut.reshape(count, down * across, rows, columns, channels)
    shuffled = np.stack([each[rng.permutation(down * across)] for each in cut])
    shuffled = shuffled.reshape(count, down, across, rows, columns, channels).swapaxes(2, 3)
    made = images.copy()
    made[:, : down * rows, : across * columns] = shuffled.reshape(
        count, down * rows, across * columns, channels
    )
    return made


def textures(count: int, shape: tuple[int, ...], seed: int = SEED) -> Images:
    """Makes textures in random colours, of each kind as many.

    Args:
        count: how many.
        shape: (height, width, channels) of each.
        seed: of all that is random.
    """
    rng = np.random.default_rng(seed)
    return np.stack([_TEXTURES[number % len(_TEXTURES)](rng, shape) for number in range(count)])


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Images:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def _blots(rng: np.random.Generator, shape: tuple[int, ...]) -> Images:
    """Coarse noise, between whose values the pixels lie evenly."""
    side = int(rng.integers(3, 9))
    found = rng.integers(0, 256, (side, side, shape[2])).astype(np.float64)
    for axis in (0, 1):
        places = np.arange(shape[axis]) * (side - 1) / max(1, shape[axis] - 1)
        before = np.minimum(places.astype(np.int64), side - 2)
        share = (places - before).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        lower, upper = np.take(found, before, axis), np.take(found, before + 1, axis)
        found = lower + (upper - lower) * share
    return found.astype(np.uint8)


def _stripes(rng: np.random.Generator, shape: tuple[int, ...]) -> Images:
    y, x = np.mgrid[: shape[0], : shape[1]]
    down, across = rng.permutation([int(rng.integers(1, 5)), int(rng.integers(0, 5))])
    width = int(rng.integers(2, 9)) * max(down, across)
    return _two_colours(rng, (down * y + across * x) // width % 2, shape)


def _gradient(rng: np.random.Generator, shape: tuple[int, ...]) -> Images:
    y, x = np.mgrid[: shape[0], : shape[1]]
    down, across = int(rng.integers(1, 5)), int(rng.integers(-4, 5))
    slope = (down * y + across * x).astype(np.float64)
    slope -= slope.min()
    return _two_colours(rng, slope / max(1.0, slope.max()), shape)


def _checkerboard(rng: np.random.Generator, shape: tuple[int, ...]) -> Images:
    y, x = np.mgrid[: shape[0], : shape[1]]
    side = int(rng.integers(2, 9))
    return _two_colours(rng, (y // side + x // side) % 2, shape)


def _two_colours(
    rng: np.random.Generator, share: npt.NDArray[np.number], shape: tuple[int, ...]
) -> Images:
    """One colour where the share is 0, another where it is 1, and between them in between."""
    first, second = rng.integers(0, 256, (2, shape[2]))
    made: Images = (first + (second - first) * share[..., np.newaxis]).astype(np.uint8)
    return made


_TEXTURES: list[Callable[[np.random.Generator, tuple[int, ...]], Images]] = [
    _noise,
    _blots,
    _stripes,
    _gradient,
    _checkerboard,
]
