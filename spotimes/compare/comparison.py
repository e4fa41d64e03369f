"""Two revisions' INT8 models beside each other: what each costs, and how accurate it is."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from spotimes.benchmarking.latency import Ratio
from spotimes.compare import compared_model, held_out, paired_latency, rows
from spotimes.compare.answers import Answers, ClassFlips, class_flips, flips, unshared_classes
from spotimes.compare.flips import Flip
from spotimes.compare.rows import Row
from spotimes.dataset.image_file import ImageSource
from spotimes.dataset.prepared import load_card, load_split
from spotimes.errors import InputError
from spotimes.params.compare import Compare


class Comparison(NamedTuple):
    """A comparison.

    Attributes:
        names: of both revisions, for people.
        rows: what was measured.
        ratio: of latency, the second's over the first's, or None.
        images: the test images, uint8, shape (images, height, width, channels).
        flips: those that were lost and gained.
        class_flips: how many of each class.
        unshared_classes: those that only the one model knows, and those that only the other does.
    """

    names: tuple[str, str]
    rows: list[Row]
    ratio: Ratio | None
    images: ImageSource
    flips: dict[str, list[Flip]]
    class_flips: list[ClassFlips]
    unshared_classes: tuple[list[str], list[str]]


def compare(before: str, after: str | None, params: Compare, bins: int) -> Comparison:
    """Compares two revisions.

    Args:
        before: a revision.
        after: another, or None for the working tree.
        params: how.
        bins: of the calibration error.

    Raises:
        InputError: a revision is unknown, a model is damaged, or neither has one.
    """
    split, card = load_split("test"), load_card()
    held_out.check_prepared(split)
    with tempfile.TemporaryDirectory() as folder:
        models = (
            compared_model.find(before, Path(folder) / "before.tflite"),
            compared_model.find(after, Path(folder) / "after.tflite"),
        )
        first, second = models
        names = (first.name, second.name)
        if first.path is None and second.path is None:
            raise InputError(f"{names[0]} and {names[1]}: neither has {compared_model.MODEL}")
        costs = [
            rows.measure_costs(model.path) if model.path else None
            for model in tqdm(models, desc="counting", unit="model")
        ]
        latency = None
        if first.path and second.path:
            latency = paired_latency.measure(first.path, second.path, params.timing)
        answers: list[Answers | None] = []
        untested = []
        for model in tqdm(models, desc="classifying", unit="model"):
            answered = model.answers(split, card)
            answers.append(None if isinstance(answered, str) else answered)
            untested += [f"{model.name}: {answered}"] if isinstance(answered, str) else []
    one, other = answers
    return Comparison(
        names=names,
        rows=[
            *rows.cost_rows(*costs),
            rows.latency_row(latency, params.smallest_ratio),
            *rows.accuracy_rows(one, other, "; ".join(untested)),
            rows.calibration_row(one, other, bins, "; ".join(untested)),
            *rows.device_rows(one, other, "; ".join(untested)),
            *rows.unknown_rows(one, other, "; ".join(untested)),
        ],
        ratio=latency and latency.ratio,
        images=split.images,
        flips=flips(one, other) if one and other else {"lost": [], "gained": []},
        class_flips=class_flips(one, other) if one and other else [],
        unshared_classes=unshared_classes(one, other) if one and other else ([], []),
    )
