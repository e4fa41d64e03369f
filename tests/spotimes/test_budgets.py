from spotimes import budgets
from spotimes.params.evaluate import Budgets

LIMITS = Budgets(
    bytes=1000, arena_bytes=500, peak_rss_bytes=None, median_ms=0.5, top1=0.9, top1_loss=0.01
)
MEASURED = {
    "bytes": 1000,
    "arena_bytes": None,
    "peak_rss_bytes": 7,
    "median_ms": 0.6,
    "top1": 0.9,
    "top1_loss": -0.001,
}


def test_limits_are_inclusive_and_null_sets_none() -> None:
    found = budgets.verdicts(LIMITS, MEASURED, {"arena_bytes": "no wheel"})
    assert {name: verdict.met for name, verdict in found.items()} == {
        "bytes": True,
        "arena_bytes": None,
        "median_ms": False,
        "top1": True,
        "top1_loss": True,
    }
    assert found["arena_bytes"].reason == "no wheel"


def test_accuracy_is_a_lower_limit() -> None:
    for top1, met in ((0.89, False), (0.91, True)):
        assert budgets.verdicts(LIMITS, MEASURED | {"top1": top1}, {})["top1"].met is met


def test_sentences() -> None:
    found = budgets.verdicts(LIMITS, MEASURED, {"arena_bytes": "no wheel"})
    assert [
        budgets.sentence(name, found[name]) for name in ("median_ms", "top1", "arena_bytes")
    ] == [
        "median_ms: at most 0.5 wanted, measured 0.6: NOT met",
        "top1: at least 0.9 wanted, measured 0.9: met",
        "arena_bytes: at most 500 wanted, not measured: no wheel",
    ]
