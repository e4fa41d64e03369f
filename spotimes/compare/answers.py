"""What two classifiers answer for the same images, and which images they answer differently."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.compare import verdict
from spotimes.compare.flips import Flip
from spotimes.compare.verdict import Verdict
from spotimes.dataset.prepared import LabelledImages
from spotimes.errors import InputError
from spotimes.evaluation import device, foreign
from spotimes.evaluation.device import Outputs
from spotimes.evaluation.foreign import Scored
from spotimes.evaluation.statistics import Correct, correct_by_class
from spotimes.inference.classifier import Classifier
from spotimes.inference.unknown import scores

BATCH = 500


class Answers(NamedTuple):
    """What a classifier answers for labelled images.

    Attributes:
        labels: int64, shape (images,), of the classifier's own classes; -1 for a class that it
            does not know.
        predicted: int64, shape (images,).
        class_names: of the classifier.
        scored: the scores of its answers, for these images and for foreign pictures.
        steps: its probabilities in 256ths, int16, shape (images, classes).
        device: those that a microcontroller gives, or why there are none.
    """

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    scored: Scored
    steps: Outputs
    device: Outputs | str

    @property
    def correct(self) -> Correct:
        """Which answers are correct: bool, shape (images,)."""
        correct: Correct = self.predicted == self.labels
        return correct

    def by_class(self) -> dict[str, Correct]:
        """Which answers are correct, of each class that it knows and that has images."""
        return correct_by_class(self.predicted, self.labels, self.class_names)


class ClassFlips(NamedTuple):
    """A class's images that only one of two classifiers answers correctly.

    Attributes:
        name: of the class.
        lost: how many only the first does.
        gained: how many only the second does.
        verdict: what can be said of the class's accuracy.
    """

    name: str
    lost: int
    gained: int
    verdict: Verdict


def classify(classifier: Classifier, split: LabelledImages, class_names: Sequence[str]) -> Answers:
    """Classifies labelled images.

    Args:
        classifier: a model.
        split: the images, of the size that it takes, and their labels.
        class_names: what the labels stand for.
    """
    names = classifier.contract.class_names
    index_of = {name: index for index, name in enumerate(names)}
    own = np.array([index_of.get(name, -1) for name in class_names], np.int64)
    predicted, known, steps = [], [], []
    for start in range(0, len(split.labels), BATCH):
        images = split.images[start : start + BATCH]
        probabilities = classifier.probabilities(images)
        predicted.append(probabilities.argmax(axis=1))
        known.append(scores(probabilities))
        steps.append(device.steps(probabilities))
    scored = foreign.scored(classifier, split.images, np.concatenate(known))
    try:
        on_device: Outputs | str = device.outputs(classifier.path, split.images)
    except InputError as error:
        on_device = str(error)
    return Answers(
        own[split.labels],
        np.concatenate(predicted),
        names,
        scored,
        np.concatenate(steps),
        on_device,
    )


def common_classes(before: Answers, after: Answers) -> dict[str, tuple[Correct, Correct]]:
    """What both answer correctly of each class that both know and that has images."""
    first, second = before.by_class(), after.by_class()
    return {name: (first[name], second[name]) for name in first if name in second}


def flips(before: Answers, after: Answers) -> dict[str, list[Flip]]:
    """The images, of classes that both know, that only one of them answers correctly.

    Returns:
        `lost`, those that only the first does, and `gained`, those that only the second does.
    """
    both = (before.labels >= 0) & (after.labels >= 0)
    sides = {"lost": before.correct & ~after.correct, "gained": ~before.correct & after.correct}
    return {
        side: [
            Flip(
                index,
                before.class_names[before.predicted[index]],
                after.class_names[after.predicted[index]],
            )
            for index in np.flatnonzero(both & flipped).tolist()
        ]
        for side, flipped in sides.items()
    }


def class_flips(before: Answers, after: Answers) -> list[ClassFlips]:
    """The flips of each class that both know, the most flips first."""
    classes = common_classes(before, after)
    found = []
    for name, (first, second) in classes.items():
        paired = verdict.paired(first, second)
        judged = verdict.of_accuracy(paired, len(classes))
        found.append(ClassFlips(name, paired.first_only, paired.second_only, judged))
    return sorted(found, key=lambda each: -(each.lost + each.gained))


def unshared_classes(before: Answers, after: Answers) -> tuple[list[str], list[str]]:
    """The classes that only the first knows, and those that only the second does."""
    first, second = before.class_names, after.class_names
    return (
        [name for name in first if name not in second],
        [name for name in second if name not in first],
    )
