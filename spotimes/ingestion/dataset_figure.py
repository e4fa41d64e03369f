"""A dataset's report as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from spotimes.dataset.prepared import SPLITS, SplitName
from spotimes.ingestion.dataset_report import Report
from spotimes.ingestion.selection import Selection
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import EXCLUDED, TRAIN
from spotimes.plotting.figure import BLUE, ORANGE, PURPLE, figure
from spotimes.plotting.labels import label

DRAWN_CLASSES = 30
DRAWN_EXAMPLES = 5
CLASSES_WITH_EXAMPLES = 20
DRAWN_PAIRS = 6
SIZE_BINS = 24  # along a side

_COLOURS = dict(zip(SPLITS, (BLUE, ORANGE, PURPLE), strict=True))
_WHITE = 255

Images = npt.NDArray[np.uint8]
Sizes = npt.NDArray[np.int32]
Item = TypeVar("Item")


def draw(report: Report, source: Source, selection: Selection, path: Path) -> None:
    """Draws the images of each class, their sizes, examples and near copies as one picture.

    Of very many classes not all are shown; the picture says which. Sizes are shown if they differ.
    The same arguments give the same bytes.

    Args:
        report: by `report_of`, of the same source and selection.
        source: whose images.
        selection: which of them.
        path: the PNG to write.
    """
    sizes = source.headers.sizes[selection.split_of != EXCLUDED]
    classes, headline = _classes_to_show(report)
    examples = _examples(source, selection)
    pairs = source.images[selection.near[:DRAWN_PAIRS]]
    rows_of_examples, rows_of_pairs = -(-len(examples) // 2), -(-len(pairs) // 3)
    heights = [max(3.0, 1.1 + 0.2 * len(classes))]
    if rows_of_examples:
        heights.append(0.35 + 0.98 * rows_of_examples)
    if rows_of_pairs:
        heights.append(0.35 + 1.9 * rows_of_pairs)

    inches = (10, sum(heights))
    with figure(path, inches, refine=False) as drawing:
        parts = iter(
            drawing.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        )
        top = next(parts)
        if len(np.unique(sizes, axis=0)) > 1:
            left, right = top.subplots(1, 2, width_ratios=(3, 2))
            _draw_sizes(right, sizes)
        else:
            left = top.subplots()
        _draw_classes(left, {name: report.images[name] for name in classes}, headline)
        if rows_of_examples:
            _draw_examples(next(parts), rows_of_examples, examples, len(report.images))
        if rows_of_pairs:
            _draw_pairs(next(parts), rows_of_pairs, pairs, report)


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


def _examples(source: Source, selection: Selection) -> dict[str, Images]:
    """The first training images of each class, or of very many classes of some."""
    classes = len(source.card.class_names)
    shown = np.linspace(0, classes - 1, min(classes, CLASSES_WITH_EXAMPLES)).astype(int)
    train = selection.indices_of(TRAIN)
    return {
        source.card.class_names[label]: source.images[
            train[source.labels[train] == label][:DRAWN_EXAMPLES]
        ]
        for label in shown
    }


def _draw_classes(axes: Axes, images: Mapping[str, Mapping[SplitName, int]], headline: str) -> None:
    rows = np.arange(len(images))
    totals = np.zeros(len(images))
    for split in SPLITS:
        counts = np.array([each[split] for each in images.values()])
        axes.barh(rows, counts, 0.75, totals, color=_COLOURS[split], label=split)
        totals += counts
    for row, total in enumerate(totals):
        axes.text(total, row, f" {total:,.0f}", va="center", fontsize=8)
    axes.set_yticks(rows, [label(name, 28) for name in images])
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


def _draw_sizes(axes: Axes, sizes: Sizes) -> None:
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


def _draw_examples(
    part: SubFigure, rows: int, examples: Mapping[str, Images], classes: int
) -> None:
    of_all = f" ({len(examples)} of {classes} classes)" if len(examples) < classes else ""
    _headline(part, f"as the network sees them{of_all}")
    most = max(map(len, examples.values()))
    for axes, (name, images) in _cells(part, rows, 2, list(examples.items())):
        _draw_strip(axes, images, most)
        axes.set_title(label(name, 50), fontsize=8, loc="left", pad=2)


def _draw_pairs(part: SubFigure, rows: int, pairs: Images, report: Report) -> None:
    found = report.near_pairs_found
    of_all = f" ({len(pairs)} of {found:,} pairs)" if len(pairs) < found else ""
    _headline(part, f"nearly the same in different splits{of_all}")
    named = list(zip(report.near_pairs, pairs, strict=False))
    for axes, (pair, images) in _cells(part, rows, 3, named):
        _draw_strip(axes, images, 2)
        title = "\n".join(f"{each.split}: {label(_ending(each.name, 40), 40)}" for each in pair)
        axes.set_title(title, fontsize=8, loc="left", pad=2)


def _draw_strip(axes: Axes, images: Images, most: int) -> None:
    """Images in a row, at the left of a strip for `most` of them."""
    count, height, width, channels = images.shape
    gap = max(1, width // 16)
    strip = np.full((height, most * (width + gap) - gap, channels), _WHITE, np.uint8)
    for index in range(count):
        begin = index * (width + gap)
        strip[:, begin : begin + width] = images[index]
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


def _ending(name: str, most: int) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}")
