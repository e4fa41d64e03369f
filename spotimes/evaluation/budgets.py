"""Budgets: what the device allows, beside what was measured."""

from collections.abc import Mapping

from spotimes.evaluation.metrics import Verdict
from spotimes.params.evaluate import Budgets

# A command's status where a limit is broken: 1 is that of a crash, 2 of bad input.
BROKEN = 3
LOWER_LIMITS = ("top1", "worst_class")


def verdicts(
    budgets: Budgets,
    measured: Mapping[str, float | None],
    reasons: Mapping[str, str],
    at_least: Mapping[str, float],
) -> dict[str, Verdict]:
    """Compares each budget with its measure.

    Args:
        budgets: the limits; those that are None are left out.
        measured: by budget; None where it could not be measured.
        reasons: why not, by budget.
        at_least: what a measure that is uncertain surely reaches; only that can exceed its limit.

    Returns:
        By budget; a limit that is reached exactly is met.
    """
    found = {}
    for name, limit in budgets:
        if limit is None:
            continue
        value = measured[name]
        if value is None:
            reason = reasons.get(name, "not measured")
            found[name] = Verdict(limit=limit, measured=None, met=None, reason=reason)
        else:
            sure = at_least.get(name, value)
            met = value >= limit if name in LOWER_LIMITS else sure <= limit
            found[name] = Verdict(limit=limit, measured=value, met=met, at_least=at_least.get(name))
    return found


def sentence(name: str, verdict: Verdict) -> str:
    """Says in one line how a budget stands."""
    bound = "at least" if name in LOWER_LIMITS else "at most"
    wanted = f"{name}: {bound} {shown(verdict.limit)} wanted"
    if verdict.measured is None:
        return f"{wanted}, not measured: {verdict.reason}"
    measured = f"measured {shown(verdict.measured)}"
    if verdict.at_least is not None:
        measured += f", surely {shown(verdict.at_least)}"
    return f"{wanted}, {measured}: {'met' if verdict.met else 'NOT met'}"


def shown(value: float) -> str:
    """A figure: a count in full, others with six digits."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.6g}"
