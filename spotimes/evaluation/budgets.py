"""Budgets: what the device allows, beside what was measured."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from spotimes.errors import LimitBrokenError
from spotimes.evaluation.metrics import Benchmark, Evaluation, Export, Quantization, Verdict
from spotimes.figures import ACCURACIES, DEVICE, FIGURES, UNKNOWN
from spotimes.params.evaluate import Budgets
from spotimes.tflite import instructions

# Shares are quotients, and the metrics files hold six digits of them.
ROUNDING = 5e-7
UNMEASURED = "metrics/evaluate.json does not have it; run `dvc repro evaluate`"
NO_LIMIT = "the model has no limit of the score; quantize sets one by quantize.known_share"


class Measure(NamedTuple):
    """What was measured of a figure.

    Attributes:
        value: None where it could not be measured.
        note: why not.
        lower_bound: of an uncertain value; only where this is above a limit, the limit is exceeded.
    """

    value: float | None
    note: str | None = None
    lower_bound: float | None = None


class Measured(NamedTuple):
    """What the stages measured of a model.

    Attributes:
        size: metrics/quantize.json.
        export: metrics/export.json.
        cost: metrics/benchmark.json.
        result: metrics/evaluate.json.
    """

    size: Quantization
    export: Export
    cost: Benchmark
    result: Evaluation


def judge(limits: Budgets, int8: Path, found: Measured) -> dict[str, Verdict]:
    """How the INT8 model stands to the budgets: `verdicts` of `measured`, which say the rest."""
    return verdicts(limits, measured(limits, int8, found))


def measured(limits: Budgets, int8: Path, found: Measured) -> dict[str, Measure]:
    """Collects the INT8 model's figures that have a budget.

    Args:
        limits: instructions, which take seconds to count, are counted only if they are limited.
        int8: the .tflite file.
        found: what the stages measured.
    """
    size, export, cost, result = found
    counted = instructions.Instructions(None, None)
    if dict(limits)["instructions"] is not None:
        counted = instructions.measure(int8)
    return {
        "bytes": Measure(size.int8.bytes.file),
        "arena_bytes": Measure(size.int8.arena_bytes, size.int8.arena_note),
        "c_ram_bytes": Measure(export.ram_bytes),
        "macs": Measure(size.macs),
        "instructions": Measure(counted.number, counted.note),
        "peak_rss_bytes": Measure(cost.int8.peak_rss_bytes),
        "median_ms": Measure(cost.int8.median_ms, lower_bound=cost.int8.median_low_ms),
        "top1_loss": Measure(result.top1_loss),
        **{
            figure.key: Measure(getattr(result.int8, figure.key), UNMEASURED)
            for figure in ACCURACIES
        },
        "calibration_error": Measure(result.int8.calibration_error),
        **{
            figure.key: Measure(getattr(result.device, figure.key, None), UNMEASURED)
            for figure in DEVICE
        },
        **{
            figure.key: Measure(
                None if result.unknown is None else getattr(result.unknown, figure.key),
                NO_LIMIT if result.unknown else UNMEASURED,
            )
            for figure in UNKNOWN
        },
    }


def verdicts(limits: Budgets, measures: Mapping[str, Measure]) -> dict[str, Verdict]:
    """Compares each budget with its measure.

    Args:
        limits: those that are None are ignored.
        measures: by the figure's key.

    Returns:
        By the figure's key; a limit that is reached exactly is met.
    """
    return {key: _verdict(key, limit, measures[key]) for key, limit in limits if limit is not None}


def sentences(judged: Mapping[str, Verdict]) -> list[str]:
    """Says of each budget in one line how it stands."""
    return [_sentence(key, verdict) for key, verdict in judged.items()]


def _sentence(key: str, verdict: Verdict) -> str:
    figure = FIGURES[key]
    limit = f"{key}: {figure.bound} {figure.exact(verdict.limit)} wanted"
    if verdict.measured is None:
        return f"{limit}, not measured: {verdict.reason}"
    said = f"measured {figure.exact(verdict.measured)}"
    if verdict.lower_bound is not None:
        said += f", lower bound {figure.exact(verdict.lower_bound)}"
    return f"{limit}, {said}: {'met' if verdict.met else 'NOT met'}"


def check(judged: Mapping[str, Verdict], optional: Collection[str] = ()) -> None:
    """Checks that every budget is met.

    Args:
        judged: the budgets.
        optional: those that pass where they could not be measured.

    Raises:
        LimitBrokenError: one is exceeded or could not be measured, or more are.
    """
    exceeded = [key for key, verdict in judged.items() if verdict.met is False]
    unmeasured = [
        key for key, verdict in judged.items() if verdict.met is None and key not in optional
    ]
    said = [f"not met: {', '.join(exceeded)}"] if exceeded else []
    if unmeasured:
        said.append(f"not measured: {', '.join(unmeasured)}, which evaluate.optional does not name")
    if said:
        raise LimitBrokenError(f"params.yaml: evaluate.budgets: {'; '.join(said)}")


def _verdict(key: str, limit: float, measure: Measure) -> Verdict:
    if measure.value is None:
        reason = measure.note or "not measured"
        return Verdict(limit=limit, measured=None, met=None, reason=reason)
    figure = FIGURES[key]
    rounding = ROUNDING if figure.unit == "share" else 0
    if figure.higher_is_better:
        met = measure.value >= limit - rounding
    else:
        bound = measure.value if measure.lower_bound is None else measure.lower_bound
        met = bound <= limit + rounding
    return Verdict(limit=limit, measured=measure.value, met=met, lower_bound=measure.lower_bound)
