"""The pictures of the model card: PNG files whose bytes depend on the numbers alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from spotimes.evaluation.accuracy import Predictions
from spotimes.evaluation.calibration import Reliability
from spotimes.evaluation.layer_error import LayerError, largest_drop
from spotimes.evaluation.metrics import Benchmark, Evaluation, Quantization
from spotimes.figures import FILE_PARTS
from spotimes.plotting.figure import BLUE, GREY, ORANGE, PURPLE, figure
from spotimes.plotting.labels import ABOVE_A_PICTURE, label, width
from spotimes.tflite.activation_memory import OperatorMemory


def training_curves(history: pd.DataFrame, path: Path) -> None:
    """Draws loss and accuracy over the epochs.

    Args:
        history: columns `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        path: the PNG to write.
    """
    with figure(path, (8, 3.2)) as drawing:
        left, right = drawing.subplots(1, 2)
        for axes, column, label in (
            (left, "loss", "loss (cross-entropy)"),
            (right, "accuracy", "top-1 accuracy"),
        ):
            axes.plot(history.epoch, history[column], color=ORANGE, label="training")
            axes.plot(history.epoch, history[f"val_{column}"], color=BLUE, label="validation")
            axes.set(xlabel="epoch", ylabel=label)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend()
        right.yaxis.set_major_formatter(PercentFormatter(1))


def confusion(predictions: Predictions, path: Path) -> None:
    """Draws the INT8 model's confusion matrix, each row in per cent of the images of its class."""
    matrix, class_names = predictions.confusion, predictions.class_names
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    count = len(class_names)
    names = [label(name, 24) for name in class_names]
    longest = max(map(width, names))
    side = np.clip(2.2 + 0.48 * count + 0.07 * max(0, longest - 12), 5.0, 14.0)
    with figure(path, (side, side * 0.9)) as drawing:
        axes = drawing.subplots()
        # The root shows the few per cent off the diagonal.
        axes.imshow(np.sqrt(percent), cmap="Blues", vmin=0, vmax=10, interpolation="nearest")
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), names)
        axes.tick_params(labelsize=min(10, 50 * side / count))
        axes.set(xlabel="predicted by the INT8 model", ylabel="actual")
        axes.set_title("per cent of the images of each class", fontsize=10, loc="left")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        if count <= 25:
            for row, column in np.argwhere(percent >= 0.05):
                share = percent[row, column]
                text = f"{share:.1f}" if share < 99.95 else "100"
                colour = "white" if share > 30 else "black"
                axes.text(column, row, text, color=colour, ha="center", va="center", fontsize=8)


def reliability(before: Sequence[Reliability], after: Sequence[Reliability], path: Path) -> None:
    """Draws a reliability diagram (DeGroot and Fienberg 1983, The Statistician 32:12) of each.

    Args:
        before: the bins at temperature 1.
        after: those at the model's own.
        path: the PNG to write.
    """
    with figure(path, (8, 4.6)) as drawing:
        rows = drawing.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3, 1))
        for column, (title, colour, bins) in enumerate(
            (("temperature 1", ORANGE, before), ("the model's temperature", BLUE, after))
        ):
            claimed = [each.claimed for each in bins]
            correct = [each.correct for each in bins]
            upper, lower = rows[0][column], rows[1][column]
            upper.plot((0, 1), (0, 1), color=GREY, linestyle=":")
            upper.vlines(claimed, claimed, correct, color=GREY)
            upper.plot(claimed, correct, "o-", color=colour, markersize=5)
            upper.set_title(title, fontsize=10, loc="left")
            lower.bar(claimed, [each.images for each in bins], 0.04, color=colour)
            lower.set_xlabel("highest probability")
            lower.xaxis.set_major_formatter(PercentFormatter(1))
        rows[0][0].set(ylabel="answers that are correct", xlim=(0, 1.03), ylim=(0, 1.03))
        rows[0][0].yaxis.set_major_formatter(PercentFormatter(1))
        rows[1][0].set_ylabel("images")


def class_accuracy(result: Evaluation, path: Path) -> None:
    """Draws both models' accuracy on each class, the easiest class on top."""
    names = sorted(result.int8.class_top1, key=lambda name: result.int8.class_top1[name])
    rows = np.arange(len(names))
    with figure(path, (8, 1.2 + 0.28 * len(names))) as drawing:
        axes = drawing.subplots()
        fp32 = [result.fp32.class_top1[name] for name in names]
        int8 = [result.int8.class_top1[name] for name in names]
        axes.hlines(rows, np.minimum(fp32, int8), np.maximum(fp32, int8), color=GREY)
        axes.plot(fp32, rows, "D", color=ORANGE, label="FP32", markersize=6)
        axes.plot(int8, rows, "o", color=BLUE, label="INT8", markersize=6)
        for model, colour in ((result.fp32, ORANGE), (result.int8, BLUE)):
            axes.axvline(model.top1, color=colour, linestyle=":", zorder=0)
        axes.set_yticks(rows, [label(name, 28) for name in names])
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("top-1 accuracy on the test images of the class (dotted: on all images)")
        drawing.legend(loc="outside upper center", ncols=2)


def cost(size: Quantization, benchmark: Benchmark, path: Path) -> None:
    """Draws both models' file, latency and memory; the arena where both models' is known."""
    costs = (benchmark.fp32, benchmark.int8)
    parts = {
        part: [getattr(model.bytes, part) / 1000 for model in (size.fp32, size.int8)]
        for part in FILE_PARTS
    }
    resident = {
        "before loading": [model.rss_before_load_bytes / 1e6 for model in costs],
        "model": [(model.peak_rss_bytes - model.rss_before_load_bytes) / 1e6 for model in costs],
    }
    panels = [
        ("file (kB)", parts),
        ("median latency (ms)", {"": [model.median_ms for model in costs]}),
        ("peak RSS (MB)", resident),
    ]
    if size.fp32.arena_bytes is not None and size.int8.arena_bytes is not None:
        arenas = [size.fp32.arena_bytes / 1000, size.int8.arena_bytes / 1000]
        panels.append(("microcontroller RAM (kB)", {"": arenas}))
    with figure(path, (8, 3.4)) as drawing:
        for axes, (title, stack) in zip(drawing.subplots(1, len(panels)), panels, strict=True):
            _stacked_bars(axes, stack)
            axes.set_title(title, fontsize=9)


def examples(predictions: Predictions, path: Path) -> None:
    """Draws up to 8 images that the INT8 model classifies correctly and 8 others, at random."""
    test = predictions.test
    class_names = [label(name, ABOVE_A_PICTURE) for name in predictions.class_names]
    correct = predictions.int8.argmax(axis=1) == test.labels
    generator = np.random.default_rng(0)
    with figure(path, (8, 3.4)) as drawing:
        for half, chosen, title in zip(
            drawing.subfigures(2, 1), (correct, ~correct), ("correct", "wrong"), strict=True
        ):
            among = np.flatnonzero(chosen)
            picks = generator.choice(among, min(8, len(among)), replace=False)
            half.suptitle(title, x=0.01, ha="left", fontsize=10, weight="bold")
            for axes, pick in zip(half.subplots(1, 8), picks, strict=False):
                answer = predictions.int8[pick].argmax()
                name = label(predictions.class_names[answer], ABOVE_A_PICTURE - 2)
                share = f"{name} {predictions.int8[pick, answer]:.0%}"
                actual = class_names[test.labels[pick]]
                pixels = test.images[pick].squeeze()
                axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes.set_title(share if chosen is correct else f"{share}\nis {actual}", fontsize=8)
            for axes in half.axes:
                axes.set_axis_off()


def latency(percentiles: pd.DataFrame, path: Path) -> None:
    """Draws how long invocations take: the share of them that are over by then.

    Args:
        percentiles: columns `model` (fp32 or int8), `percentile` and `microseconds`.
        path: the PNG to write.
    """
    with figure(path, (8, 3.2)) as drawing:
        axes = drawing.subplots()
        for model, colour in (("int8", BLUE), ("fp32", ORANGE)):
            own = percentiles[percentiles.model == model]
            axes.plot(own.microseconds, own.percentile / 100, color=colour, label=model.upper())
        axes.set(xlabel="latency of an image (us)", ylabel="share of invocations", xlim=(0, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend()


def memory(
    fp32: Sequence[OperatorMemory],
    int8: Sequence[OperatorMemory],
    as_c: Sequence[int],
    layers: Sequence[str],
    path: Path,
    *,
    arena: int | None = None,
) -> None:
    """Draws the RAM that each layer takes, layer by layer and as C, and where it is highest.

    Args:
        fp32: the FP32 model's, layer by layer.
        int8: the INT8 model's.
        as_c: bytes of the INT8 model as C.
        layers: their names.
        path: the picture.
        arena: bytes that the INT8 model takes in an interpreter, which are drawn as a line.
    """
    rows = np.arange(len(layers))
    with figure(path, (8, 1.2 + 0.28 * len(layers))) as drawing:
        axes = drawing.subplots()
        for taken, colour, title, shift in (
            ([each.bytes for each in fp32], ORANGE, "FP32, layer by layer", -0.27),
            ([each.bytes for each in int8], BLUE, "INT8, layer by layer", 0.0),
            (as_c, PURPLE, "INT8, as C", 0.27),
        ):
            sizes = np.array(taken) / 1000
            axes.barh(rows + shift, sizes, 0.27, color=colour, label=title)
            peak = int(sizes.argmax())
            text = f" {sizes[peak]:.3g} kB at most"
            axes.text(sizes[peak], rows[peak] + shift, text, va="center", fontsize=8)
        axes.set_yticks(rows, layers)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.grid(False, axis="y")
        if arena is not None:
            axes.axvline(arena / 1000, color=BLUE, linestyle=":", label="INT8, interpreter's arena")
        axes.set_xlabel("feature maps in RAM while the layer runs (kB)")
        axes.legend(loc="lower right")


def layer_error(errors: Sequence[LayerError], path: Path) -> None:
    """Draws each layer's signal-to-noise ratio, in their order, and where it falls most.

    An output without any error has no ratio and is drawn as none.
    """
    worst = largest_drop(errors)
    rows = np.arange(len(errors))
    with figure(path, (8, 1.2 + 0.28 * len(errors))) as drawing:
        axes = drawing.subplots()
        axes.axvline(0, color=GREY)
        for row, error in zip(rows, errors, strict=True):
            if not np.isfinite(error.decibels):
                axes.text(0, int(row), "  no error", va="center", fontsize=8)
                continue
            text = "  {:.1f}{}".format(error.decibels, ", falls most" if error is worst else "")
            axes.hlines(row, 0, error.decibels, color=GREY)
            axes.plot(error.decibels, row, "o", color=ORANGE if error is worst else BLUE)
            axes.text(max(error.decibels, 0), int(row), text, va="center", fontsize=8)
        axes.set_yticks(rows, [error.layer for error in errors])
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set(xlabel="signal to quantization noise of the layer's output (dB)")
        axes.grid(False, axis="y")


def _stacked_bars(axes: Axes, stack: Mapping[str, list[float]]) -> None:
    """One bar for each model, of the parts in `stack`; their sum stands on top."""
    colours = (BLUE, ORANGE, PURPLE, GREY) if len(stack) > 2 else (GREY, BLUE)[-len(stack) :]
    top = np.zeros(2)
    for (part, heights), colour in zip(stack.items(), colours, strict=True):
        axes.bar(("FP32", "INT8"), heights, 0.7, top, color=colour, label=part)
        top += heights
    for bar, value in enumerate(top):
        text = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
        axes.text(bar, value, text, ha="center", va="bottom")
    axes.set(xlim=(-0.6, 1.6), ylim=(0, max(top) * 1.1 or 1))
    axes.grid(False, axis="x")
    if len(stack) > 1:
        handles, labels = axes.get_legend_handles_labels()
        # Upside down, as the parts are stacked; below the axes, where no bar is.
        axes.legend(
            handles[::-1],
            labels[::-1],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.1),
            fontsize=8,
            handlelength=1,
        )
