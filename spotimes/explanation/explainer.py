"""Explains a classifier's answers: which parts of an image speak for a class."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spotimes.errors import InputError
from spotimes.explanation.ending import Real, ending_of, real, score_of, step_of
from spotimes.explanation.outputs import with_outputs
from spotimes.inference.classifier import Classifier
from spotimes.inference.interpreter import as_input, interpreter_of, invoke, read_verified
from spotimes.pixels import Images, to_uint8

GRID = 8  # rows and columns of an occlusion map, where the image has as many pixels
REACH = 1  # cells that are blanked around the one in question: one alone changes little


class Logits(NamedTuple):
    """The sums that maps are the parts of.

    Attributes:
        values: as the network computes them, float32, shape (classes,).
        bias: what of them is no position's, likewise.
        step: by how much values of an INT8 network differ at least, its logits' scale; else 0.
    """

    values: Real
    bias: Real
    step: float


class Explanation(NamedTuple):
    """What speaks for each class, and where.

    Attributes:
        probabilities: the network's answer, float32, shape (classes,).
        maps: float32, shape (classes, rows, columns); above 0 speaks for the class, below against
            it. Rows and columns divide the image evenly.
        logits: what each class' map and bias sum up to, but for what the network rounds and clips;
            None of an occlusion map, which says by how much the class' logit falls when an image is
            blanked around there.
    """

    probabilities: Real
    maps: Real
    logits: Logits | None

    @property
    def method(self) -> str:
        """`shares` or `occlusion`."""
        return "shares" if self.logits else "occlusion"

    @property
    def remainders(self) -> Real | None:
        """What of each logit is neither in the bias nor in the map; None of an occlusion map."""
        if self.logits is None:
            return None
        explained: Real = self.logits.bias + self.maps.sum(axis=(1, 2))
        return self.logits.values - explained


class Explainer:
    """Explains the answers of one classifier. Not for several threads at once.

    Where the network ends in average pooling and one dense layer, as those of Spotimes do, a logit
    is the bias and the mean over all positions of the last feature map times the weights (the class
    activation map of Zhou et al. 2016, arXiv:1512.04150, equation 2). So the maps are the logit,
    taken apart, and cost one inference. For another network parts of the image are blanked, one
    after the other (Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2), which takes 65.

    Args:
        classifier: its file is read again.
        occlusion: blank parts of the image all the same.

    Raises:
        InputError: the file cannot be read, or has changed.
    """

    def __init__(self, classifier: Classifier, *, occlusion: bool = False) -> None:
        path = classifier.path
        content, graph = read_verified(path)
        self._classifier = classifier
        self._graph = graph
        self._ending = None if occlusion else ending_of(graph)
        self._answer, self._score = graph.outputs[0], score_of(graph)
        outputs = {self._answer, self._score}
        if self._ending:
            outputs.add(self._ending.features)
        self._interpreter = interpreter_of(with_outputs(content, sorted(outputs)), path)
        (self._input,) = self._interpreter.get_input_details()
        shapes = (tuple(self._input["shape"][1:]), graph.tensors[self._answer].shape[1])
        if shapes != (classifier.image_shape, classifier.classes):
            raise InputError(f"{path}: has changed since it was loaded; load it again")

    def explain(self, image: Images) -> Explanation:
        """Explains the answer to one image, for all classes.

        Args:
            image: uint8 pixels, or int8, which are `pixel - 128`; shape (height, width, channels).

        Raises:
            InputError: the image is not such, or the runtime fails.
        """
        if image.dtype not in (np.uint8, np.int8) or image.shape != self._classifier.image_shape:
            raise InputError(
                f"the image is {image.dtype} of shape {list(image.shape)}, not uint8 or int8 of "
                f"shape {list(self._classifier.image_shape)}"
            )
        scores = self._scores(image)
        answer = self._value(self._answer)
        if self._ending is None:
            return Explanation(answer, self._occluded(to_uint8(image), scores), None)
        features = self._value(self._ending.features)
        positions = features.shape[0] * features.shape[1]
        shares = np.moveaxis(features @ self._ending.weights, -1, 0) / np.float32(positions)
        step = step_of(self._graph.tensors[self._score])
        return Explanation(answer, shares, Logits(scores, self._ending.bias, step))

    def _occluded(self, image: npt.NDArray[np.uint8], scores: Real) -> Real:
        rows, columns = (min(GRID, side) for side in image.shape[:2])
        maps = np.empty((len(scores), rows, columns), np.float32)
        mean = np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
        for row, down in enumerate(_windows(image.shape[0], rows)):
            for column, across in enumerate(_windows(image.shape[1], columns)):
                blanked = image.copy()
                blanked[down, across] = mean
                maps[:, row, column] = scores - self._scores(blanked)
        return maps

    def _scores(self, image: Images) -> Real:
        normalization = self._classifier.contract.normalization
        values = as_input(image, self._input["dtype"], normalization)[np.newaxis]
        self._interpreter.set_tensor(self._input["index"], values)
        invoke(self._interpreter, "the model")
        return self._value(self._score)

    def _value(self, index: int) -> Real:
        values: npt.NDArray[Any] = self._interpreter.get_tensor(index)[0]
        return real(self._graph.tensors[index], values)


def _windows(side: int, cells: int) -> Iterator[slice]:
    """Of each cell the pixels that are blanked for it."""
    ends = np.linspace(0, side, cells + 1).round().astype(int)
    for cell in range(cells):
        yield slice(ends[max(0, cell - REACH)], ends[min(cells, cell + REACH + 1)])
