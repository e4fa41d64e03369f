"""The record of a cross-validation: its two files in metrics/, and what is printed."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from statistics import stdev
from typing import Any

import pandas as pd

from spotimes.crossvalidation.folds import Fold
from spotimes.crossvalidation.result import Result
from spotimes.evaluation.metrics import Accuracy
from spotimes.figures import ACCURACIES

PRINTED = 3  # confusions


def document(result: Result, made: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics/crossvalidation.json holds.

    Args:
        result: of the cross-validation.
        made: how its folds were made.
    """
    test = result.test_split
    return {
        "made": dict(made),
        **result.pooled.model_dump(exclude_defaults=True, exclude={"budgets"}),
        "spread": spread(result),
        "confusions": result.confusions,
        "temperature": result.temperature._asdict(),
        "test_split": test and {"images": test.images, "int8": test.int8.model_dump()},
    }


def spread(result: Result) -> dict[str, float]:
    """How the INT8 models' top-1 differs from fold to fold.

    `by_chance` is the standard deviation of the shares of as many images, if all networks had the
    accuracy of all images together (binomial).
    """
    shares = [each.int8.top1 for each in result.of_folds]
    top1, images = result.pooled.int8.top1, result.pooled.images / len(shares)
    return {
        "lowest": min(shares),
        "highest": max(shares),
        "standard_deviation": stdev(shares),
        "by_chance": sqrt(top1 * (1 - top1) / images),
    }


def table(result: Result, folds: Sequence[Fold]) -> pd.DataFrame:
    """A row a fold: how many images it had for what, and the accuracies on what it held out."""
    rows = []
    for number, (fold, found) in enumerate(zip(folds, result.of_folds, strict=True), 1):
        sizes = {name: len(indices) for name, indices in fold._asdict().items()}
        accuracies = {
            f"{name}_{figure.key}": getattr(getattr(found, name), figure.key)
            for name in ("fp32", "int8")
            for figure in ACCURACIES
        }
        rows.append({"fold": number, **sizes, **accuracies})
    return pd.DataFrame(rows)


def lines(result: Result) -> Iterator[str]:
    """What was found, in plain text."""
    pooled = result.pooled
    yield f"INT8 top-1 of all {pooled.images:,} pictures: {_top1(pooled.int8)}"
    yield f"FP32 {_top1(pooled.fp32)}"
    worst = min(pooled.int8.class_top1, key=lambda name: pooled.int8.class_top1[name])
    yield (
        f"balanced accuracy {pooled.int8.balanced_accuracy:.2%}, worst class "
        f"{worst} {pooled.int8.worst_class:.2%}"
    )
    found = spread(result)
    yield (
        f"folds: {found['lowest']:.2%} to {found['highest']:.2%}, standard deviation "
        f"{100 * found['standard_deviation']:.1f} points; by chance alone "
        f"{100 * found['by_chance']:.1f}"
    )
    if result.confusions:
        most = [
            f"{each['actual']} as {each['predicted']} {each['images']:,} of {each['of']:,}"
            for each in result.confusions[:PRINTED]
        ]
        yield f"most often confused: {'; '.join(most)}"
    yield (
        f"{result.temperature} outside the test split; quantize.temperature in params.yaml takes it"
    )
    if (test := result.test_split) is not None:
        yield (
            f"the test split alone, by metrics/evaluate.json: {_top1(test.int8)} of "
            f"{test.images:,} pictures"
        )


def duration(seconds: float) -> str:
    """A time for people: `40 s`, `7 minutes`, `2.5 hours`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def _top1(found: Accuracy) -> str:
    return f"{found.top1:.2%} (95% interval {found.top1_low:.2%} to {found.top1_high:.2%})"
