"""What a change may not make worse than it was, and by how much."""

from collections.abc import Sequence
from typing import NamedTuple

from spotimes.comparison import Row
from spotimes.latency import Ratio
from spotimes.params.compare import Allowed, Regressions

ACCURACIES = ("top1", "worst_class")  # of which more is better


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


def held(rows: Sequence[Row], ratio: Ratio | None, regressions: Regressions) -> list[Gate]:
    """Holds a comparison to what is allowed.

    Args:
        rows: of the comparison.
        ratio: of latency, whose interval must be beyond the limit as a whole to break it.
        regressions: what is allowed.
    """
    by_key = {row.key: row for row in rows}
    gates = []
    for name, allowed in regressions:
        if (allowed.absolute, allowed.relative) == (None, None):
            continue
        if name == "latency":
            gates.append(_of_latency(ratio, allowed))
        else:
            gates.append(_of_figure(name, by_key.get(name), allowed))
    return gates


def _of_latency(ratio: Ratio | None, allowed: Allowed) -> Gate:
    if ratio is None or allowed.relative is None:
        return Gate("latency", None, "latency: not measured")
    said = f"{ratio.median:.3f} times, {ratio.low:.3f} to {ratio.high:.3f}"
    passed = ratio.low <= 1 + allowed.relative
    return Gate("latency", passed, _sentence("latency", said, _bounds(allowed), passed))


def _of_figure(name: str, row: Row | None, allowed: Allowed) -> Gate:
    if row is None or row.before is None or row.after is None:
        reason = row.verdict.reason if row else ""
        return Gate(name, None, f"{name}: not measured{f': {reason}' if reason else ''}")
    worse = row.before - row.after if name in ACCURACIES else row.after - row.before
    limits = [
        limit
        for limit in (
            allowed.absolute,
            None if allowed.relative is None else allowed.relative * row.before,
        )
        if limit is not None
    ]
    # A share of images is a quotient, whose last bit is no regression.
    passed = all(worse <= limit + 1e-12 for limit in limits)
    if name in ACCURACIES:
        said = f"{row.after:.2%}, was {row.before:.2%}"
    else:
        said = f"{row.after:,}, was {row.before:,}"
    return Gate(name, passed, _sentence(name, said, _bounds(allowed), passed))


def _bounds(allowed: Allowed) -> str:
    bounds = []
    if allowed.absolute is not None:
        bounds.append(f"{allowed.absolute:g}")
    if allowed.relative is not None:
        bounds.append(f"{100 * allowed.relative:g}%")
    return " and ".join(bounds)


def _sentence(name: str, said: str, bounds: str, passed: bool) -> str:
    return f"{name}: {said}; {bounds} worse is allowed: {'kept' if passed else 'BROKEN'}"
