import numpy as np
import pytest

from spotimes.benchmarking.latency import Ratio
from spotimes.compare.comparison import Comparison
from spotimes.compare.gates import check, gates
from spotimes.compare.rows import Row
from spotimes.compare.verdict import Outcome, Verdict
from spotimes.errors import LimitBrokenError
from spotimes.figures import FIGURES
from spotimes.params.compare import REGRESSIONS, Allowed, Regressions

NONE = Allowed(absolute=None, relative=None)
BEFORE = {
    "bytes": 1000.0,
    "arena_bytes": 1000.0,
    "c_ram_bytes": 1000.0,
    "macs": 1000.0,
    "instructions": 1000.0,
    "top1": 0.9,
    "balanced_accuracy": 0.85,
    "worst_class": 0.8,
    "latency": 50.0,
}
UNITS = {"bytes": "bytes", "arena_bytes": "bytes", "macs": "MACs", "instructions": "instructions"}


def regressions(**allowed: Allowed) -> Regressions:
    return Regressions.model_validate({key: allowed.get(key, NONE) for key in REGRESSIONS})


def comparison(
    rows: list[Row], ratio: Ratio | None = None, lost_classes: list[str] | None = None
) -> Comparison:
    return Comparison(
        names=("main", "working tree"),
        rows=rows,
        ratio=ratio,
        images=np.zeros((0, 32, 32, 3), np.uint8),
        flips={"lost": [], "gained": []},
        class_flips=[],
        unshared_classes=(lost_classes or [], []),
    )


def row(key: str, before: float | None, after: float | None, verdict: Verdict) -> Row:
    return Row(FIGURES[key], key, before, after, "", verdict)


def rows(**after: float | None) -> list[Row]:
    return [
        row(key, before, after.get(key, before), Verdict(Outcome.SAME, "for a reason"))
        for key, before in BEFORE.items()
    ]


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize(
    ("absolute", "relative", "after", "passed"),
    [
        (None, 0.02, 1020.0, True),
        (None, 0.02, 1021.0, False),
        (10.0, None, 1010.0, True),
        (10.0, None, 1011.0, False),
        (10.0, 0.02, 1015.0, False),
        (50.0, 0.02, 1030.0, False),
        (0.0, None, 900.0, True),
    ],
)
def test_a_cost_may_grow_as_far_as_allowed(
    name: str, absolute: float | None, relative: float | None, after: float, passed: bool
) -> None:
    allowed = regressions(**{name: Allowed(absolute=absolute, relative=relative)})
    (gate,) = gates(comparison(rows(**{name: after})), allowed)
    assert (gate.name, gate.passed) == (name, passed)
    assert gate.sentence.startswith(f"{name}: {after:,.0f}, was 1,000; ")
    if absolute:
        assert f"{absolute:g} {UNITS[name]} " in gate.sentence
    assert gate.sentence.endswith("kept" if passed else "BROKEN")


@pytest.mark.parametrize("name", ["top1", "balanced_accuracy", "worst_class"])
@pytest.mark.parametrize(("lost", "passed"), [(-0.1, True), (0.005, True), (0.0051, False)])
def test_an_accuracy_may_fall_as_far_as_allowed(name: str, lost: float, passed: bool) -> None:
    allowed = regressions(**{name: Allowed(absolute=0.005, relative=None)})
    (gate,) = gates(comparison(rows(**{name: BEFORE[name] - lost})), allowed)
    assert gate.passed == passed
    assert (
        f"{BEFORE[name] - lost:.2%}, was {BEFORE[name]:.2%}; 0.5 points worse is allowed"
        in gate.sentence
    )


