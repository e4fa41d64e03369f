"""What there is to know of a dataset before training: what it holds, lacks, and holds twice."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spotimes.dataset.prepared import SPLITS, SplitName
from spotimes.ingestion.exact_copies import combined_digest
from spotimes.ingestion.selection import REASONS, Selection
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import EXCLUDED, TEST
from spotimes.ingestion.unlabelled import Unlabelled
from spotimes.system.validation import Frozen, load_json

REPORT = Path("data/report.json")
FEW_IMAGES = 50  # of a class, in all splits together
COMMONEST = 10
LISTED_PAIRS = 10_000


class Named(Frozen):
    """An image.

    Attributes:
        split: the one it is in.
        name: its file's path in the folder, say.
    """

    split: SplitName
    name: str


class Extent(Frozen):
    """Of the pictures' widths or heights, in pixels."""

    min: int
    median: float
    max: int


class Sizes(Frozen):
    """The pictures' sizes, as they were before they were fitted to the network's.

    Attributes:
        distinct: how many different sizes there are.
        commonest: up to `COMMONEST` of them, as `640 x 480`, width first, and how many pictures
            have each; the commonest first.
        width: in pixels.
        height: likewise.
    """

    distinct: int
    commonest: dict[str, int]
    width: Extent
    height: Extent


class WidePixels(Frozen):
    """The pictures of more than 8 bits a channel.

    Attributes:
        pictures: how many there are.
        low: their lowest value.
        high: their highest value.
        black: the value that becomes a pixel of 0; None if it is not the same for all.
        white: the value that becomes a pixel of 255; likewise.
    """

    pictures: int
    low: float
    high: float
    black: float | None
    white: float | None

    @property
    def used_share(self) -> float:
        """How much of the range from black to white has values; 1 if that is not known."""
        if self.black is None or self.white is None:
            return 1
        return self._inside / (self.white - self.black)

    @property
    def share_inside(self) -> float:
        """How much of the values' own range is between black and white; 1 if that is not known."""
        if self.black is None or self.white is None:
            return 1
        if self.low == self.high:
            return float(self.black <= self.low <= self.white)
        return self._inside / (self.high - self.low)

    @property
    def _inside(self) -> float:
        if self.black is None or self.white is None:
            return self.high - self.low
        return max(0, min(self.high, self.white) - max(self.low, self.black))


class WithoutLabels(Frozen):
    """The pictures without labels.

    Attributes:
        images: how many are learned from.
        copies: how many of these are copies of training images, or of each other.
        cut_off: as of `Report`.
        excluded: as of `Report`.
        ignored: as of `Report`.
        near: by the name of a file that is used, an image of validation or test that is nearly
            the same.
        near_all: whether these are all; else the search found so many that it ended.
    """

    images: int
    copies: int
    cut_off: dict[str, str]
    excluded: dict[str, str]
    ignored: list[str]
    near: dict[str, str]
    near_all: bool


class SourcePicture(Frozen):
    """A picture of the test split: its file's path in the source, and its own size in pixels."""

    name: str
    width: int
    height: int


