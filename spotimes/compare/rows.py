"""The rows of a comparison: each figure of both models, how it changed, and a verdict."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spotimes.compare import verdict
from spotimes.compare.answers import Answers, common_classes
from spotimes.compare.paired_latency import PairedLatency
from spotimes.compare.verdict import Outcome, Verdict
from spotimes.evaluation import calibration, device, foreign
from spotimes.evaluation.calibration import Confidence
from spotimes.evaluation.foreign import Scored
from spotimes.evaluation.metrics import Device
from spotimes.evaluation.statistics import (
    ACCURACY_STATISTICS,
    ByClass,
    Correct,
    Difference,
    auroc_difference,
    paired_difference,
)
from spotimes.export import exported
from spotimes.figures import ACCURACIES, DEVICE, FIGURES, FILE_PARTS, UNKNOWN, Figure
from spotimes.tflite import arena, instructions
from spotimes.tflite.tflite_file import TFLiteFile

ONE_MODEL = "there is one model only"
NO_LIMIT = "a model has no limit of the score"
NOTHING_IN_COMMON = "the models have no class in common"
COUNTED = ("arena_bytes", "c_ram_bytes", "macs", "instructions")
# How far counts of one model differ, as a share.
SPREADS = {"instructions": instructions.SPREAD}


class Row(NamedTuple):
    """A row of the comparison.

    Attributes:
        figure: what was measured.
        title: for people, with what it was measured on.
        before: the value, or None.
        after: likewise.
        change: in words, with an interval where there is one.
        verdict: what can be said.
    """

    figure: Figure
    title: str
    before: float | None
    after: float | None
    change: str
    verdict: Verdict


class Costs(NamedTuple):
    """What a model costs on every machine alike.

    Attributes:
        parts: bytes of its file, by part; `file` is all of it.
        counts: of `COUNTED`, by the figure's key; None where it could not be counted.
        notes: why not, by the figure's key.
    """

    parts: Mapping[str, int]
    counts: Mapping[str, int | None]
    notes: Mapping[str, str]


def measure_costs(path: Path) -> Costs:
    """Measures what an image classifier's file costs."""
    content = path.read_bytes()
    file = TFLiteFile(content)
    needed, counted = arena.measure(content), instructions.measure(path)
    as_c = exported.ram(content)
    notes = {
        "arena_bytes": needed.note,
        "c_ram_bytes": as_c.note,
        "instructions": counted.note,
    }
    return Costs(
        parts=file.bytes_by_part(),
        counts={
            "arena_bytes": needed.bytes,
            "c_ram_bytes": as_c.bytes,
            "macs": file.macs(),
            "instructions": counted.number,
        },
        notes={key: note for key, note in notes.items() if note is not None},
    )


def cost_rows(before: Costs | None, after: Costs | None) -> list[Row]:
    """The rows of what is counted; None stands for a model that is not there."""
    parts = {"file": FIGURES["bytes"]} | {
        part: Figure(f"bytes.{part}", f"- {part}", "bytes") for part in FILE_PARTS
    }
    notes = {**(before.notes if before else {}), **(after.notes if after else {})}
    return [
        *(
            _counted(figure, before and before.parts[part], after and after.parts[part])
            for part, figure in parts.items()
        ),
        *(
            _counted(
                FIGURES[key],
                before and before.counts[key],
                after and after.counts[key],
                notes.get(key, ONE_MODEL),
            )
            for key in COUNTED
        ),
    ]


def latency_row(latency: PairedLatency | None, smallest: float) -> Row:
    """The row of latency.

    Args:
        latency: of both models, or None where there is one model only.
        smallest: the ratio from which on it is called better or worse.
    """
    figure = FIGURES["latency"]
    if latency is None:
        return _unknown(figure, None, None, ONE_MODEL)
    ratio = latency.ratio
    change = f"{ratio.median:.3f} times ({ratio.low:.3f} to {ratio.high:.3f})"
    judged = verdict.of_latency(ratio, smallest)
    return Row(figure, figure.heading, latency.first_us, latency.second_us, change, judged)


def accuracy_rows(
    before: Answers | None, after: Answers | None, reason: str = ONE_MODEL
) -> list[Row]:
    """The rows of accuracy, on the images whose class both models know.

    Args:
        before: the one model's answers, or None.
        after: the other's.
        reason: why there are none.
    """
    if before is None or after is None:
        first, second = ([*each.by_class().values()] if each else [] for each in (before, after))
        return [
            _unknown(figure, _accuracy(figure, first), _accuracy(figure, second), reason)
            for figure in ACCURACIES
        ]
    classes = common_classes(before, after)
    if not classes:
        return [_unknown(figure, None, None, NOTHING_IN_COMMON) for figure in ACCURACIES]
    return [_accuracy_row(figure, classes) for figure in ACCURACIES]


def calibration_row(
    before: Answers | None, after: Answers | None, bins: int, reason: str = ONE_MODEL
) -> Row:
    """The row of the calibration error, on the images whose class both models know.

    Args:
        before: the one model's answers, or None.
        after: the other's.
        bins: of the error.
        reason: why there are none.
    """
    figure = FIGURES["calibration_error"]
    known = _of_known_class(before, after)
    if not np.any(known):
        return _unknown(figure, None, None, reason)
    found = [
        each
        and Confidence.of(each.steps[known].astype(np.float64) / device.STEPS, each.labels[known])
        for each in (before, after)
    ]
    first, second = (each and each.error(bins) for each in found)
    if found[0] is None or found[1] is None:
        return _unknown(figure, first, second, reason)
    change = calibration.difference(found[0], found[1], bins)
    return Row(figure, figure.heading, first, second, _points(change), _of_loss(change))


