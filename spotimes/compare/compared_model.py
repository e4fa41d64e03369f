"""The INT8 model of a revision or of the working tree, ready to be compared."""

from pathlib import Path
from typing import NamedTuple

from spotimes.compare import held_out, refitted
from spotimes.compare.answers import Answers, classify
from spotimes.dataset.prepared import Card, LabelledImages
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.inference.interpreter import load_interpreter
from spotimes.reproducibility.revision import Revision

MODEL = "models/model_int8.tflite"
WORKING_TREE = "working tree"
NO_MODEL = f"it has no {MODEL}"


class ComparedModel(NamedTuple):
    """One of the two that are compared.

    Attributes:
        name: of its revision, for people.
        path: where its model lies, or None if it has none.
        untested: why its accuracy is not measured; empty if it is.
    """

    name: str
    path: Path | None
    untested: str

    def answers(self, split: LabelledImages, card: Card) -> Answers | str:
        """What it answers for the test images, or why that is not measured."""
        if self.path is None or self.untested:
            return self.untested
        classifier = Classifier(self.path)
        contract, own = classifier.contract, split
        fitted = split.images.shape[1:], card.resize, card.range and tuple(card.range)
        if fitted != (classifier.image_shape, contract.resize, contract.range):
            try:
                own = refitted.for_model(contract, split)
            except InputError as error:
                return f"it takes pictures fitted otherwise: {error}"
        return classify(classifier, own, card.class_names)


def find(revision: str | None, target: Path) -> ComparedModel:
    """Finds a model.

    Args:
        revision: a branch, tag or commit, or None for the working tree.
        target: where a revision's model is written to; the working tree's stays where it lies.

    Raises:
        InputError: the revision is unknown, or its model is damaged.
    """
    if revision is None:
        found, name, path = None, WORKING_TREE, Path(MODEL)
    else:
        found, path = Revision(revision), target
        short = found.commit[:7]
        name = short if found.commit.startswith(revision) else f"{revision} ({short})"
        content = found.read(MODEL)
        if content is not None:
            path.write_bytes(content)
    if not path.is_file():
        return ComparedModel(name, None, NO_MODEL)
    try:
        load_interpreter(path)
    except InputError as error:
        raise InputError(f"{name}: {_of_model(error, path)}") from error
    try:
        Classifier(path)
    except InputError as error:  # what an old Spotimes made can be measured all the same
        return ComparedModel(name, path, _of_model(error, path))
    return ComparedModel(name, path, held_out.why_not(found))


def _of_model(error: InputError, path: Path) -> str:
    return str(error).replace(str(path), MODEL)