class Report(Frozen):
    """What there is to know of a dataset before training.

    Attributes:
        images: per class and split.
        few_images: the classes with fewer than `FEW_IMAGES`, and how many they have; the fewest
            first.
        sizes: of the pictures.
        modes: Pillow's names for the kinds of pixels, and how many pictures are of each; the
            commonest first.
        animated: how many pictures have more than one frame.
        wide: of those of more than 8 bits a channel; None if there are none.
        cut_off: the rows that are missing, by the name of a file that is cut off but used.
        excluded: the reason, by the name of the file.
        ignored: names of files and folders that are not meant as data.
        layout: how the folder's sub-folders were understood, where their names leave that open.
        groups: how many groups of pictures that belong together are in each split, one of a single
            picture among them; None where no name says which do.
        exact_groups: the images that are there more than once, pixel for pixel.
        near_pairs_found: how many pairs of images in different splits are nearly the same. Exact
            copies are not among them.
        near_pairs_all: whether these are all; else the search found so many that it ended.
        near_pairs: the first `LISTED_PAIRS` of them.
        unlabelled: of the pictures without labels; None if there are none.
        test: the pictures of the test split, in its order; None of a catalog's dataset, whose
            images are in no files of their own.
    """

    images: dict[str, dict[SplitName, int]]
    few_images: dict[str, int]
    sizes: Sizes
    modes: dict[str, int]
    animated: int
    wide: WidePixels | None
    cut_off: dict[str, str]
    excluded: dict[str, str]
    ignored: list[str]
    layout: list[str]
    groups: dict[SplitName, int] | None
    exact_groups: list[list[Named]]
    near_pairs_found: int
    near_pairs_all: bool
    near_pairs: list[list[Named]]
    unlabelled: WithoutLabels | None
    test: list[SourcePicture] | None = None

    @property
    def groups_across_splits(self) -> list[list[Named]]:
        """Those of the exact groups whose images are in different splits."""
        return [group for group in self.exact_groups if len({each.split for each in group}) > 1]

    @property
    def groups_within_a_split(self) -> list[list[Named]]:
        """The other exact groups."""
        return [group for group in self.exact_groups if len({each.split for each in group}) == 1]


def report_of(source: Source, selection: Selection, unlabelled: Unlabelled | None = None) -> Report:
    """Puts the report together; the same arguments give the same one."""
    used = np.flatnonzero(selection.split_of != EXCLUDED)
    headers = source.headers
    images = _images_of_each_class(source, selection)
    modes = Counter(headers.modes[mode] for mode in headers.mode_of[used])

    def named(indices: npt.NDArray[np.intp]) -> list[Named]:
        return [
            Named(split=SPLITS[selection.split_of[index]], name=source.name_of(index))
            for index in indices
        ]

    return Report(
        images=images,
        few_images=_few_images(images),
        sizes=_sizes(headers.sizes[used]),
        modes=dict(_by_count(modes)),
        animated=int(headers.animated[used].sum()),
        wide=_wide(source),
        cut_off=_cut_off(source, selection),
        excluded=_excluded(source, selection),
        ignored=source.files.notes.ignored if source.files else [],
        layout=source.files.notes.layout if source.files else [],
        groups=_groups_of_each_split(source, selection),
        exact_groups=[named(group) for group in selection.exact],
        near_pairs_found=len(selection.near),
        near_pairs_all=selection.near_all,
        near_pairs=[named(pair) for pair in selection.near[:LISTED_PAIRS]],
        unlabelled=None if unlabelled is None else _without_labels(unlabelled),
        test=_tested(source, selection),
    )


def load_report(path: Path = REPORT) -> Report:
    """Reads what prepare found.

    Raises:
        InputError: it is missing or not what `prepare` writes.
    """
    return load_json(path, Report, "prepare")


def metrics_of(report: Report, source: Source, selection: Selection) -> dict[str, Any]:
    """What metrics/prepare.json holds: sizes, and counts per split and class and of what is odd.

    `test_digest` says which images are in the test split, whatever their order.
    """
    per_class = report.images.items()
    tested = source.fingerprints.digests[selection.indices_of(TEST)]
    without = report.unlabelled
    of_unlabelled = without and {
        "images": without.images,
        "excluded": len(without.excluded),
        "copies": without.copies,
        "near_validation_or_test": len(without.near),
    }
    return {
        "image": dict(zip(("height", "width", "channels"), source.images.shape[1:], strict=True)),
        "images": {split: sum(counts[split] for _, counts in per_class) for split in SPLITS},
        "images_per_class": {
            split: {name: counts[split] for name, counts in per_class} for split in SPLITS
        },
        "excluded": len(report.excluded),
        "ignored": len(report.ignored),
        "duplicates": {
            "groups": len(report.exact_groups),
            "groups_across_splits": len(report.groups_across_splits),
            "near_pairs_across_splits": report.near_pairs_found,
        },
        "test_digest": combined_digest(tested),
        **({"unlabelled": of_unlabelled} if of_unlabelled else {}),
    }