def device_rows(
    before: Answers | None, after: Answers | None, reason: str = ONE_MODEL
) -> list[Row]:
    """The rows of what a microcontroller answers, on the images whose class both models know.

    Args:
        before: the one model's answers, or None.
        after: the other's.
        reason: why there are none.
    """
    known = _of_known_class(before, after)
    if not np.any(known):
        return [_unknown(figure, None, None, reason) for figure in DEVICE]
    reasons = [each.device for each in (before, after) if each and isinstance(each.device, str)]
    first, second = (_on_device(each, known) for each in (before, after))
    if first is None or second is None:
        why = "; ".join(reasons) or reason
        return [
            _unknown(figure, _value(first, figure), _value(second, figure), why)
            for figure in DEVICE
        ]
    pairs = {
        "device_top1": (first.correct, second.correct),
        "device_agreement": (first.same, second.same),
    }
    rows = []
    for figure in DEVICE:
        one, other = _value(first, figure), _value(second, figure)
        if figure.key in pairs:
            change = paired_difference(*pairs[figure.key])
            judged = verdict.of_difference(change)
            rows.append(Row(figure, figure.heading, one, other, _points(change), judged))
        else:
            rows.append(_counted(figure, one, other))
    return rows


def _of_known_class(before: Answers | None, after: Answers | None) -> Correct:
    """Which images are of a class that all models here know."""
    sides = [each for each in (before, after) if each is not None]
    known: Correct = np.all([each.labels >= 0 for each in sides], axis=0)
    return known


class _OnDevice(NamedTuple):
    """What a microcontroller answers: the figures, what is correct, and what is as LiteRT's."""

    found: Device
    correct: Correct
    same: Correct


def _value(side: _OnDevice | None, figure: Figure) -> float | None:
    return None if side is None else getattr(side.found, figure.key)


def _on_device(answers: Answers | None, known: Correct) -> _OnDevice | None:
    if answers is None or isinstance(answers.device, str):
        return None
    here, there = answers.steps[known], answers.device[known]
    labels, answered = answers.labels[known], there.argmax(axis=1)
    found = device.measure(here, there, labels)
    return _OnDevice(found, answered == labels, answered == here.argmax(axis=1))


def unknown_rows(
    before: Answers | None, after: Answers | None, reason: str = ONE_MODEL
) -> list[Row]:
    """The rows of what is taken as known; known are the images whose class both models know.

    Args:
        before: the one model's answers, or None.
        after: the other's.
        reason: why there are none.
    """
    known = _of_known_class(before, after)
    if not np.any(known):
        return [_unknown(figure, None, None, reason) for figure in UNKNOWN]
    first, second = (
        each and each.scored._replace(known=each.scored.known[known]) for each in (before, after)
    )
    return [_unknown_row(figure, first, second, reason) for figure in UNKNOWN]


def _unknown_row(figure: Figure, before: Scored | None, after: Scored | None, reason: str) -> Row:
    first, second = (
        None if each is None else getattr(foreign.measure(each), figure.key)
        for each in (before, after)
    )
    if before is None or after is None:
        return _unknown(figure, first, second, reason)
    if first is None or second is None:
        return _unknown(figure, first, second, NO_LIMIT)
    if figure.key == "foreign_auroc":
        pairs = ((each.known, each.every_foreign) for each in (before, after))
        difference = auroc_difference(*pairs)
    else:
        scores = "known" if figure.key == "known_kept" else "every_foreign"
        difference = paired_difference(
            *(getattr(each, scores) >= each.unknown_below for each in (before, after))
        )
    judged = verdict.of_difference(difference)
    if not figure.higher_is_better:
        judged = _of_loss(difference)
    return Row(figure, figure.heading, first, second, _points(difference), judged)


def _of_loss(change: Difference) -> Verdict:
    """Of what is the better, the lower it is."""
    return verdict.of_difference(Difference(-change.value, -change.high, -change.low))


def _accuracy_row(figure: Figure, classes: Mapping[str, tuple[Correct, Correct]]) -> Row:
    first, second = ([pair[side] for pair in classes.values()] for side in (0, 1))
    difference = ACCURACY_STATISTICS[figure.key].difference(first, second)
    change, judged = _points(difference), verdict.of_difference(difference)
    title = figure.heading
    if figure.key == "top1":
        images = sum(map(len, first))
        title += f", {images:,} images of {len(classes):,} classes"
        paired = verdict.paired(np.concatenate(first), np.concatenate(second))
        change += f", p = {paired.p_value:.2g}"
        judged = verdict.of_accuracy(paired)
    elif figure.key == "worst_class":
        worst = [min(classes, key=lambda name: classes[name][side].mean()) for side in (0, 1)]
        title += f" ({', then '.join(dict.fromkeys(worst))})"
    return Row(figure, title, _accuracy(figure, first), _accuracy(figure, second), change, judged)


def _accuracy(figure: Figure, classes: ByClass) -> float | None:
    return ACCURACY_STATISTICS[figure.key].value(classes) if classes else None


def _points(difference: Difference) -> str:
    value, low, high = (100 * each for each in difference)
    return f"{value:+.2f} points ({low:+.2f} to {high:+.2f})"


def _counted(
    figure: Figure, before: float | None, after: float | None, reason: str = ONE_MODEL
) -> Row:
    if before is None or after is None:
        return _unknown(figure, before, after, reason)
    change = "" if before == after else f"{after - before:+,}"
    if before and before != after:
        change += f" ({100 * (after / before - 1):+.1f}%)"
    judged = verdict.of_cost(before, after, SPREADS.get(figure.key, 0))
    return Row(figure, figure.heading, before, after, change, judged)


def _unknown(figure: Figure, before: float | None, after: float | None, reason: str) -> Row:
    return Row(figure, figure.heading, before, after, "", Verdict(Outcome.UNKNOWN, reason))
