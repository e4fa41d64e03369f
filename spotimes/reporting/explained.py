"""Pictures of single answers, with maps of what speaks for them, as PNG files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from PIL import Image

from spotimes.evaluation.accuracy import Predictions
from spotimes.explanation.overlay import overlaid
from spotimes.plotting.figure import figure
from spotimes.plotting.labels import ABOVE_A_PICTURE, label

# A model's maps of an image: float32, shape (classes, rows, columns).
Maps = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

COLUMNS = 8


def most_confident_mistakes(predictions: Predictions) -> npt.NDArray[np.intp]:
    """The indices of the images that INT8 classifies wrongly, the most confident first.

    Many are of one INT8 probability; of these, those come first of which FP32 is as sure.
    """
    answers = predictions.int8.argmax(axis=1)
    images = np.arange(len(answers))
    order = np.lexsort((-predictions.fp32[images, answers], -predictions.int8[images, answers]))
    wrong: npt.NDArray[np.intp] = order[(answers != predictions.test.labels)[order]]
    return wrong


def mistakes(predictions: Predictions, int8: Maps, path: Path) -> None:
    """Draws up to 16 of INT8's most confident mistakes, each with the map of its answer.

    Args:
        predictions: both models' answers.
        int8: the INT8 model's maps.
        path: the PNG to write.
    """
    test, answers = predictions.test, predictions.int8.argmax(axis=1)
    class_names = [label(name, ABOVE_A_PICTURE) for name in predictions.class_names]
    picks = most_confident_mistakes(predictions)[: 2 * COLUMNS]
    rows = max(1, -(-2 * len(picks) // COLUMNS))
    with figure(path, (8, 0.3 + 1.5 * rows), refine=False) as drawing:
        grid = drawing.subplots(rows, COLUMNS, squeeze=False)
        for pick, own, beside in zip(picks, grid.flat[::2], grid.flat[1::2], strict=False):
            image, answer = test.images[pick], answers[pick]
            _show(own, image)
            own.set_title(
                f"{class_names[answer]} {predictions.int8[pick, answer]:.0%}\n"
                f"is {class_names[test.labels[pick]]}",
                fontsize=8,
            )
            _show_map(beside, image, int8(image)[answer])
        for axes in grid.flat:
            axes.set_axis_off()
        if not len(picks):
            drawing.text(0.5, 0.5, "none: every answer is correct", ha="center")


def disagreements(predictions: Predictions, fp32: Maps, int8: Maps, path: Path) -> None:
    """Draws up to 8 images that FP32 classifies correctly and INT8 does not, in their order.

    Below each is the map of FP32's answer, and below that of INT8's.

    Args:
        predictions: both models' answers.
        fp32: the FP32 model's maps.
        int8: the INT8 model's.
        path: the PNG to write.
    """
    test = predictions.test
    class_names = [label(name, ABOVE_A_PICTURE) for name in predictions.class_names]
    before, after = (each.argmax(axis=1) for each in (predictions.fp32, predictions.int8))
    picks = np.flatnonzero((before == test.labels) & (after != test.labels))[:COLUMNS]
    with figure(path, (8, 4.6 if len(picks) else 1.9), refine=False) as drawing:
        grid = drawing.subplots(3, COLUMNS)
        for column, pick in zip(grid.T, picks, strict=False):
            image = test.images[pick]
            _show(column[0], image)
            for axes, model, maps, answer in (
                (column[1], "FP32", fp32, before[pick]),
                (column[2], "INT8", int8, after[pick]),
            ):
                _show_map(axes, image, maps(image)[answer])
                axes.set_title(f"{model}\n{class_names[answer]}", fontsize=8)
        for axes in grid.flat:
            axes.set_axis_off()
        if not len(picks):
            drawing.text(0.5, 0.5, "none: INT8 is correct wherever FP32 is", ha="center")


def _show(axes: Axes, image: npt.NDArray[np.uint8]) -> None:
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _show_map(axes: Axes, image: npt.NDArray[np.uint8], map_: npt.NDArray[np.float32]) -> None:
    axes.imshow(np.asarray(overlaid(Image.fromarray(image.squeeze()), map_)))
