"""Images of different splits that are nearly the same.

Nearly the same means saved again as a JPEG file, resized, or a little brighter. Such copies are
found by dHash, which Neal Krawetz described in "Kind of Like That" (2013,
hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html), and are then compared. Of copies that
are shifted by a pixel two thirds are found at 96 x 96, few at 32 x 32; of mirrored, rotated and
cropped ones none.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import BYTES_AT_ONCE, ImageSource, chunks
from spotimes.ingestion.grey_areas import area_sums

# A bit of the hash is set where the right neighbour is brighter by more than this, of 255. Krawetz
# sets it wherever it is brighter at all, which in a clear sky is the noise of the JPEG file: of
# 1,000 CIFAR-10 images saved again with quality 75 (90), 87% (95%) were then found, with 4 98%
# (99.7%).
MARGIN = 4
MOST_BITS = 3  # in which the hashes of near copies differ
# Grey levels of 255, of both images reduced to SIDE x SIDE: on average, and of any one pixel.
# Copies saved again with quality 75 differ by at most 2.6 and 17; of those that are brighter by 5%,
# 93% are within both limits. Without the second limit, MNIST has hundreds of thousands of pairs
# between training and test that are different digits; with it 9, and CIFAR-10 5, which a person
# would call the same, too.
MOST_MEAN_DIFFERENCE = 8
MOST_PIXEL_DIFFERENCE = 32
SIDE = 16

# Two hashes that differ in 3 bits are equal in at least 3 of any 6 parts. With 4 parts of 16 bits,
# of which one must be equal, there would be 8 (MNIST) to 40 (CIFAR-10) times as much to compare.
PARTS = (11, 11, 11, 11, 10, 10)
# These bound the work on images that are all alike; `near_pairs` says how.
NEXT_HASHES = 1024
NEAREST = 16
MOST_PAIRS = 1_000_000

_HASH_HEIGHT, _HASH_WIDTH = 8, 8
_PAIRS_AT_ONCE = 1 << 15
_LEVELS = 1 << 16  # larger than any sum of a thumbnail's pixels

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
Thumbnail = npt.NDArray[np.uint8]  # as `thumbnails_of` gives them


def difference_hashes(images: ImageSource) -> Hashes:
    """Hashes images so that similar ones have similar hashes; the same on every CPU.

    The hash is dHash: each bit says whether an area of the image, reduced to 9 x 8 grey areas, is
    darker than its right neighbour by more than `MARGIN`. The first bit, of the upper left area, is
    the most significant one.

    Args:
        images: uint8, shape (images, height, width, channels), of any height and width, in memory
            or on disk. Three channels are red, green and blue; of another number all weigh alike.

    Returns:
        uint64, shape (images,).
    """
    return np.concatenate([np.empty(0, np.uint64), *map(_hashes, chunks(images))])


def _hashes(images: npt.NDArray[np.uint8]) -> Hashes:
    sums, weight = area_sums(images, _HASH_HEIGHT, _HASH_WIDTH + 1)
    bits = sums[:, :, 1:] - sums[:, :, :-1] > MARGIN * weight
    packed = np.packbits(bits.reshape(-1, _HASH_HEIGHT * _HASH_WIDTH), axis=1)
    return packed.view(">u8").reshape(-1).astype(np.uint64)


def thumbnails_of(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Images reduced to `SIDE` x `SIDE` areas of grey, or their own height or width if smaller.

    Args:
        images: uint8, shape (images, height, width, channels).

    Returns:
        uint8, shape (images, areas).
    """
    _, height, width, _ = images.shape
    sums, weight = area_sums(images, min(SIDE, height), min(SIDE, width))
    nearest: npt.NDArray[np.uint8] = ((2 * sums + weight) // (2 * weight)).astype(np.uint8)
    return nearest.reshape(len(images), -1)


def near_pairs(
    images: ImageSource,
    hashes: Hashes,
    split_of: npt.NDArray[np.int8],
    thumbnails: Mapping[int, Thumbnail] | None = None,
) -> tuple[Indices, bool]:
    """Finds pairs of images in different splits that are the same or nearly so.

    Their hashes differ in at most `MOST_BITS` bits. Reduced to `SIDE` x `SIDE` areas of grey (or
    to their own height or width, where that is smaller) they differ by at most
    `MOST_MEAN_DIFFERENCE` of 255 on average, and by at most `MOST_PIXEL_DIFFERENCE` anywhere. This
    distinguishes flat images by their level, although their hash is always 0.

    Each image is read at most once, and only if its hash resembles that of another. In the worst
    case this takes some 150 MB of memory for 200,000 images of 96 x 96 x 3.

    Where very many images are alike, not all are compared, but always the same ones:

    - Of the different hashes that have a key in common (half of the bits), sorted, each is compared
      with the next `NEXT_HASHES`.
    - Of more than `NEAREST` images with the same hash in the same split, an image of another split
      is compared with the `NEAREST` ones that are nearest in brightness. So with a thousand black
      images in each split, each is in a pair, but not in thousands.
    - The search ends when `MOST_PAIRS` are found.

    Args:
        images: uint8, shape (images, height, width, channels), in memory or on disk.
        hashes: of all of them, by `difference_hashes`.
        split_of: int8, shape (images,): which split each is in, by any numbers.
        thumbnails: by `thumbnails_of`, of those which are not to be judged by their images.

    Returns:
        int64, shape (pairs, 2): indices (earlier, later), sorted; and whether these are all, which
        they are not if the search ended early.
    """
    kinds, kind_of = np.unique(hashes, return_inverse=True)
    lowest = np.full(len(kinds), 127, np.int8)
    highest = np.full(len(kinds), -128, np.int8)
    np.minimum.at(lowest, kind_of, split_of)
    np.maximum.at(highest, kind_of, split_of)

    read = _Thumbnails(images, thumbnails or {})
    groups = _Groups.of(kind_of.astype(np.int64), split_of, read)
    found: list[Indices] = []
    count = 0
    for first, second in groups.candidates(_similar_kinds(kinds, lowest, highest)):
        alike = read.alike(first, second)
        earlier, later = np.minimum(first, second)[alike], np.maximum(first, second)[alike]
        found.append(earlier * len(images) + later)
        count += len(earlier)
        if count >= MOST_PAIRS:
            break
    both = np.unique(np.concatenate([np.empty(0, np.int64), *found]))[:MOST_PAIRS]
    return np.stack(np.divmod(both, max(1, len(images))), axis=1), count < MOST_PAIRS


def _similar_kinds(
    kinds: Hashes, lowest: npt.NDArray[np.int8], highest: npt.NDArray[np.int8]
) -> Iterator[tuple[Indices, Indices]]:
    """Yields each pair of similar hashes whose images are not all in the same split, once.

    Args:
        kinds: the different hashes, ascending.
        lowest: the lowest split in which each is.
        highest: the highest one.

    Yields:
        Two arrays of indices into `kinds`. First come the hashes that occur in two splits, each
        paired with itself.
    """
    both = np.flatnonzero(lowest != highest)
    yield both, both

    ends = np.cumsum(PARTS).tolist()
    parts = [
        np.uint64((1 << end) - (1 << end - bits)) for bits, end in zip(PARTS, ends, strict=True)
    ]
    keys = list(combinations(range(len(parts)), len(parts) - MOST_BITS))
    # A pair has several keys in common. It is yielded for the first of them.
    first_key = np.full(1 << len(parts), -1)
    for equal in range(1 << len(parts)):
        for number, key in reversed(list(enumerate(keys))):
            if all(equal >> part & 1 for part in key):
                first_key[equal] = number
    for number, key in enumerate(keys):
        masked = kinds & np.bitwise_or.reduce([parts[part] for part in key])
        order = np.argsort(masked, kind="stable")
        ordered = masked[order]
        after = np.searchsorted(ordered, ordered, side="right")
        at = np.arange(len(order))
        waiting: list[tuple[Indices, Indices]] = []
        for step in range(1, NEXT_HASHES + 1):
            at = at[at + step < after[at]]
            if not len(at):
                break
            one, other = order[at], order[at + step]
            differing = kinds[one] ^ kinds[other]
            hit = np.bitwise_count(differing) <= MOST_BITS
            one, other, differing = one[hit], other[hit], differing[hit]
            equal_parts = np.zeros(len(differing), np.int64)
            for bit, part in enumerate(parts):
                equal_parts |= ((differing & part) == 0).astype(np.int64) << bit
            wanted = (first_key[equal_parts] == number) & (
                np.minimum(lowest[one], lowest[other]) != np.maximum(highest[one], highest[other])
            )
            waiting.append((one[wanted], other[wanted]))
            if sum(len(each) for each, _ in waiting) >= _PAIRS_AT_ONCE:
                yield _joined(waiting)
                waiting = []
        if waiting:
            yield _joined(waiting)


class _Thumbnails:
    """The images reduced to grey thumbnails, each read when it is first asked for."""

    def __init__(self, images: ImageSource, known: Mapping[int, Thumbnail]) -> None:
        self._images = images
        _, height, width, _ = images.shape
        # A page of it takes no memory until something is written there.
        self._pixels = np.empty((len(images), min(SIDE, height) * min(SIDE, width)), np.uint8)
        self._is_read = np.zeros(len(images), np.bool_)
        for index, thumbnail in known.items():
            self._pixels[index], self._is_read[index] = thumbnail, True

    def levels(self, indices: Indices) -> Indices:
        """How bright the images are: the sums of their thumbnails' pixels."""
        self._read(indices)
        levels = np.empty(len(indices), np.int64)
        for begin in range(0, len(indices), _PAIRS_AT_ONCE):
            chunk = slice(begin, begin + _PAIRS_AT_ONCE)
            levels[chunk] = self._pixels[indices[chunk]].sum(axis=1, dtype=np.int64)
        return levels

    def alike(self, first: Indices, second: Indices) -> npt.NDArray[np.bool_]:
        """Whether the images `first` look like the images `second`."""
        self._read(np.concatenate([first, second]))
        one, other = self._pixels[first], self._pixels[second]
        difference = np.maximum(one, other) - np.minimum(one, other)
        mean_is_small = difference.sum(axis=1, dtype=np.int64) <= (
            MOST_MEAN_DIFFERENCE * difference.shape[1]
        )
        result: npt.NDArray[np.bool_] = mean_is_small & (
            difference.max(axis=1) <= MOST_PIXEL_DIFFERENCE
        )
        return result

    def _read(self, indices: Indices) -> None:
        missing = np.unique(indices[~self._is_read[indices]])
        at_once = max(1, BYTES_AT_ONCE // int(np.prod(self._images.shape[1:])))
        for begin in range(0, len(missing), at_once):
            chunk = missing[begin : begin + at_once]
            self._pixels[chunk] = thumbnails_of(self._images[chunk])
            self._is_read[chunk] = True


class _Groups(NamedTuple):
    """The images in groups of the same hash and split, each group sorted by brightness.

    Attributes:
        images: indices of the images, group by group.
        key: of each image: its group's number times `_LEVELS`, plus its level; ascending.
        begin: where each group begins, and where the last one ends.
        split: of each group.
        of_kind: the first group of each hash, and the end; a hash's groups follow each other.
    """

    images: Indices
    key: Indices
    begin: Indices
    split: npt.NDArray[np.int8]
    of_kind: Indices

    @classmethod
    def of(
        cls, kind_of: Indices, split_of: npt.NDArray[np.int8], thumbnails: _Thumbnails
    ) -> "_Groups":
        _, group_of, counts = np.unique(
            kind_of * 256 + split_of + 128, return_inverse=True, return_counts=True
        )
        key = group_of.astype(np.int64) * _LEVELS
        # In a small group all are compared, so that their order does not matter.
        crowded = np.flatnonzero(counts[group_of] > NEAREST)
        key[crowded] += thumbnails.levels(crowded)
        images = np.argsort(key, kind="stable")
        begin = np.concatenate([[0], np.cumsum(counts)])
        heads = images[begin[:-1]]
        kinds = kind_of[heads]
        of_kind = np.searchsorted(kinds, np.arange(kinds[-1] + 2 if len(kinds) else 1))
        return cls(images, key[images], begin, split_of[heads], of_kind)

    def candidates(
        self, similar: Iterable[tuple[Indices, Indices]]
    ) -> Iterator[tuple[Indices, Indices]]:
        """Yields indices of images to compare, for pairs of similar hashes.

        A pair of images may be yielded twice.
        """
        for one, other in similar:
            yield from self._of_pairs(one, other)

    def _of_pairs(self, one: Indices, other: Indices) -> Iterator[tuple[Indices, Indices]]:
        row, left = _ranges(self.of_kind[one], np.diff(self.of_kind)[one])
        again, right = _ranges(self.of_kind[other[row]], np.diff(self.of_kind)[other[row]])
        left, same = left[again], (one == other)[row[again]]
        chosen = (self.split[left] != self.split[right]) & (~same | (left < right))
        left, right = left[chosen], right[chosen]
        sizes = np.diff(self.begin)
        # A large group's images are not all among the other side's nearest: each has its own turn.
        crowded = np.maximum(sizes[left], sizes[right]) > NEAREST
        left, right = (
            np.concatenate([left, right[crowded]]),
            np.concatenate([right, left[crowded]]),
        )
        group, member = _ranges(self.begin[left], sizes[left])
        against = right[group]
        for begin in range(0, len(member), _PAIRS_AT_ONCE):
            chunk = slice(begin, begin + _PAIRS_AT_ONCE)
            number, candidate = _ranges(*self._nearest(member[chunk], against[chunk]))
            for start in range(0, len(number), _PAIRS_AT_ONCE):
                part = slice(start, start + _PAIRS_AT_ONCE)
                yield self.images[member[chunk][number[part]]], self.images[candidate[part]]

    def _nearest(self, member: Indices, group: Indices) -> tuple[Indices, Indices]:
        """Where each member's nearest images in a group begin, and how many there are."""
        begin, end = self.begin[group], self.begin[group + 1]
        level = self.key[member] % _LEVELS
        middle = np.searchsorted(self.key, group * _LEVELS + level)
        first = np.clip(middle - NEAREST // 2, begin, np.maximum(begin, end - NEAREST))
        return first, np.minimum(end - begin, NEAREST)


def _ranges(begins: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """For each range its number, repeated as often as the range is long, and what is in it."""
    number = np.repeat(np.arange(len(begins)), counts)
    before = np.cumsum(counts) - counts
    return number, np.arange(len(number)) + (begins - before)[number]


def _joined(pairs: list[tuple[Indices, Indices]]) -> tuple[Indices, Indices]:
    return np.concatenate([one for one, _ in pairs]), np.concatenate([two for _, two in pairs])
