import numpy as np
import pytest

from spotimes.benchmarking.latency import Ratio
from spotimes.compare import rows
from spotimes.compare.answers import Answers
from spotimes.compare.paired_latency import PairedLatency
from spotimes.compare.rows import Costs, Row
from spotimes.compare.verdict import Outcome
from spotimes.evaluation.foreign import Scored
from spotimes.figures import ACCURACIES
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"
COSTS = Costs(
    {"file": 100, "weights": 60, "quantization": 20, "metadata": 10, "rest": 10},
    {"arena_bytes": 7, "c_ram_bytes": 6, "macs": 5, "instructions": 9},
    {},
)
NAMES = ("cat", "dog")


def made(
    labels: list[int],
    predicted: list[int],
    names: tuple[str, ...] = NAMES,
    *,
    unknown_below: int | None = 50,
    known: int = 60,
    foreign: int = 40,
) -> Answers:
    """Answers whose scores spread by 10 around `known`, those of 400 foreign pictures likewise."""
    own, others = (
        np.linspace(middle - 10, middle + 10, count).astype(np.int64)
        for middle, count in ((known, len(labels)), (foreign, 400))
    )
    scored = Scored(own, {"tiles": others[:100], "textures": others[100:]}, unknown_below)
    steps = 200 * np.eye(len(names), dtype=np.int16)[predicted]
    return Answers(np.array(labels), np.array(predicted), names, scored, steps, steps)


def by_key(found: list[Row]) -> dict[str, Row]:
    return {row.figure.key: row for row in found}


def counted(**counts: int | None) -> Costs:
    return COSTS._replace(counts={**COSTS.counts, **counts})


@pytest.mark.slow
def test_costs_are_those_of_the_file() -> None:
    found = rows.measure_costs(INT8)
    assert found.parts["file"] == INT8.stat().st_size
    macs = found.counts["macs"]
    assert macs is not None
    assert macs > 1e6
    as_c = found.counts["c_ram_bytes"]
    assert as_c is not None
    assert 5_000 < as_c < 10_000
    for key in ("arena_bytes", "instructions"):
        assert (found.counts[key] is None) == (key in found.notes)


def test_costs_line_by_line() -> None:
    after = counted(macs=4)._replace(parts={**COSTS.parts, "file": 110, "rest": 20})
    found = by_key(rows.cost_rows(COSTS, after))
    assert (found["bytes"].before, found["bytes"].after) == (100, 110)
    assert found["bytes"].change == "+10 (+10.0%)"
    assert found["bytes"].verdict.outcome == Outcome.WORSE
    assert found["bytes.rest"].verdict.outcome == Outcome.WORSE
    assert found["macs"].verdict.outcome == Outcome.BETTER
    assert (found["arena_bytes"].change, found["arena_bytes"].verdict.outcome) == ("", Outcome.SAME)


def test_what_could_not_be_counted_says_why() -> None:
    after = counted(instructions=None)._replace(notes={"instructions": "no valgrind"})
    found = by_key(rows.cost_rows(COSTS, after))
    assert found["instructions"].verdict == (Outcome.UNKNOWN, "no valgrind")


@pytest.mark.parametrize("side", [0, 1])
def test_where_one_model_is_lacking_the_other_is_shown(side: int) -> None:
    costs, answers = [None, COSTS], [None, made([0, 1], [0, 0])]
    if side:
        costs.reverse()
        answers.reverse()
    first, second = answers
    found = [
        *rows.cost_rows(*costs),
        *rows.accuracy_rows(first, second),
        *rows.unknown_rows(first, second),
    ]
    for row in found:
        assert row.verdict == (Outcome.UNKNOWN, rows.ONE_MODEL)
        assert [row.before, row.after][1 - side] is not None
        assert [row.before, row.after][side] is None


def test_latency_is_reported_with_its_interval() -> None:
    row = rows.latency_row(PairedLatency(Ratio(1.05, 1.04, 1.06), 60, 63), 1.01)
    assert (row.before, row.after, row.change) == (60, 63, "1.050 times (1.040 to 1.060)")
    assert row.verdict.outcome == Outcome.WORSE


def test_accuracy_is_of_the_images_whose_class_both_know() -> None:
    before = made([0, 0, 0, 1, 1, 1, -1], [0, 0, 1, 1, 1, 1, 0])
    after = made([1, 1, 1, 0, 0, 0, 2], [1, 1, 1, 0, 0, 1, 2], ("dog", "cat", "bird"))
    found = by_key(rows.accuracy_rows(before, after))
    top1, worst = found["top1"], found["worst_class"]
    assert top1.title == "top-1, 6 images of 2 classes"
    assert (top1.before, top1.after) == (5 / 6, 5 / 6)
    assert (worst.before, worst.after) == (2 / 3, 2 / 3)
    assert worst.title == "top-1 in the worst class (cat, then dog)"
    assert worst.change.startswith("+0.00 points (-")
    assert worst.verdict.outcome == Outcome.NOISY


def test_counts_of_instructions_may_spread_a_little() -> None:
    before = counted(instructions=100_000)
    for after, outcome in ((100_100, Outcome.SAME), (100_101, Outcome.WORSE)):
        found = by_key(rows.cost_rows(before, counted(instructions=after)))
        assert found["instructions"].verdict.outcome == outcome


