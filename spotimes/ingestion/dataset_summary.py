"""A dataset's report in a few lines of plain text."""

from collections.abc import Iterable, Sequence

import numpy as np

from spotimes.dataset.prepared import SPLITS
from spotimes.ingestion.dataset_report import (
    FEW_IMAGES,
    Named,
    Report,
    Sizes,
    WidePixels,
    WithoutLabels,
)

PRINTED = 10
ENDED = "  and others: with so many found, copies among them, the search ended"
FEW_TO_TRAIN = 500  # of a class, from random weights
FEW = 0.5  # of the range of values: at least one of 8 bits says nothing


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
    if report.wide:
        said += _of_wide(report.wide)
    if report.cut_off:
        missing = [f"{name}: {rows}" for name, rows in report.cut_off.items()]
        said += _listed("cut off, and used all the same", "file", missing)
    said += [f"folders: {line}" for line in report.layout]
    if report.groups is not None:
        in_each = [f"{count:,} {split}" for split, count in report.groups.items()]
        total = sum(report.groups.values())
        said.append(f"groups that stay together: {total:,}: {', '.join(in_each)}")
    if report.ignored:
        said.append(
            f"ignored, as not meant as data: {len(report.ignored):,}: {_some(report.ignored)}"
        )
    reasons = [f"{name}: {reason}" for name, reason in report.excluded.items()]
    said += _listed("excluded", "file", reasons)

    across, within = report.groups_across_splits, report.groups_within_a_split
    said += _listed("the same image in different splits", "group", map(_together, across))
    said += _listed("the same image within a split", "group", map(_together, within))
    said += _listed(
        "nearly the same image in different splits",
        "pair",
        map(_together, report.near_pairs),
        report.near_pairs_found,
    )
    if not report.near_pairs_all:
        said.append(ENDED)
    if report.unlabelled is not None:
        said += _of_unlabelled(report.unlabelled)
    return said


def advice(report: Report) -> list[str]:
    """What would suit the dataset better than to train a network from random weights."""
    name = min(report.images, key=lambda each: report.images[each]["train"])
    count = report.images[name]["train"]
    if count >= FEW_TO_TRAIN:
        return []
    return [
        f"few images to train on: {count:,} of {name}; with fewer than {FEW_TO_TRAIN} a class, let "
        "the network begin with",
        "  weights that have learnt from ImageNet, which makes it far more accurate: make preset "
        "NAME=few_pictures",
    ]


def _of_unlabelled(found: WithoutLabels) -> list[str]:
    said = [f"without labels: {found.images:,} images"]
    if found.copies:
        said[0] += f", {found.copies:,} of them copies of training images, or of each other"
    if found.cut_off:
        missing = [f"{name}: {rows}" for name, rows in found.cut_off.items()]
        said += _listed("without labels, cut off, and used all the same", "file", missing)
    if found.ignored:
        ignored = f"{len(found.ignored):,}: {_some(found.ignored)}"
        said.append(f"without labels, ignored, as not meant as data: {ignored}")
    reasons = [f"{name}: {reason}" for name, reason in found.excluded.items()]
    said += _listed("without labels, excluded", "file", reasons)
    near = [f"{name}: {other}" for name, other in found.near.items()]
    said += _listed("without labels, nearly the same as in validation or test", "file", near)
    return said if found.near_all else [*said, ENDED]


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


def _of_wide(wide: WidePixels) -> list[str]:
    said = (
        f"more than 8 bits a channel: {wide.pictures:,} pictures, with values {wide.low:,.10g} to "
        f"{wide.high:,.10g}"
    )
    if wide.black is None or wide.white is None:
        return [said]
    said += f"; {wide.black:,.10g} becomes black and {wide.white:,.10g} white"
    if wide.share_inside < FEW:
        return [
            said,
            f"  {1 - wide.share_inside:.1%} of the values' range become black or white alike, as "
            "they are outside; is it these that",
            "  prepare.image.range is for? data takes them all",
        ]
    if wide.used_share >= FEW:
        return [said]
    levels = max(1, round(wide.used_share * 256))
    return [
        said,
        f"  that is {wide.used_share:.1%} of the range, about {levels} of 256 levels; "
        "prepare.image.range: data spreads it over all",
    ]


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
