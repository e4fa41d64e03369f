"""A look at a dataset before training: what is in it, what was left out, what is there twice."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from spotimes.dataset.prepared import SPLITS, SplitName
from spotimes.plotting import BLUE, ORANGE, PURPLE, figure
from spotimes.system.validation import Frozen

FEW_IMAGES = 50  # of a class, in all splits together
PRINTED = 10
COMMONEST = 10
LISTED_PAIRS = 10_000
DRAWN_CLASSES = 30
DRAWN_EXAMPLES = 5
CLASSES_WITH_EXAMPLES = 20
DRAWN_PAIRS = 6
SIZE_BINS = 24  # along a side

_COLOURS = dict(zip(SPLITS, (BLUE, ORANGE, PURPLE), strict=True))
_WHITE = 255

Images = npt.NDArray[np.uint8]
Item = TypeVar("Item")


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


class Report(Frozen):
    """What there is to know of a dataset before training.

    Attributes:
        images: per class and split.
        few_images: the classes with fewer than `FEW_IMAGES`, and how many they have; the fewest
            first.
        sizes: of the pictures.
        modes: Pillow's names for the kinds of pixels, and how many pictures are of each; the
            commonest first.
        animated: pictures with more than one frame.
        left_out: the reason, by the name of the file.
        passed_over: names of files and folders that are not meant as data.
        exact_groups: the images that are there more than once, pixel for pixel.
        near_pairs_found: how many pairs of images in different splits are nearly the same. Exact
            copies are not among them.
        near_pairs_all: whether these are all; else the search found so many that it ended.
        near_pairs: the first `LISTED_PAIRS` of them.
    """

    images: dict[str, dict[SplitName, int]]
    few_images: dict[str, int]
    sizes: Sizes
    modes: dict[str, int]
    animated: int
    left_out: dict[str, str]
    passed_over: list[str]
    exact_groups: list[list[Named]]
    near_pairs_found: int
    near_pairs_all: bool
    near_pairs: list[list[Named]]


def look(
    class_names: Sequence[str],
    labels: npt.NDArray[np.int64],
    split_of: npt.NDArray[np.int8],
    names: Sequence[str],
    sizes: npt.NDArray[np.int64],
    modes: Iterable[str],
    animated: int,
    left_out: Mapping[str, str],
    passed_over: Sequence[str],
    exact: Sequence[npt.NDArray[np.int64]],
    near: npt.NDArray[np.int64],
    near_all: bool,
) -> Report:
    """Puts the report together.

    Args:
        class_names: one for each label.
        labels: of the images, shape (images,).
        split_of: index into `SPLITS` of each.
        names: of each.
        sizes: width and height of each picture, shape (images, 2).
        modes: of each picture.
        animated: how many pictures have more than one frame.
        left_out: reasons, by the name of the file.
        passed_over: names of files and folders that are not meant as data.
        exact: by `duplicates.exact_groups`.
        near: by `duplicates.near_pairs`.
        near_all: whether its search was not ended early.

    Returns:
        The report; the same for the same arguments.
    """
    counts = np.zeros((len(class_names), len(SPLITS)), np.int64)
    np.add.at(counts, (labels, split_of), 1)
    totals = counts.sum(axis=1)

    def named(places: npt.NDArray[np.int64]) -> list[Named]:
        return [Named(split=SPLITS[split_of[place]], name=names[place]) for place in places]

    different = without_exact(near, exact)
    return Report(
        images={
            name: dict(zip(SPLITS, row, strict=True))
            for name, row in zip(class_names, counts.tolist(), strict=True)
        },
        few_images={
            class_names[label]: int(totals[label])
            for label in np.argsort(totals, kind="stable")
            if totals[label] < FEW_IMAGES
        },
        sizes=_sizes(sizes),
        modes=dict(_by_count(Counter(modes))),
        animated=animated,
        left_out=dict(left_out),
        passed_over=list(passed_over),
        exact_groups=[named(group) for group in exact],
        near_pairs_found=len(different),
        near_pairs_all=near_all,
        near_pairs=[named(pair) for pair in different[:LISTED_PAIRS]],
    )


def without_exact(
    near: npt.NDArray[np.int64], exact: Sequence[npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64]:
    """Takes exact copies out of the near pairs.

    Args:
        near: by `duplicates.near_pairs`, shape (pairs, 2).
        exact: by `duplicates.exact_groups`.

    Returns:
        The pairs that are left, in their order, which is that of `Report.near_pairs`.
    """
    group_of = np.full(
        max((int(each.max()) + 1 for each in (*exact, near) if each.size), default=0), -1
    )
    for number, group in enumerate(exact):
        group_of[group] = number
    first, second = group_of[near].T
    left: npt.NDArray[np.int64] = near[(first != second) | (first == -1)]
    return left


def lines(report: Report) -> list[str]:
    """Says in plain text what a user should see before training; of long lists, the beginning."""
    per_split = {split: sum(counts[split] for counts in report.images.values()) for split in SPLITS}
    totals = [sum(counts.values()) for counts in report.images.values()]
    said = [
        f"{sum(totals):,} images of {len(totals):,} classes: "
        + ", ".join(f"{count:,} {split}" for split, count in per_split.items()),
        _of_each_class(totals),
    ]
    if report.few_images:
        few = [f"{name} {count}" for name, count in report.few_images.items()]
        said.append(f"classes of fewer than {FEW_IMAGES} images: {_some(few)}")
    said.append(_of_sizes(report.sizes))
    if report.modes:
        modes = [f"{mode} {count:,}" for mode, count in report.modes.items()]
        animated = f"; {report.animated:,} animated" if report.animated else ""
        said.append(f"pixels: {_some(modes)}{animated}")
    if report.passed_over:
        said.append(
            f"passed over, as not meant as data: {len(report.passed_over):,}: "
            f"{_some(report.passed_over)}"
        )
    reasons = [f"{name}: {reason}" for name, reason in report.left_out.items()]
    said += _listed("left out", "file", reasons)

    across = [group for group in report.exact_groups if len({each.split for each in group}) > 1]
    within = [group for group in report.exact_groups if len({each.split for each in group}) == 1]
    said += _listed("the same image in different splits", "group", map(_together, across))
    said += _listed("the same image within a split", "group", map(_together, within))
    said += _listed(
        "nearly the same image in different splits",
        "pair",
        map(_together, report.near_pairs),
        report.near_pairs_found,
    )
    if not report.near_pairs_all:
        said.append("  and others: with so many found, copies among them, the search ended")
    return said


def draw(
    report: Report,
    sizes: npt.NDArray[np.int64],
    examples: Mapping[str, Images],
    pairs: Images,
    path: Path,
) -> None:
    """Draws the look as one picture; the same arguments give the same bytes.

    Of very many classes not all are shown; the picture says which.

    Args:
        report: by `look`.
        sizes: width and height of each picture, shape (images, 2). Left out of the picture if they
            are all alike.
        examples: by class, images as the network sees them: uint8, shape (examples, height, width,
            channels), of which `DRAWN_EXAMPLES` are shown. Classes may be missing.
        pairs: images of the first of `report.near_pairs`: uint8, shape (pairs, 2, height, width,
            channels), of which `DRAWN_PAIRS` are shown.
        path: the PNG to write.
    """
    shown, how = _classes_to_show(report)
    with_examples = [name for name in report.images if len(examples.get(name, ()))]
    chosen = _spread(with_examples, CLASSES_WITH_EXAMPLES)
    shown_pairs = list(zip(report.near_pairs, pairs, strict=False))[:DRAWN_PAIRS]
    rows_of_examples, rows_of_pairs = -(-len(chosen) // 2), -(-len(shown_pairs) // 3)
    heights = [max(3.0, 1.1 + 0.2 * len(shown))]
    if chosen:
        heights.append(0.35 + 0.98 * rows_of_examples)
    if shown_pairs:
        heights.append(0.35 + 1.9 * rows_of_pairs)

    inches = (10, sum(heights))
    with warnings.catch_warnings(), figure(path, inches, refine=False) as drawing:
        # Matplotlib's font has no Chinese, say; a box stands for what it lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        parts = iter(
            drawing.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        )
        top = next(parts)
        if len(np.unique(sizes, axis=0)) > 1:
            left, right = top.subplots(1, 2, width_ratios=(3, 2))
            _draw_sizes(right, sizes)
        else:
            left = top.subplots()
        _draw_classes(left, {name: report.images[name] for name in shown}, how)
        if chosen:
            part = next(parts)
            of_all = f" ({len(chosen)} of {len(with_examples)} classes)"
            _headline(
                part,
                "as the network sees them" + of_all * (len(chosen) < len(with_examples)),
            )
            room_for = min(DRAWN_EXAMPLES, max(len(examples[name]) for name in chosen))
            for axes, name in _cells(part, rows_of_examples, 2, chosen):
                _draw_strip(axes, examples[name][:room_for], room_for)
                axes.set_title(_beginning(name, 50), fontsize=8, loc="left", pad=2)
        if shown_pairs:
            part = next(parts)
            of_all = f" ({len(shown_pairs)} of {report.near_pairs_found:,} pairs)"
            _headline(
                part,
                "nearly the same in different splits"
                + of_all * (len(shown_pairs) < report.near_pairs_found),
            )
            for axes, (pair, images) in _cells(part, rows_of_pairs, 3, shown_pairs):
                _draw_strip(axes, images, 2)
                axes.set_title(
                    "\n".join(f"{each.split}: {_ending(each.name, 40)}" for each in pair),
                    fontsize=8,
                    loc="left",
                    pad=2,
                )


def _sizes(sizes: npt.NDArray[np.int64]) -> Sizes:
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


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The commonest first; the equally common by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _of_each_class(totals: Sequence[int]) -> str:
    if min(totals) == max(totals):
        return f"of each class {totals[0]:,}"
    return f"of each class {min(totals):,} to {max(totals):,}, median {np.median(totals):,.0f}"


def _of_sizes(sizes: Sizes) -> str:
    if sizes.distinct == 1:
        return f"picture size: {next(iter(sizes.commonest))}"
    width, height = (
        f"{side.min:,} to {side.max:,} (median {side.median:,.0f})"
        for side in (sizes.width, sizes.height)
    )
    commonest = [f"{size} ({count:,})" for size, count in list(sizes.commonest.items())[:3]]
    return (
        f"picture sizes: {sizes.distinct:,}; width {width}, height {height}; most often "
        f"{', '.join(commonest)}"
    )


def _listed(title: str, unit: str, items: Iterable[str], count: int | None = None) -> list[str]:
    """A line that counts, and one for each of the first items; of `count`, if not all are given."""
    every = list(items)
    count = len(every) if count is None else count
    if not count:
        return [f"{title}: none"]
    said = [f"{title}: {count:,} {unit}{'s' * (count > 1)}"]
    said += [f"  {item}" for item in every[:PRINTED]]
    if count > PRINTED:
        said.append(f"  and {count - PRINTED:,} more")
    return said


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - PRINTED:,} more" if len(items) > PRINTED else ""
    return ", ".join(items[:PRINTED]) + more


def _together(images: Sequence[Named]) -> str:
    return _some([f"{each.name} ({each.split})" for each in images])


def _classes_to_show(report: Report) -> tuple[list[str], str]:
    """The classes by their number of images, the most first, and a headline that says which."""
    totals = {name: sum(counts.values()) for name, counts in report.images.items()}
    ordered = sorted(totals, key=lambda name: -totals[name])
    if len(ordered) <= DRAWN_CLASSES:
        return ordered, "images per class"
    half = DRAWN_CLASSES // 2
    return (
        ordered[:half] + ordered[-half:],
        f"images per class: of {len(ordered):,}, the {half} largest and the {half} smallest",
    )


def _spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many, from the first to the last at even steps."""
    if len(names) <= most:
        return list(names)
    return [names[place] for place in np.linspace(0, len(names) - 1, most).astype(int)]


