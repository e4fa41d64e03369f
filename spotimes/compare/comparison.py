"""Two models beside each other: what each costs and gets right, and what can be said of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.benchmarking.latency import Ratio
from spotimes.compare import verdict
from spotimes.compare.flips import Flip
from spotimes.compare.verdict import Verdict, Word
from spotimes.dataset.prepared import LabelledImages
from spotimes.evaluation.statistics import Difference, class_accuracy, worst_class_difference
from spotimes.inference.classifier import Classifier
from spotimes.tflite import arena, instructions
from spotimes.tflite.tflite_file import TFLiteFile

BATCH = 500
ONE_MODEL = "there is one model only"
PARTS = ("file", "weights", "quantization", "metadata", "rest")


class Answers(NamedTuple):
    """What a classifier says of labelled images.

    Attributes:
        labels: int64, shape (images,), of the classifier's own classes; -1 for a class that it
            does not know.
        predicted: int64, shape (images,).
        class_names: of the classifier.
    """

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    class_names: tuple[str, ...]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Bool, shape (images,)."""
        right: npt.NDArray[np.bool_] = self.predicted == self.labels
        return right

    def accuracy_by_class(self) -> dict[str, float]:
        """Of the classes that have an image."""
        known = self.labels >= 0
        shares = class_accuracy(self.predicted[known], self.labels[known], len(self.class_names))
        return {
            name: float(share)
            for name, share in zip(self.class_names, shares, strict=True)
            if not np.isnan(share)
        }


class Facts(NamedTuple):
    """What a model is, and costs.

    Attributes:
        bytes: of its file, by part.
        macs: multiply-accumulates of an inference.
        arena_bytes: RAM on a microcontroller, or None.
        instructions: of an inference, or None.
        notes: why a figure is None, by its name.
    """

    bytes: Mapping[str, int]
    macs: int
    arena_bytes: int | None
    instructions: int | None
    notes: Mapping[str, str]


class Row(NamedTuple):
    """A line of the comparison.

    Attributes:
        key: names it.
        title: for people, with its unit.
        before: the figure, or None.
        after: likewise.
        change: in words, with an interval where there is one.
        verdict: what can be said.
    """

    key: str
    title: str
    before: float | None
    after: float | None
    change: str
    verdict: Verdict


def facts(path: Path) -> Facts:
    """Measures what does not depend on the machine, of an image classifier's file."""
    content = path.read_bytes()
    file = TFLiteFile(content)
    needed, counted = arena.measure(content), instructions.measure(path)
    notes = {"arena_bytes": needed.note, "instructions": counted.note}
    return Facts(
        file.bytes_by_part(),
        file.macs(),
        needed.bytes,
        counted.number,
        {name: note for name, note in notes.items() if note is not None},
    )


def answers(classifier: Classifier, split: LabelledImages, class_names: Sequence[str]) -> Answers:
    """Classifies labelled images.

    Args:
        classifier: a model.
        split: the images, of the size that it takes, and their labels.
        class_names: what the labels stand for.
    """
    known = classifier.contract.class_names
    place = {name: index for index, name in enumerate(known)}
    own = np.array([place.get(name, -1) for name in class_names], np.int64)
    predicted = []
    for start in range(0, len(split.labels), BATCH):
        images = split.images[start : start + BATCH]
        predicted.append(classifier.probabilities(images).argmax(axis=1))
    return Answers(own[split.labels], np.concatenate(predicted), known)


def cost_rows(before: Facts | None, after: Facts | None) -> list[Row]:
    """The lines of what is counted."""
    rows = [
        _counted(
            "bytes" if part == "file" else f"bytes.{part}",
            "file, bytes" if part == "file" else f"- {part}",
            before and before.bytes[part],
            after and after.bytes[part],
        )
        for part in PARTS
    ]
    for key, title in (
        ("arena_bytes", "RAM on a microcontroller, bytes"),
        ("macs", "multiply-accumulates"),
        ("instructions", "instructions an inference"),
    ):
        notes = {**(before.notes if before else {}), **(after.notes if after else {})}
        rows.append(
            _counted(
                key, title, getattr(before, key, None), getattr(after, key, None), notes.get(key)
            )
        )
    return rows


def latency_row(ratio: Ratio, before_us: float, after_us: float, smallest: float) -> Row:
    """The line of latency."""
    change = f"{ratio.median:.3f} times ({ratio.low:.3f} to {ratio.high:.3f})"
    judged = verdict.of_latency(ratio, smallest)
    return Row("latency", "latency, us", before_us, after_us, change, judged)


