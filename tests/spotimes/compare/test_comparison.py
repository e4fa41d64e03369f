import numpy as np
import pytest

from spotimes.benchmarking.latency import Ratio
from spotimes.compare import comparison
from spotimes.compare.comparison import Answers, Facts
from spotimes.compare.verdict import Word
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.inference.classifier import Classifier
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"
FACTS = Facts(
    {"file": 100, "weights": 60, "quantization": 20, "metadata": 10, "rest": 10}, 5, 7, 9, {}
)
NAMES = ("cat", "dog")


def made(labels: list[int], predicted: list[int], names: tuple[str, ...] = NAMES) -> Answers:
    return Answers(np.array(labels), np.array(predicted), names)


def test_facts_are_those_of_the_file() -> None:
    facts = comparison.facts(INT8)
    assert facts.bytes["file"] == INT8.stat().st_size
    assert facts.macs > 1e6
    for name in ("arena_bytes", "instructions"):
        assert (getattr(facts, name) is None) == (name in facts.notes)


def test_answers_are_the_classifiers(cifar10: dict[SplitName, Split], card: Card) -> None:
    split = cifar10["test"]
    found = comparison.answers(Classifier(INT8), split, card.class_names)
    expected = Classifier(INT8).probabilities(split.images).argmax(axis=1)
    np.testing.assert_array_equal(found.predicted, expected)
    np.testing.assert_array_equal(found.right, expected == split.labels)


def test_other_classes_are_understood(cifar10: dict[SplitName, Split], card: Card) -> None:
    """Names stand in the data's other order, one is new."""
    split = cifar10["test"]
    renamed = ["wolf", *reversed(card.class_names[1:])]
    found = comparison.answers(Classifier(INT8), split, renamed)
    assert (found.labels == -1).sum() == (split.labels == 0).sum() == 5
    assert found.class_names[found.labels[np.flatnonzero(split.labels == 1)[0]]] == renamed[1]


def test_costs_line_by_line() -> None:
    after = FACTS._replace(bytes={**FACTS.bytes, "file": 110, "rest": 20}, macs=4)
    rows = {row.key: row for row in comparison.cost_rows(FACTS, after)}
    assert (rows["bytes"].before, rows["bytes"].after) == (100, 110)
    assert rows["bytes"].change == "+10 (+10.0%)"
    assert rows["bytes"].verdict.word == Word.WORSE
    assert rows["bytes.rest"].verdict.word == Word.WORSE
    assert rows["macs"].verdict.word == Word.BETTER
    assert (rows["arena_bytes"].change, rows["arena_bytes"].verdict.word) == ("", Word.SAME)


def test_what_could_not_be_counted_says_why() -> None:
    after = FACTS._replace(instructions=None, notes={"instructions": "no valgrind"})
    rows = {row.key: row for row in comparison.cost_rows(FACTS, after)}
    assert rows["instructions"].verdict == (Word.UNKNOWN, "no valgrind")


@pytest.mark.parametrize("side", [0, 1])
def test_where_one_model_is_lacking_the_other_is_shown(side: int) -> None:
    facts, answers = [None, FACTS], [None, made([0, 1], [0, 0])]
    if side:
        facts.reverse()
        answers.reverse()
    first, second = answers
    rows = [*comparison.cost_rows(*facts), *comparison.accuracy_rows(first, second)]
    for row in rows:
        assert row.verdict == (Word.UNKNOWN, comparison.ONE_MODEL)
        assert [row.before, row.after][1 - side] is not None
        assert [row.before, row.after][side] is None


def test_latency_is_told_with_its_interval() -> None:
    row = comparison.latency_row(Ratio(1.05, 1.04, 1.06), 60, 63, 1.01)
    assert (row.before, row.after, row.change) == (60, 63, "1.050 times (1.040 to 1.060)")
    assert row.verdict.word == Word.WORSE


def test_accuracy_is_of_the_images_whose_class_both_know() -> None:
    before = made([0, 0, 0, 1, 1, 1, -1], [0, 0, 1, 1, 1, 1, 0])
    after = made([1, 1, 1, 0, 0, 0, 2], [1, 1, 1, 0, 0, 1, 2], ("dog", "cat", "bird"))
    top1, worst = comparison.accuracy_rows(before, after)
    assert top1.title == "top-1, 6 images of 2 classes"
    assert (top1.before, top1.after) == (5 / 6, 5 / 6)
    assert (worst.before, worst.after) == (2 / 3, 2 / 3)
    assert worst.title == "worst class (cat, then dog)"
    assert worst.change.startswith("+0.00 points (-")
    assert worst.verdict.word == Word.NOISY
    assert comparison.flips(before, after) == {
        "lost": [(5, "dog", "cat")],
        "gained": [(2, "dog", "cat")],
    }
    assert [each[:3] for each in comparison.class_flips(before, after)] == [
        ("cat", 0, 1),
        ("dog", 1, 0),
    ]


def test_counts_of_instructions_may_spread_a_little() -> None:
    before = FACTS._replace(instructions=100_000)
    for after, word in ((100_100, Word.SAME), (100_101, Word.WORSE)):
        rows = comparison.cost_rows(before, FACTS._replace(instructions=after))
        assert rows[-1].verdict.word == word


def test_why_accuracy_is_not_measured_is_told() -> None:
    answers = made([0, 1], [0, 0])
    top1, worst = comparison.accuracy_rows(None, answers, "main: for a reason")
    assert (top1.before, top1.after, worst.before, worst.after) == (None, 0.5, None, 0)
    assert top1.verdict == worst.verdict == (Word.UNKNOWN, "main: for a reason")


def test_models_without_a_class_in_common() -> None:
    rows = comparison.accuracy_rows(made([0, -1], [0, 0]), made([-1, 0], [0, 0], ("fox",)))
    assert [row.key for row in rows] == ["top1", "worst_class"]
    assert {row.verdict for row in rows} == {(Word.UNKNOWN, "the models have no class in common")}


def test_classes_that_one_model_alone_knows() -> None:
    before, after = made([0], [0], ("cat", "dog")), made([0], [0], ("cat", "fox", "hen"))
    assert comparison.classes_apart(before, after) == (["dog"], ["fox", "hen"])


def test_of_many_classes_each_verdict_must_be_the_surer() -> None:
    """Of the first of three, 6 of 1,000 images are lost: p = 0.031, which three such tests may
    well give by chance; of the last, 30 are.
    """
    labels = np.repeat([0, 1, 2], 1000).tolist()
    predicted = list(labels)
    predicted[:6] = [1] * 6
    predicted[2000:2030] = [1] * 30
    names = ("cat", "dog", "fox")
    found = comparison.class_flips(made(labels, labels, names), made(labels, predicted, names))
    assert [(name, verdict.word) for name, _, _, verdict in found[:2]] == [
        ("fox", Word.WORSE),
        ("cat", Word.NOISY),
    ]
