import pytest

from spotimes.comparison import Row
from spotimes.gates import held
from spotimes.latency import Ratio
from spotimes.params.compare import Allowed, Regressions
from spotimes.verdict import Verdict, Word

NONE = Allowed(absolute=None, relative=None)
BEFORE = {
    "bytes": 1000.0,
    "arena_bytes": 1000.0,
    "macs": 1000.0,
    "instructions": 1000.0,
    "top1": 0.9,
    "worst_class": 0.8,
}
COSTS = ("bytes", "arena_bytes", "macs", "instructions")


def regressions(**allowed: Allowed) -> Regressions:
    return Regressions(**{name: allowed.get(name, NONE) for name in Regressions.model_fields})


def rows(**after: float | None) -> list[Row]:
    return [
        Row(name, name, before, after.get(name, before), "", Verdict(Word.SAME, "for a reason"))
        for name, before in BEFORE.items()
    ]


@pytest.mark.parametrize("name", COSTS)
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
    (gate,) = held(rows(**{name: after}), None, allowed)
    assert (gate.name, gate.passed) == (name, passed)
    assert gate.sentence.startswith(f"{name}: {after:,}, was 1,000.0; ")
    assert gate.sentence.endswith("kept" if passed else "BROKEN")


@pytest.mark.parametrize("name", ["top1", "worst_class"])
@pytest.mark.parametrize(("lost", "passed"), [(-0.1, True), (0.005, True), (0.0051, False)])
def test_an_accuracy_may_fall_as_far_as_allowed(name: str, lost: float, passed: bool) -> None:
    allowed = regressions(**{name: Allowed(absolute=0.005, relative=None)})
    (gate,) = held(rows(**{name: BEFORE[name] - lost}), None, allowed)
    assert gate.passed == passed
    assert (
        f"{BEFORE[name] - lost:.2%}, was {BEFORE[name]:.2%}; 0.005 worse is allowed"
        in gate.sentence
    )


@pytest.mark.parametrize(
    ("low", "high", "passed"), [(1.0, 1.2, True), (1.03, 1.05, True), (1.031, 1.05, False)]
)
def test_a_latency_fails_only_as_a_whole_interval(low: float, high: float, passed: bool) -> None:
    allowed = regressions(latency=Allowed(absolute=None, relative=0.03))
    (gate,) = held(rows(), Ratio(1.04, low, high), allowed)
    assert gate.passed == passed
    assert gate.sentence.startswith(f"latency: 1.040 times, {low:.3f} to {high:.3f}; ")


def test_what_was_not_measured_passes_and_is_told() -> None:
    limit = Allowed(absolute=None, relative=0.03)
    gates = held(rows(instructions=None), None, regressions(latency=limit, instructions=limit))
    assert [gate.passed for gate in gates] == [None, None]
    assert gates[0].sentence == "instructions: not measured: for a reason"
    assert gates[1].sentence == "latency: not measured"


def test_null_allows_anything() -> None:
    assert held(rows(bytes=1e9), Ratio(9, 9, 9), regressions()) == []