def _draw_classes(axes: Axes, images: Mapping[str, Mapping[SplitName, int]], headline: str) -> None:
    rows = np.arange(len(images))
    totals = np.zeros(len(images))
    for split in SPLITS:
        counts = np.array([each[split] for each in images.values()])
        axes.barh(rows, counts, 0.75, totals, color=_COLOURS[split], label=split)
        totals += counts
    for row, total in enumerate(totals):
        axes.text(total, row, f" {total:,.0f}", va="center", fontsize=8)
    axes.set_yticks(rows, [_beginning(name, 28) for name in images])
    axes.set(xlim=(0, max(totals.max(), 1) * 1.12), ylim=(len(rows) - 0.4, -0.6))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(_thousands())
    axes.grid(False, axis="y")
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_title(headline, fontsize=10, weight="bold", loc="left", pad=22)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, borderpad=0, handlelength=1
    )


def _draw_sizes(axes: Axes, sizes: npt.NDArray[np.int64]) -> None:
    """A dot for pictures of about the same size, the larger the more there are."""
    bins = []
    for side, axis, scale in (
        (sizes[:, 0], axes.xaxis, axes.set_xscale),
        (sizes[:, 1], axes.yaxis, axes.set_yscale),
    ):
        low, high = side.min(), side.max()
        if high > 5 * low:
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.set_minor_locator(NullLocator())
            within = np.log(side / low) / np.log(high / low) * (SIZE_BINS - 1)
        else:
            axis.set_major_locator(MaxNLocator(5, integer=True))
            # Whole pixels, so that no bin has more sizes than the next.
            within = (side - low) // -(-(high - low + 1) // SIZE_BINS)
        axis.set_major_formatter(_thousands())
        bins.append(within.astype(np.int64))
    _, dot, counts = np.unique(
        bins[0] * SIZE_BINS + bins[1], return_inverse=True, return_counts=True
    )
    width, height = (np.bincount(dot, side) / counts for side in sizes.T)
    area = 4 + 196 * np.sqrt(counts / counts.max())  # the root shows rare sizes
    axes.scatter(width, height, area, color=BLUE, alpha=0.6, linewidths=0)
    axes.set_title("picture sizes", fontsize=10, weight="bold", loc="left", pad=22)
    axes.set_xlabel("width (pixels)", fontsize=8)
    axes.set_ylabel("height (pixels)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_box_aspect(1)
    axes.set_anchor("NW")


def _draw_strip(axes: Axes, images: Images, room_for: int) -> None:
    """Images in a row, at its left where there is room for more."""
    count, height, width, channels = images.shape
    gap = max(1, width // 16)
    strip = np.full((height, room_for * (width + gap) - gap, channels), _WHITE, np.uint8)
    for place in range(count):
        begin = place * (width + gap)
        strip[:, begin : begin + width] = images[place]
    axes.imshow(strip.squeeze(), cmap="gray", vmin=0, vmax=255)
    axes.set_anchor("W")


def _headline(part: SubFigure, text: str) -> None:
    part.suptitle(text, x=0.01, ha="left", fontsize=10, weight="bold")


def _cells(
    part: SubFigure, rows: int, columns: int, items: Sequence[Item]
) -> Iterator[tuple[Axes, Item]]:
    """An empty axes for each item, without lines and ticks."""
    every = part.subplots(rows, columns, squeeze=False).ravel()
    for axes in every:
        axes.set_axis_off()
    yield from zip(every, items, strict=False)


def _beginning(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _ending(name: str, most: int) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}")