def accuracy_rows(
    before: Answers | None, after: Answers | None, reason: str = ONE_MODEL
) -> list[Row]:
    """The lines of accuracy, on the images whose class both know.

    Args:
        before: of the one model, or None.
        after: likewise of the other.
        reason: why there is none.
    """
    unknown = Verdict(Word.UNKNOWN, reason)
    if before is None or after is None:
        sides = (before, after)
        first, second = (each and float(each.right.mean()) for each in sides)
        worst, worst_after = (each and min(each.accuracy_by_class().values()) for each in sides)
        return [
            Row("top1", "top-1", first, second, "", unknown),
            Row("worst_class", "worst class", worst, worst_after, "", unknown),
        ]
    both = (before.labels >= 0) & (after.labels >= 0)
    if not both.any():
        unknown = Verdict(Word.UNKNOWN, "the models have no class in common")
        return [
            Row(key, title, None, None, "", unknown)
            for key, title in (("top1", "top-1"), ("worst_class", "worst class"))
        ]
    paired = verdict.paired(before.right[both], after.right[both])
    change = f"{_points(paired.difference)}, p = {paired.p_value:.2g}"
    rows = [
        Row(
            "top1",
            f"top-1, {both.sum():,} images of {len(by_class(before, after)):,} classes",
            float(before.right[both].mean()),
            float(after.right[both].mean()),
            change,
            verdict.of_accuracy(paired),
        )
    ]
    return [*rows, _worst_class_row(before, after)]


def by_class(before: Answers, after: Answers) -> dict[str, tuple[float, float]]:
    """Both accuracies of each class that both know and that has images."""
    first, second = before.accuracy_by_class(), after.accuracy_by_class()
    return {name: (first[name], second[name]) for name in first if name in second}


def flips(before: Answers, after: Answers) -> dict[str, list[Flip]]:
    """The images that only one of them gets right, of classes that both know."""
    both = (before.labels >= 0) & (after.labels >= 0)
    sides = {"lost": before.right & ~after.right, "gained": ~before.right & after.right}
    return {
        side: [
            Flip(
                place,
                before.class_names[before.predicted[place]],
                after.class_names[after.predicted[place]],
            )
            for place in np.flatnonzero(both & flipped).tolist()
        ]
        for side, flipped in sides.items()
    }


def class_flips(before: Answers, after: Answers) -> list[tuple[str, int, int, Verdict]]:
    """Each class's images lost and gained, and what can be said; the most flips first."""
    found, classes = [], by_class(before, after)
    for name in classes:
        paired = _paired_of_class(before, after, name)
        judged = verdict.of_accuracy(paired, len(classes))
        found.append((name, paired.first_only, paired.second_only, judged))
    return sorted(found, key=lambda each: -(each[1] + each[2]))


def _paired_of_class(before: Answers, after: Answers, name: str) -> verdict.Paired:
    of_class = _of_class(before, name)
    return verdict.paired(before.right[of_class], after.right[of_class])


def classes_apart(before: Answers, after: Answers) -> tuple[list[str], list[str]]:
    """The classes that only the first knows, and those that only the second does."""
    first, second = before.class_names, after.class_names
    return (
        [name for name in first if name not in second],
        [name for name in second if name not in first],
    )


def _worst_class_row(before: Answers, after: Answers) -> Row:
    classes = by_class(before, after)
    worst = [min(classes, key=lambda name: classes[name][side]) for side in (0, 1)]
    difference = worst_class_difference(
        *([each.right[_of_class(before, name)] for name in classes] for each in (before, after))
    )
    return Row(
        "worst_class",
        f"worst class ({', then '.join(dict.fromkeys(worst))})",
        classes[worst[0]][0],
        classes[worst[1]][1],
        _points(difference),
        verdict.of_difference(difference),
    )


def _of_class(answers: Answers, name: str) -> npt.NDArray[np.bool_]:
    of_class: npt.NDArray[np.bool_] = answers.labels == answers.class_names.index(name)
    return of_class


def _points(difference: Difference) -> str:
    value, low, high = (100 * each for each in difference)
    return f"{value:+.2f} points ({low:+.2f} to {high:+.2f})"


def _counted(
    key: str, title: str, before: float | None, after: float | None, note: str | None = None
) -> Row:
    if before is None or after is None:
        reason = note or ONE_MODEL
        return Row(key, title, before, after, "", Verdict(Word.UNKNOWN, reason))
    change = "" if before == after else f"{after - before:+,}"
    if before and before != after:
        change += f" ({100 * (after / before - 1):+.1f}%)"
    spread = instructions.SPREAD if key == "instructions" else 0
    return Row(key, title, before, after, change, verdict.of_cost(before, after, spread))
