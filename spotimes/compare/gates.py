"""Gates: by how much a change may make each figure worse."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from spotimes.benchmarking.latency import Ratio
from spotimes.compare.comparison import Comparison
from spotimes.compare.rows import Row
from spotimes.compare.verdict import Outcome
from spotimes.errors import LimitBrokenError
from spotimes.figures import ACCURACIES, FIGURES, Figure
from spotimes.params.compare import Allowed, Regressions


class Gate(NamedTuple):
    """How one figure stands.

    Attributes:
        name: the figure's key.
        passed: None where it was not measured and need not be.
        sentence: says so, with the value and what is allowed.
    """

    name: str
    passed: bool | None
    sentence: str


def gates(
    compared: Comparison, regressions: Regressions, optional: Collection[str] = ()
) -> list[Gate]:
    """Holds a comparison to what is allowed.

    What could not be measured is broken unless it is optional; what could be measured before and no
    longer can is broken even then: a model that is gone passes nothing.
    Classes that the model no longer knows count for none of the accuracies; where one of these is
    limited, they break a gate of their own.

    Args:
        compared: a latency is broken only where its ratio's whole interval is beyond the limit.
        regressions: what is allowed; what has neither limit has no gate.
        optional: what need not be measured.
    """
    rows = {row.figure.key: row for row in compared.rows}
    file = rows["bytes"]
    is_gone = file.before is not None and file.after is None
    found = []
    for key, allowed in regressions:
        if (allowed.absolute, allowed.relative) == (None, None):
            continue
        row = rows.get(key)
        if row is None or row.before is None or row.after is None:
            found.append(_not_measured(FIGURES[key], row, is_gone, key in optional))
        elif key == "latency" and compared.ratio is not None:
            found.append(_of_latency(row.before, compared.ratio, allowed))
        else:
            found.append(_of_value(row, row.before, row.after, allowed))
    lost_classes, _ = compared.unshared_classes
    if lost_classes and {gate.name for gate in found} & {each.key for each in ACCURACIES}:
        said = f"classes: {', '.join(lost_classes)} are no longer known: BROKEN"
        found.append(Gate("classes", False, said))
    return found


def check(found: Sequence[Gate]) -> None:
    """Checks that no gate is broken.

    Raises:
        LimitBrokenError: one is, or more are.
    """
    if broken := [gate.name for gate in found if gate.passed is False]:
        raise LimitBrokenError(f"params.yaml: compare.regressions: broken: {', '.join(broken)}")


def _not_measured(figure: Figure, row: Row | None, is_gone: bool, is_optional: bool) -> Gate:
    said = f"{figure.key}: not measured"
    if row and row.before is not None:
        said += f", was {_text(figure, row.before)}"
    if row and row.verdict.reason:
        said += f": {row.verdict.reason}"
    if is_gone or (row and row.before is not None):
        return Gate(figure.key, False, f"{said}: BROKEN")
    if is_optional:
        return Gate(figure.key, None, said)
    return Gate(figure.key, False, f"{said}: BROKEN, as compare.optional does not name it")


def _of_latency(before_us: float, ratio: Ratio, allowed: Allowed) -> Gate:
    said = f"{ratio.median:.3f} times, {ratio.low:.3f} to {ratio.high:.3f}"
    return _judged(FIGURES["latency"], (ratio.low - 1) * before_us, before_us, said, allowed)


def _of_value(row: Row, before: float, after: float, allowed: Allowed) -> Gate:
    worse = before - after if row.figure.higher_is_better else after - before
    said = f"{_text(row.figure, after)}, was {_text(row.figure, before)}"
    if row.verdict.outcome == Outcome.NOISY:
        said += f" ({Outcome.NOISY.value})"
    return _judged(row.figure, worse, before, said, allowed)


def _judged(figure: Figure, worse: float, before: float, said: str, allowed: Allowed) -> Gate:
    limits, bounds = [], []
    if allowed.absolute is not None:
        limits.append(allowed.absolute)
        bounds.append(figure.difference(allowed.absolute))
    if allowed.relative is not None:
        limits.append(allowed.relative * before)
        bounds.append(f"{100 * allowed.relative:g}%")
    # A share of images is a quotient, whose last bit is no regression.
    passed = all(worse <= limit + 1e-12 * max(before, 1) for limit in limits)
    kept = "kept" if passed else "BROKEN"
    sentence = f"{figure.key}: {said}; {' and '.join(bounds)} worse is allowed: {kept}"
    return Gate(figure.key, passed, sentence)


def _text(figure: Figure, value: float) -> str:
    return f"{figure.text(value)} us" if figure.unit == "us" else figure.text(value)