@pytest.mark.parametrize(
    ("low", "high", "passed"), [(1.0, 1.2, True), (1.03, 1.05, True), (1.031, 1.05, False)]
)
@pytest.mark.parametrize(("absolute", "relative"), [(None, 0.03), (1.5, None)])
def test_a_latency_fails_only_as_a_whole_interval(
    low: float, high: float, passed: bool, absolute: float | None, relative: float | None
) -> None:
    """50 us and 3% of them."""
    allowed = regressions(latency=Allowed(absolute=absolute, relative=relative))
    (gate,) = gates(comparison(rows(), Ratio(1.04, low, high)), allowed)
    assert gate.passed == passed
    bound = "1.5 us" if absolute else "3%"
    assert gate.sentence == (
        f"latency: 1.040 times, {low:.3f} to {high:.3f}; {bound} worse is allowed: "
        + ("kept" if passed else "BROKEN")
    )


def unmeasured(name: str, before: float | None) -> Row:
    return row(name, before, None, Verdict(Outcome.UNKNOWN, "for a reason"))


def test_what_cannot_be_measured_is_broken() -> None:
    limit = Allowed(absolute=None, relative=0.03)
    compared = [*rows()[:1], unmeasured("instructions", None)]
    found = gates(comparison(compared), regressions(latency=limit, instructions=limit))
    assert [gate.passed for gate in found] == [False, False]
    why = "BROKEN, as compare.optional does not name it"
    assert found[0].sentence == f"instructions: not measured: for a reason: {why}"
    assert found[1].sentence == f"latency: not measured: {why}"
    with pytest.raises(LimitBrokenError, match=r"compare\.regressions: broken: instr\w+, latency$"):
        check(found)


def test_what_is_optional_passes_where_it_cannot_be_measured() -> None:
    limit = Allowed(absolute=None, relative=0.03)
    compared = comparison([*rows()[:1], unmeasured("instructions", None)])
    allowed = regressions(latency=limit, instructions=limit)
    found = gates(compared, allowed, optional=["latency", "instructions"])
    check(found)
    assert [gate.passed for gate in found] == [None, None]
    assert found[0].sentence == "instructions: not measured: for a reason"
    assert found[1].sentence == "latency: not measured"


def test_what_can_no_longer_be_measured_is_broken() -> None:
    limit = Allowed(absolute=None, relative=0.03)
    compared = [*rows()[:1], unmeasured("top1", 0.9)]
    (gate,) = gates(comparison(compared), regressions(top1=limit), optional=["top1"])
    assert gate.passed is False
    assert gate.sentence == "top1: not measured, was 90.00%: for a reason: BROKEN"


def test_a_model_that_is_gone_passes_no_gate() -> None:
    limit = Allowed(absolute=None, relative=0.03)
    compared = [unmeasured("bytes", 1000), unmeasured("latency", None)]
    allowed = regressions(latency=limit, bytes=limit)
    found = gates(comparison(compared), allowed, optional=["latency", "bytes"])
    assert [gate.passed for gate in found] == [False, False]
    with pytest.raises(LimitBrokenError, match=r"compare\.regressions: broken: bytes, latency$"):
        check(found)


def test_null_allows_anything() -> None:
    assert gates(comparison(rows(bytes=1e9), Ratio(9, 9, 9)), regressions()) == []


@pytest.mark.parametrize("name", ["top1", "bytes"])
def test_classes_that_are_gone_break_the_limits_of_accuracy(name: str) -> None:
    limit = Allowed(absolute=1, relative=None)
    compared = comparison(rows(), lost_classes=["cat", "dog"])
    found = gates(compared, regressions(**{name: limit}))
    said = [gate.sentence for gate in found if gate.passed is False]
    assert said == (["classes: cat, dog are no longer known: BROKEN"] if name == "top1" else [])


def test_what_is_within_noise_is_reported_as_such() -> None:
    noisy = row("top1", 0.9, 0.89, Verdict(Outcome.NOISY, "more images"))
    allowed = regressions(top1=Allowed(absolute=0.005, relative=None))
    (gate,) = gates(comparison([*rows()[:1], noisy]), allowed)
    assert gate.sentence.startswith("top1: 89.00%, was 90.00% (too noisy to say); 0.5 points")
