import numpy as np

from spotimes.compare.answers import Answers, class_flips, classify, flips, unshared_classes
from spotimes.compare.verdict import Outcome
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.evaluation.foreign import COUNT, Scored
from spotimes.inference.classifier import Classifier
from spotimes.inference.unknown import scores
from tests.project import ROOT

INT8 = ROOT / "models/model_int8.tflite"
NAMES = ("cat", "dog")


def made(labels: list[int], predicted: list[int], names: tuple[str, ...] = NAMES) -> Answers:
    scored = Scored(np.zeros(len(labels), np.int64), {}, None)
    steps = np.zeros((len(labels), len(names)), np.int16)
    return Answers(np.array(labels), np.array(predicted), names, scored, steps, steps)


def test_answers_are_the_classifiers(cifar10: dict[SplitName, Split], card: Card) -> None:
    split = cifar10["test"]
    found = classify(Classifier(INT8), split, card.class_names)
    expected = Classifier(INT8).probabilities(split.images).argmax(axis=1)
    np.testing.assert_array_equal(found.predicted, expected)
    np.testing.assert_array_equal(
        found.scored.known, scores(Classifier(INT8).probabilities(split.images))
    )
    assert {name: len(each) for name, each in found.scored.foreign.items()} == {
        "tiles": len(split.labels),
        "textures": COUNT,
    }
    np.testing.assert_array_equal(found.correct, expected == split.labels)


def test_other_classes_are_understood(cifar10: dict[SplitName, Split], card: Card) -> None:
    """Names stand in the data's other order, one is new."""
    split = cifar10["test"]
    renamed = ["wolf", *reversed(card.class_names[1:])]
    found = classify(Classifier(INT8), split, renamed)
    assert (found.labels == -1).sum() == (split.labels == 0).sum() == 5
    assert found.class_names[found.labels[np.flatnonzero(split.labels == 1)[0]]] == renamed[1]


def test_flips_are_of_the_images_whose_class_both_know() -> None:
    before = made([0, 0, 0, 1, 1, 1, -1], [0, 0, 1, 1, 1, 1, 0])
    after = made([1, 1, 1, 0, 0, 0, 2], [1, 1, 1, 0, 0, 1, 2], ("dog", "cat", "bird"))
    assert flips(before, after) == {
        "lost": [(5, "dog", "cat")],
        "gained": [(2, "dog", "cat")],
    }
    assert [each[:3] for each in class_flips(before, after)] == [
        ("cat", 0, 1),
        ("dog", 1, 0),
    ]


def test_classes_that_one_model_alone_knows() -> None:
    before, after = made([0], [0], ("cat", "dog")), made([0], [0], ("cat", "fox", "hen"))
    assert unshared_classes(before, after) == (["dog"], ["fox", "hen"])


def test_of_many_classes_each_verdict_must_be_the_surer() -> None:
    """Of the first of three, 6 of 1,000 images are lost: p = 0.031, which three such tests may
    well give by chance; of the last, 30 are.
    """
    labels = np.repeat([0, 1, 2], 1000).tolist()
    predicted = list(labels)
    predicted[:6] = [1] * 6
    predicted[2000:2030] = [1] * 30
    names = ("cat", "dog", "fox")
    found = class_flips(made(labels, labels, names), made(labels, predicted, names))
    assert [(name, verdict.outcome) for name, _, _, verdict in found[:2]] == [
        ("fox", Outcome.WORSE),
        ("cat", Outcome.NOISY),
    ]
