"""Pictures that a dataset holds more than once, exactly or nearly.

Nearly the same means stored anew as a JPEG file, resized, or a little brighter. Such copies are
found by dHash, which Neal Krawetz described in "Kind of Like That" (2013,
hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html), and then compared. Of copies shifted
by a pixel two thirds are found at 96 x 96, few at 32 x 32; of mirrored, turned and cropped ones
none.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import BYTES_AT_ONCE, ImageSource

# A bit of the hash is set where the right neighbour is brighter by more than this, of 255. Krawetz
# sets it wherever it is brighter at all, which in a clear sky is the noise of the JPEG file: of
# 1,000 CIFAR-10 images stored anew with quality 75 (90), 87% (95%) were then found, with 4 98%
# (99.7%).
MARGIN = 4
MOST_BITS = 3  # in which the hashes of near copies differ
# Grey levels of 255, of both images reduced to SIDE x SIDE: on average, and at the worst place.
# Copies stored anew with quality 75 differ by 2.6 and 17 at most; of those that are brighter by 5%,
# 93% are within both limits. Without the second one, MNIST has hundreds of thousands of pairs
# between training and test that are different digits; with it 9, and CIFAR-10 5, that one would
# call the same oneself.
MOST_DIFFERENCE = 8
MOST_AT_A_PLACE = 32
SIDE = 16

# Two hashes that differ in 3 bits are equal in 3 of any 6 parts at least. With 4 parts of 16 bits,
# of which one must be equal, there would be 8 (MNIST) to 40 (CIFAR-10) times as much to compare.
PARTS = (11, 11, 11, 11, 10, 10)
# What bounds the work on images that are all alike; `near_pairs` says how.
NEXT_HASHES = 1024
NEAREST = 16
MOST_PAIRS = 1_000_000

AT_ONCE = 1000  # images

_HASH_HEIGHT, _HASH_WIDTH = 8, 8
_LUMA = (3, 6, 1)  # tenths; ITU-R BT.601's weights, rounded
_VALUES_AT_ONCE = 1 << 19
_PAIRS_AT_ONCE = 1 << 15
_LEVELS = 1 << 16  # more than a thumbnail's pixels can sum up to

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def fingerprints(images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], Hashes]:
    """Makes what equal and similar images are found by; the same on every CPU.

    The hash is dHash: of the image reduced to 9 x 8 grey areas, each bit tells whether an area is
    darker than its right neighbour by more than `MARGIN`. The first bit, of the upper left area, is
    the most significant one.

    Args:
        images: uint8, shape (images, height, width, channels), of any height and width. Three
            channels are red, green and blue; those of another number count alike.

    Returns:
        The BLAKE2b digests of the pixels, 16 bytes each: uint64, shape (images, 2); and the hashes:
        uint64, shape (images,).
    """
    digests = b"".join(
        hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images
    )
    sums, weight = _reduced(images, _HASH_HEIGHT, _HASH_WIDTH + 1)
    bits = sums[:, :, 1:] - sums[:, :, :-1] > MARGIN * weight
    packed = np.packbits(bits.reshape(-1, _HASH_HEIGHT * _HASH_WIDTH), axis=1)
    hashes = packed.view(">u8").reshape(-1).astype(np.uint64)
    return np.frombuffer(digests, "<u8").astype(np.uint64).reshape(-1, 2), hashes


def all_fingerprints(images: ImageSource) -> tuple[npt.NDArray[np.uint64], Hashes]:
    """The `fingerprints` of images of which a few at a time are read."""
    parts = [
        fingerprints(images[begin : begin + AT_ONCE]) for begin in range(0, len(images), AT_ONCE)
    ]
    return np.concatenate([part for part, _ in parts]), np.concatenate([part for _, part in parts])


def combined(digests: npt.NDArray[np.uint64]) -> str:
    """One digest of images as a set, whatever their order.

    Args:
        digests: of the images, as `fingerprints` gives them.

    Returns:
        BLAKE2b, 16 bytes in hexadecimal digits.
    """
    content = b"".join(sorted(row.tobytes() for row in digests.astype("<u8")))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def exact_groups(digests: npt.NDArray[np.uint64]) -> list[Places]:
    """Finds images that are there more than once, pixel for pixel.

    Args:
        digests: of all images, by `fingerprints`.

    Returns:
        The places of each such image, two or more, ascending; in the order of the first ones.
    """
    order = np.lexsort(digests.T)  # stable, so that equal ones stay in their order
    ordered = digests[order]
    begins = np.flatnonzero(np.any(ordered[1:] != ordered[:-1], axis=1)) + 1
    groups = [group for group in np.split(order, begins) if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def near_pairs(
    images: ImageSource, hashes: Hashes, split_of: npt.NDArray[np.int8]
) -> tuple[Places, bool]:
    """Finds pairs of images in different splits that are the same or nearly so.

    Their hashes differ in at most `MOST_BITS` bits. Reduced to `SIDE` x `SIDE` areas of grey (or
    to their own height or width, where that is smaller) they differ by at most `MOST_DIFFERENCE` of
    255 on average, and by at most `MOST_AT_A_PLACE` at the worst place. Flat images, whose hash is
    always 0, are so told apart by their level.

    Each image is read once at most, and only if its hash resembles that of another. At its worst
    this takes some 150 MB of memory for 200,000 images of 96 x 96 x 3.

    Where very many images are alike, not all are compared, always the same ones:

    - Of the different hashes that have a key in common (half of the bits), sorted, each is compared
      with the next `NEXT_HASHES`.
    - Of more than `NEAREST` images with the same hash in the same split, an image from elsewhere is
      compared with the `NEAREST` ones that come nearest in brightness. So of a thousand black
      images in each split, each is in a pair, but not in all thousands.
    - The search ends when `MOST_PAIRS` are found.

    Args:
        images: uint8, shape (images, height, width, channels), in memory or on disk.
        hashes: of all of them, by `fingerprints`.
        split_of: int8, shape (images,): which split each is in, by any numbers.

    Returns:
        int64, shape (pairs, 2): places (earlier, later), sorted; and whether these are all, so
        that the search did not end early.
    """
    kinds, kind_of = np.unique(hashes, return_inverse=True)
    lowest = np.full(len(kinds), 127, np.int8)
    highest = np.full(len(kinds), -128, np.int8)
    np.minimum.at(lowest, kind_of, split_of)
    np.maximum.at(highest, kind_of, split_of)

    thumbnails = _Thumbnails(images)
    groups = _Groups.of(kind_of.astype(np.int64), split_of, thumbnails)
    found: list[Places] = []
    count = 0
    for first, second in groups.candidates(_similar_kinds(kinds, lowest, highest)):
        alike = thumbnails.alike(first, second)
        earlier, later = np.minimum(first, second)[alike], np.maximum(first, second)[alike]
        found.append(earlier * len(images) + later)
        count += len(earlier)
        if count >= MOST_PAIRS:
            break
    both = np.unique(np.concatenate([np.empty(0, np.int64), *found]))[:MOST_PAIRS]
    return np.stack(np.divmod(both, max(1, len(images))), axis=1), count < MOST_PAIRS


def _similar_kinds(
    kinds: Hashes, lowest: npt.NDArray[np.int8], highest: npt.NDArray[np.int8]
) -> Iterator[tuple[Places, Places]]:
    """Yields each pair of similar hashes whose images are not all in the same split, once.

    Args:
        kinds: the different hashes, ascending.
        lowest: the lowest split in which each is.
        highest: the highest one.

    Yields:
        Two arrays of places in `kinds`. First come those of hashes that are in two splits
        themselves, each paired with itself.
    """
    both = np.flatnonzero(lowest != highest)
    yield both, both

    ends = np.cumsum(PARTS).tolist()
    parts = [
        np.uint64((1 << end) - (1 << end - bits)) for bits, end in zip(PARTS, ends, strict=True)
    ]
    keys = list(combinations(range(len(parts)), len(parts) - MOST_BITS))
    # A pair agrees in several keys. It counts in the first of them.
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
        waiting: list[tuple[Places, Places]] = []
        for step in range(1, NEXT_HASHES + 1):
            at = at[at + step < after[at]]
            if not len(at):
                break
            one, other = order[at], order[at + step]
            differing = kinds[one] ^ kinds[other]
            hit = np.bitwise_count(differing) <= MOST_BITS
            one, other, differing = one[hit], other[hit], differing[hit]
            equal_parts = np.zeros(len(differing), np.int64)
            for place, part in enumerate(parts):
                equal_parts |= ((differing & part) == 0).astype(np.int64) << place
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

    def __init__(self, images: ImageSource) -> None:
        self._images = images
        _, height, width, _ = images.shape
        self._shape = (min(SIDE, height), min(SIDE, width))
        # A page of it takes no memory before something is written there.
        self._pixels = np.empty((len(images), self._shape[0] * self._shape[1]), np.uint8)
        self._there = np.zeros(len(images), np.bool_)

    def levels(self, places: Places) -> Places:
        """How bright the images are: the sums of their thumbnails' pixels."""
        self._read(places)
        levels = np.empty(len(places), np.int64)
        for begin in range(0, len(places), _PAIRS_AT_ONCE):
            chunk = slice(begin, begin + _PAIRS_AT_ONCE)
            levels[chunk] = self._pixels[places[chunk]].sum(axis=1, dtype=np.int64)
        return levels

    def alike(self, first: Places, second: Places) -> npt.NDArray[np.bool_]:
        """Whether the images at `first` look like those at `second`."""
        self._read(np.concatenate([first, second]))
        one, other = self._pixels[first], self._pixels[second]
        difference = np.maximum(one, other) - np.minimum(one, other)
        mean_is_small = difference.sum(axis=1, dtype=np.int64) <= (
            MOST_DIFFERENCE * difference.shape[1]
        )
        result: npt.NDArray[np.bool_] = mean_is_small & (difference.max(axis=1) <= MOST_AT_A_PLACE)
        return result

    def _read(self, places: Places) -> None:
        missing = np.unique(places[~self._there[places]])
        at_once = max(1, BYTES_AT_ONCE // int(np.prod(self._images.shape[1:])))
        for begin in range(0, len(missing), at_once):
            chunk = missing[begin : begin + at_once]
            sums, weight = _reduced(self._images[chunk], *self._shape)
            nearest = (2 * sums + weight) // (2 * weight)
            self._pixels[chunk] = nearest.reshape(len(chunk), -1)
            self._there[chunk] = True


class _Groups(NamedTuple):
    """The images in groups of the same hash and split, each group sorted by brightness.

    Attributes:
        images: their places, group by group.
        key: of each: its group's number times `_LEVELS`, plus its level; ascending.
        begin: where each group begins, and where the last one ends.
        split: of each group.
        of_kind: the first group of each hash, and the end; a hash's groups follow each other.
    """

    images: Places
    key: Places
    begin: Places
    split: npt.NDArray[np.int8]
    of_kind: Places

    @classmethod
    def of(
        cls, kind_of: Places, split_of: npt.NDArray[np.int8], thumbnails: _Thumbnails
    ) -> "_Groups":
        _, group_of, counts = np.unique(
            kind_of * 256 + split_of + 128, return_inverse=True, return_counts=True
        )
        key = group_of.astype(np.int64) * _LEVELS
        # In a small group all are compared, so that their order is of no account.
        crowded = np.flatnonzero(counts[group_of] > NEAREST)
        key[crowded] += thumbnails.levels(crowded)
        images = np.argsort(key, kind="stable")
        begin = np.concatenate([[0], np.cumsum(counts)])
        heads = images[begin[:-1]]
        kinds = kind_of[heads]
        of_kind = np.searchsorted(kinds, np.arange(kinds[-1] + 2 if len(kinds) else 1))
        return cls(images, key[images], begin, split_of[heads], of_kind)

    def candidates(
        self, similar: Iterable[tuple[Places, Places]]
    ) -> Iterator[tuple[Places, Places]]:
        """Yields the places of images to compare, for pairs of similar hashes.

        A pair of images may come twice.
        """
        for one, other in similar:
            yield from self._of_pairs(one, other)

    def _of_pairs(self, one: Places, other: Places) -> Iterator[tuple[Places, Places]]:
        row, left = _ranges(self.of_kind[one], np.diff(self.of_kind)[one])
        again, right = _ranges(self.of_kind[other[row]], np.diff(self.of_kind)[other[row]])
        left, same = left[again], (one == other)[row[again]]
        chosen = (self.split[left] != self.split[right]) & (~same | (left < right))
        left, right = left[chosen], right[chosen]
        sizes = np.diff(self.begin)
        # Of a crowd only some are compared with the other side's, so that its own need a turn too.
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

    def _nearest(self, member: Places, group: Places) -> tuple[Places, Places]:
        """Where each member's nearest ones in a group begin, and how many they are."""
        begin, end = self.begin[group], self.begin[group + 1]
        level = self.key[member] % _LEVELS
        middle = np.searchsorted(self.key, group * _LEVELS + level)
        first = np.clip(middle - NEAREST // 2, begin, np.maximum(begin, end - NEAREST))
        return first, np.minimum(end - begin, NEAREST)


def _reduced(images: npt.NDArray[np.uint8], height: int, width: int) -> tuple[Places, int]:
    """Reduces images to areas of grey, all of the same size, cut through pixels where need be.

    Not by NumPy's matrix product: its threads wait long for each other where cores are busy.

    Returns:
        int64, shape (images, height, width): the areas' sums; and how much a mean of 1 gives.
    """
    count, rows, columns, channels = images.shape
    luma = _LUMA if channels == len(_LUMA) else (1,) * channels
    down, across = _overlaps(rows, height), _overlaps(columns, width)
    sums = np.empty((count, height, width), np.int64)
    at_once = max(1, _VALUES_AT_ONCE // (rows * columns * channels))
    for begin in range(0, count, at_once):
        chunk = images[begin : begin + at_once]
        grey = np.zeros(chunk.shape[:3], np.int32)
        for channel, share in enumerate(luma):
            grey += chunk[..., channel] * np.uint16(share)
        bands = np.empty((len(chunk), height, columns), np.int64)
        for row, (within, weights) in enumerate(down):
            np.einsum("nyx,y->nx", grey[:, within], weights, out=bands[:, row])
        for column, (within, weights) in enumerate(across):
            np.einsum(
                "nyx,x->ny",
                bands[:, :, within],
                weights,
                out=sums[begin : begin + at_once, :, column],
            )
    return sums, rows * columns * sum(luma)


def _overlaps(pixels: int, areas: int) -> list[tuple[slice, npt.NDArray[np.int32]]]:
    """Which pixels lie in each area, and how much of each, in parts of a pixel: `areas` make one.

    Both are laid over the same length, of `pixels` x `areas` parts.
    """
    overlaps = []
    for area in range(areas):
        begin, end = area * pixels, (area + 1) * pixels
        within = np.arange(begin // areas, (end - 1) // areas + 1)
        weights = np.minimum(end, (within + 1) * areas) - np.maximum(begin, within * areas)
        overlaps.append((slice(within[0], within[-1] + 1), weights.astype(np.int32)))
    return overlaps


def _ranges(begins: Places, counts: Places) -> tuple[Places, Places]:
    """For each range in turn, its number as often as it is long, and what is in it."""
    number = np.repeat(np.arange(len(begins)), counts)
    before = np.cumsum(counts) - counts
    return number, np.arange(len(number)) + (begins - before)[number]


def _joined(pairs: list[tuple[Places, Places]]) -> tuple[Places, Places]:
    return np.concatenate([one for one, _ in pairs]), np.concatenate([two for _, two in pairs])