def test_why_accuracy_is_not_measured_is_reported() -> None:
    answers = made([0, 1], [0, 0])
    found = by_key(rows.accuracy_rows(None, answers, "main: for a reason"))
    assert (found["top1"].before, found["top1"].after) == (None, 0.5)
    assert (found["worst_class"].before, found["worst_class"].after) == (None, 0)
    assert {row.verdict for row in found.values()} == {(Outcome.UNKNOWN, "main: for a reason")}


def test_a_model_that_knows_none_of_the_classes_has_no_accuracy() -> None:
    found = by_key(rows.accuracy_rows(None, made([-1, -1], [0, 0])))
    assert {row.after for row in found.values()} == {None}


def test_models_without_a_class_in_common() -> None:
    found = rows.accuracy_rows(made([0, -1], [0, 0]), made([-1, 0], [0, 0], ("fox",)))
    assert [row.figure for row in found] == list(ACCURACIES)
    assert {row.verdict for row in found} == {
        (Outcome.UNKNOWN, "the models have no class in common")
    }


def test_balanced_accuracy_counts_each_class_alike() -> None:
    """Nine cats and a dog: the first is wrong on a cat, the second on the dog."""
    labels = [0] * 9 + [1]
    before, after = made(labels, [*[0] * 8, 1, 1]), made(labels, [0] * 10)
    found = by_key(rows.accuracy_rows(before, after))
    assert (found["top1"].before, found["top1"].after) == (0.9, 0.9)
    balanced = found["balanced_accuracy"]
    assert balanced.before == pytest.approx((8 / 9 + 1) / 2)
    assert balanced.after == 0.5
    assert balanced.change.startswith("-44.44 points (-")
    assert balanced.title == "balanced accuracy"


def test_what_is_taken_as_known_is_compared() -> None:
    labels = [0] * 200
    before, after = made(labels, labels), made(labels, labels, known=70, foreign=50)
    found = by_key(rows.unknown_rows(before, after))
    kept, accepted, told = (
        found[key] for key in ("known_kept", "foreign_accepted", "foreign_auroc")
    )
    assert (kept.before, kept.after) == (1, 1)
    assert accepted.before == 1 / 400
    assert accepted.after == pytest.approx(0.5, abs=0.05)
    assert accepted.verdict.outcome == Outcome.WORSE
    assert accepted.change.startswith("+")
    assert [told.before, told.after] == pytest.approx([1, 1], abs=1e-4)
    assert told.verdict.outcome == kept.verdict.outcome == Outcome.SAME
    worse = by_key(rows.unknown_rows(before, made(labels, labels, foreign=58)))["foreign_auroc"]
    assert worse.verdict.outcome == Outcome.WORSE


def test_known_are_the_images_whose_class_both_know() -> None:
    before = made([0, 1, 0, 1], [0] * 4, known=50)
    after = made([-1, -1, 0, 0], [0] * 4, ("dog",), known=50)
    found = by_key(rows.unknown_rows(before, after))["known_kept"]
    assert (found.before, found.after) == (1, 1)  # the scores rise from image to image
    none = rows.unknown_rows(before, made([-1] * 4, [0] * 4, ("fox",)))
    assert {(row.before, row.after) for row in none} == {(None, None)}


def test_a_model_without_a_limit_can_still_tell_known_from_foreign() -> None:
    found = by_key(rows.unknown_rows(made([0], [0], unknown_below=None), made([0], [0])))
    assert {row.verdict for key, row in found.items() if key != "foreign_auroc"} == {
        (Outcome.UNKNOWN, rows.NO_LIMIT)
    }
    assert found["known_kept"].after == 1
    assert found["foreign_auroc"].before is not None


def test_calibration_is_better_the_lower_it_is() -> None:
    labels = [0] * 180 + [1] * 20  # 90% are answered correctly
    sure, unsure = (
        made(labels, [0] * 200)._replace(
            steps=np.tile(np.array([[claimed, 0]], np.int16), (200, 1))
        )
        for claimed in (230, 150)
    )
    row = rows.calibration_row(unsure, sure, 15)
    assert row.before == pytest.approx(0.9 - 150 / 256)
    assert row.after == pytest.approx(0.9 - 230 / 256, abs=1e-9)
    assert row.verdict.outcome == Outcome.BETTER
    assert rows.calibration_row(sure, unsure, 15).verdict.outcome == Outcome.WORSE
    assert rows.calibration_row(sure, None, 15).before == row.after
    assert rows.calibration_row(sure, None, 15).verdict.outcome == Outcome.UNKNOWN


def test_a_device_that_answers_otherwise_is_worse() -> None:
    labels = [0, 1] * 100
    before = made(labels, labels)
    wrong = before.steps.copy()
    wrong[:50] = wrong[:50, ::-1]
    after = before._replace(device=wrong)
    found = by_key(rows.device_rows(before, after))
    assert (found["device_top1"].before, found["device_top1"].after) == (1, 0.75)
    assert (found["device_agreement"].before, found["device_agreement"].after) == (1, 0.75)
    assert (found["device_difference"].before, found["device_difference"].after) == (0, 200)
    assert {row.verdict.outcome for row in found.values()} == {Outcome.WORSE}


def test_a_model_that_no_device_runs_says_why() -> None:
    before = made([0, 1], [0, 1])
    found = rows.device_rows(before, before._replace(device="is not INT8"))
    assert [(row.before, row.after) for row in found] == [(1, None), (1, None), (0, None)]
    assert {row.verdict for row in found} == {(Outcome.UNKNOWN, "is not INT8")}
    assert {row.verdict.reason for row in rows.device_rows(None, before)} == {rows.ONE_MODEL}
