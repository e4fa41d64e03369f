import pytest

from spotimes.errors import LimitBrokenError
from spotimes.evaluation import budgets
from spotimes.evaluation.budgets import Measure
from spotimes.params.evaluate import BUDGETS, Budgets

LIMITS = Budgets.model_validate(
    dict.fromkeys(BUDGETS)
    | {
        "bytes": 1000,
        "arena_bytes": 500,
        "macs": 100,
        "median_ms": 0.5,
        "top1": 0.9,
        "balanced_accuracy": 0.85,
        "worst_class": 0.8,
        "top1_loss": 0.01,
    }
)
MEASURED = {
    "bytes": Measure(1000),
    "arena_bytes": Measure(None, "no wheel"),
    "c_ram_bytes": Measure(400),
    "macs": Measure(101),
    "instructions": Measure(3),
    "peak_rss_bytes": Measure(7),
    "median_ms": Measure(0.6),
    "top1": Measure(0.9),
    "balanced_accuracy": Measure(0.86),
    "worst_class": Measure(0.81),
    "top1_loss": Measure(-0.001),
}


def test_limits_are_inclusive_and_null_sets_none() -> None:
    found = budgets.verdicts(LIMITS, MEASURED)
    assert {name: verdict.met for name, verdict in found.items()} == {
        "bytes": True,
        "arena_bytes": None,
        "macs": False,
        "median_ms": False,
        "top1": True,
        "balanced_accuracy": True,
        "worst_class": True,
        "top1_loss": True,
    }
    assert found["arena_bytes"].reason == "no wheel"


@pytest.mark.parametrize(
    ("name", "limit"), [("top1", 0.9), ("balanced_accuracy", 0.85), ("worst_class", 0.8)]
)
@pytest.mark.parametrize(("beyond", "met"), [(-0.01, False), (-1e-6, False), (0.01, True)])
def test_an_accuracy_is_a_lower_limit(name: str, limit: float, beyond: float, met: bool) -> None:
    measured = MEASURED | {name: Measure(limit + beyond)}
    assert budgets.verdicts(LIMITS, measured)[name].met is met


def test_a_share_that_the_metrics_file_rounds_meets_its_limit() -> None:
    limits = LIMITS.model_copy(update={"worst_class": 2 / 3})
    measured = MEASURED | {"worst_class": Measure(0.666667), "top1_loss": Measure(0.01 + 1e-17)}
    found = budgets.verdicts(limits, measured)
    assert found["worst_class"].met
    assert found["top1_loss"].met


@pytest.mark.parametrize(("low", "met"), [(0.5, True), (0.51, False)])
def test_a_latency_exceeds_its_limit_as_a_whole_interval(low: float, met: bool) -> None:
    measured = MEASURED | {"median_ms": Measure(0.6, lower_bound=low)}
    found = budgets.verdicts(LIMITS, measured)["median_ms"]
    assert (found.measured, found.met) == (0.6, met)
    said = f"median_ms: at most 0.5 wanted, measured 0.6, lower bound {low:g}: "
    assert budgets.sentences({"median_ms": found}) == [said + ("met" if met else "NOT met")]


def test_counts_are_given_in_full() -> None:
    limits = LIMITS.model_copy(update={"macs": 7_630_079})
    found = budgets.verdicts(limits, MEASURED | {"macs": Measure(7_630_080)})["macs"]
    assert budgets.sentences({"macs": found}) == [
        "macs: at most 7,630,079 wanted, measured 7,630,080: NOT met"
    ]


def test_sentences() -> None:
    found = budgets.verdicts(LIMITS, MEASURED)
    assert budgets.sentences({key: found[key] for key in ("median_ms", "top1", "arena_bytes")}) == [
        "median_ms: at most 0.5 wanted, measured 0.6: NOT met",
        "top1: at least 0.9 wanted, measured 0.9: met",
        "arena_bytes: at most 500 wanted, not measured: no wheel",
    ]


def test_a_budget_that_is_exceeded_or_cannot_be_measured_is_an_error() -> None:
    found = budgets.verdicts(LIMITS, MEASURED)
    unmeasured = "not measured: arena_bytes, which evaluate.optional does not name"
    with pytest.raises(LimitBrokenError) as caught:
        budgets.check(found)
    assert str(caught.value) == (
        f"params.yaml: evaluate.budgets: not met: macs, median_ms; {unmeasured}"
    )
    some = {"arena_bytes": found["arena_bytes"], "top1": found["top1"]}
    with pytest.raises(LimitBrokenError, match=rf"evaluate\.budgets: {unmeasured}$"):
        budgets.check(some, ["top1"])
    budgets.check(some, ["arena_bytes"])
    with pytest.raises(LimitBrokenError, match=r"not met: macs, median_ms$"):
        budgets.check(found, ["arena_bytes", "macs"])