def _tested(source: Source, selection: Selection) -> list[SourcePicture] | None:
    if source.files is None:
        return None
    sizes = source.headers.sizes
    return [
        SourcePicture(
            name=source.name_of(index), width=int(sizes[index, 0]), height=int(sizes[index, 1])
        )
        for index in selection.indices_of(TEST).tolist()
    ]


def _images_of_each_class(source: Source, selection: Selection) -> dict[str, dict[SplitName, int]]:
    class_names = source.card.class_names
    counts = {
        split: np.bincount(
            source.labels[selection.indices_of(index)], minlength=len(class_names)
        ).tolist()
        for index, split in enumerate(SPLITS)
    }
    return {
        name: {split: counts[split][label] for split in SPLITS}
        for label, name in enumerate(class_names)
    }


def _groups_of_each_split(source: Source, selection: Selection) -> dict[SplitName, int] | None:
    groups = source.groups
    if groups is None:
        return None
    return {
        split: len(np.unique(groups[selection.indices_of(index)]))
        for index, split in enumerate(SPLITS)
    }


def _few_images(images: Mapping[str, Mapping[SplitName, int]]) -> dict[str, int]:
    totals = {name: sum(counts.values()) for name, counts in images.items()}
    few = [name for name, total in totals.items() if total < FEW_IMAGES]
    return {name: totals[name] for name in sorted(few, key=lambda name: totals[name])}


def _sizes(sizes: npt.NDArray[np.int32]) -> Sizes:
    distinct, counts = np.unique(sizes, axis=0, return_counts=True)
    by_size = {
        f"{width} x {height}": int(count)
        for (width, height), count in zip(distinct.tolist(), counts, strict=True)
    }
    width, height = (
        Extent(min=int(side.min()), median=float(np.median(side)), max=int(side.max()))
        for side in sizes.T
    )
    commonest = dict(_by_count(by_size)[:COMMONEST])
    return Sizes(distinct=len(distinct), commonest=commonest, width=width, height=height)


def _wide(source: Source) -> WidePixels | None:
    found = source.files.wide if source.files else None
    if found is None:
        return None
    black, white = found.ends or (None, None)
    return WidePixels(
        pictures=found.pictures, low=found.low, high=found.high, black=black, white=white
    )


def _cut_off(source: Source, selection: Selection) -> dict[str, str]:
    if source.files is None:
        return {}
    return {
        source.name_of(index): _missing(rows)
        for index, rows in sorted(source.files.missing_rows.items())
        if selection.split_of[index] != EXCLUDED
    }


def _without_labels(found: Unlabelled) -> WithoutLabels:
    paths = found.pictures.files.paths
    return WithoutLabels(
        images=len(found.used),
        copies=found.copies,
        cut_off={
            paths[index]: _missing(rows)
            for index, rows in sorted(found.pictures.missing_rows.items())
            if index not in found.excluded
        },
        excluded={paths[index]: why for index, why in found.excluded.items()},
        ignored=found.pictures.files.ignored,
        near={paths[index]: name for index, name in found.near.items()},
        near_all=found.near_all,
    )


def _missing(rows: int) -> str:
    return f"{rows:,} row{'s' * (rows > 1)} missing"


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The commonest first; the equally common by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _excluded(source: Source, selection: Selection) -> dict[str, str]:
    """The reason of each image, by its name."""
    reasons = dict(source.files.notes.missing) if source.files else {}
    for reason, indices in selection.excluded.items():
        for index in indices.tolist():
            name = source.name_of(index)
            why = source.unreadable.get(index, REASONS[reason])
            reasons[name] = why.removeprefix(f"{name}: ")
    return reasons
