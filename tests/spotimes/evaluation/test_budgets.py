import pytest

from spotimes.evaluation import budgets
from spotimes.params.evaluate import Budgets

LIMITS = Budgets(
    bytes=1000,
    arena_bytes=500,
    macs=100,
    instructions=None,
    peak_rss_bytes=None,
    median_ms=0.5,
    top1=0.9,
    worst_class=0.8,
    top1_loss=0.01,
)
MEASURED = {
    "bytes": 1000,
    "arena_bytes": None,
    "macs": 101,
    "instructions": 3,
    "peak_rss_bytes": 7,
    "median_ms": 0.6,
    "top1": 0.9,
    "worst_class": 0.81,
    "top1_loss": -0.001,
}


def test_limits_are_inclusive_and_null_sets_none() -> None:
    found = budgets.verdicts(LIMITS, MEASURED, {"arena_bytes": "no wheel"}, {})
    assert {name: verdict.met for name, verdict in found.items()} == {
        "bytes": True,
        "arena_bytes": None,
        "macs": False,
        "median_ms": False,
        "top1": True,
        "worst_class": True,
        "top1_loss": True,
    }
    assert found["arena_bytes"].reason == "no wheel"


@pytest.mark.parametrize(("name", "limit"), [("top1", 0.9), ("worst_class", 0.8)])
@pytest.mark.parametrize(("beyond", "met"), [(-0.01, False), (0.01, True)])
def test_an_accuracy_is_a_lower_limit(name: str, limit: float, beyond: float, met: bool) -> None:
    measured = MEASURED | {name: limit + beyond}
    assert budgets.verdicts(LIMITS, measured, {}, {})[name].met is met


@pytest.mark.parametrize(("low", "met"), [(0.5, True), (0.51, False)])
def test_a_latency_exceeds_its_limit_as_a_whole_interval(low: float, met: bool) -> None:
    found = budgets.verdicts(LIMITS, MEASURED, {}, {"median_ms": low})["median_ms"]
    assert (found.measured, found.met) == (0.6, met)
    said = f"median_ms: at most 0.5 wanted, measured 0.6, surely {low:g}: "
    assert budgets.sentence("median_ms", found) == said + ("met" if met else "NOT met")


def test_counts_are_told_in_full() -> None:
    limits = LIMITS.model_copy(update={"macs": 7_630_079})
    found = budgets.verdicts(limits, MEASURED | {"macs": 7_630_080}, {}, {})["macs"]
    assert budgets.sentence("macs", found) == (
        "macs: at most 7,630,079 wanted, measured 7,630,080: NOT met"
    )


def test_sentences() -> None:
    found = budgets.verdicts(LIMITS, MEASURED, {"arena_bytes": "no wheel"}, {})
    assert [
        budgets.sentence(name, found[name]) for name in ("median_ms", "top1", "arena_bytes")
    ] == [
        "median_ms: at most 0.5 wanted, measured 0.6: NOT met",
        "top1: at least 0.9 wanted, measured 0.9: met",
        "arena_bytes: at most 500 wanted, not measured: no wheel",
    ]
