"""What a change may not make worse than it was, and by how much."""

from collections.abc import Sequence
from typing import NamedTuple

from spotimes.benchmarking.latency import Ratio
from spotimes.compare.comparison import Row
from spotimes.compare.verdict import Word
from spotimes.params.compare import Allowed, Regressions

ACCURACIES = ("top1", "worst_class")  # of which more is better
UNITS = {
    "bytes": "bytes",
    "arena_bytes": "bytes",
    "macs": "MACs",
    "instructions": "instructions",
    "latency": "us",
}


class Gate(NamedTuple):
    """How one figure stands.

    Attributes:
        name: of the figure.
        passed: None where it was not measured.
        sentence: says so, with the figure and what is allowed.
    """

    name: str
    passed: bool | None
    sentence: str


def held(
    rows: Sequence[Row],
    ratio: Ratio | None,
    lost_classes: Sequence[str],
    regressions: Regressions,
) -> list[Gate]:
    """Holds a comparison to what is allowed.

    What could be measured before and no longer can is broken: a model that is gone passes nothing.

    Args:
        rows: of the comparison.
        ratio: of latency, whose interval must be beyond the limit as a whole to break it.
        lost_classes: that the model before could tell, and that after cannot. They count for none
            of the accuracies, so where one of these is limited, they break a gate of their own.
        regressions: what is allowed.
    """
    by_key = {row.key: row for row in rows}
    file = by_key["bytes"]
    is_gone = file.before is not None and file.after is None
    gates = []
    for name, allowed in regressions:
        if (allowed.absolute, allowed.relative) == (None, None):
            continue
        row = by_key.get(name)
        if row is None or row.before is None or row.after is None:
            gates.append(_not_measured(name, row, is_gone))
        elif name == "latency" and ratio is not None:
            gates.append(_of_latency(row.before, ratio, allowed))
        else:
            gates.append(_of_figure(row, row.before, row.after, allowed))
    if lost_classes and any(gate.name in ACCURACIES for gate in gates):
        said = f"classes: {', '.join(lost_classes)} can no longer be told: BROKEN"
        gates.append(Gate("classes", False, said))
    return gates


def _not_measured(name: str, row: Row | None, is_gone: bool) -> Gate:
    said = f"{name}: not measured"
    if row and row.before is not None:
        said += f", was {_shown(name, row.before)}"
    if row and row.verdict.reason:
        said += f": {row.verdict.reason}"
    if is_gone or (row and row.before is not None):
        return Gate(name, False, f"{said}: BROKEN")
    return Gate(name, None, said)


def _of_latency(before_us: float, ratio: Ratio, allowed: Allowed) -> Gate:
    said = f"{ratio.median:.3f} times, {ratio.low:.3f} to {ratio.high:.3f}"
    return _judged("latency", (ratio.low - 1) * before_us, before_us, said, allowed)


def _of_figure(row: Row, before: float, after: float, allowed: Allowed) -> Gate:
    worse = before - after if row.key in ACCURACIES else after - before
    said = f"{_shown(row.key, after)}, was {_shown(row.key, before)}"
    if row.verdict.word == Word.NOISY:
        said += " (too noisy to say)"
    return _judged(row.key, worse, before, said, allowed)


def _judged(name: str, worse: float, before: float, said: str, allowed: Allowed) -> Gate:
    limits, bounds = [], []
    if allowed.absolute is not None:
        limits.append(allowed.absolute)
        bounds.append(
            f"{100 * allowed.absolute:g} points"
            if name in ACCURACIES
            else f"{allowed.absolute:,g} {UNITS[name]}"
        )
    if allowed.relative is not None:
        limits.append(allowed.relative * before)
        bounds.append(f"{100 * allowed.relative:g}%")
    # A share of images is a quotient, whose last bit is no regression.
    passed = all(worse <= limit + 1e-12 * max(before, 1) for limit in limits)
    kept = "kept" if passed else "BROKEN"
    return Gate(name, passed, f"{name}: {said}; {' and '.join(bounds)} worse is allowed: {kept}")


def _shown(name: str, value: float) -> str:
    if name in ACCURACIES:
        return f"{value:.2%}"
    return f"{value:,.1f} us" if name == "latency" else f"{value:,}"
