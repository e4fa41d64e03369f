from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.evaluation.accuracy import Predictions, compare
from spotimes.evaluation.calibration import Reliability
from spotimes.evaluation.layer_error import LayerError
from spotimes.evaluation.metrics import (
    Accuracy,
    Benchmark,
    FileParts,
    ModelCost,
    ModelSize,
    Quantization,
    Speedup,
    Temperature,
)
from spotimes.reporting import plots
from spotimes.tflite.activation_memory import OperatorMemory

pytestmark = pytest.mark.slow

NAMES = ["US$ $", *(f"class {number}" for number in range(1, 10))]
GENERATOR = np.random.default_rng(3)
LABELS = np.arange(200) % 10
PROBABILITIES = GENERATOR.dirichlet(np.ones(10), 200).astype(np.float32)
TEST = Split(GENERATOR.integers(0, 256, (200, 32, 32, 3), np.uint8), LABELS)
# Both models answer alike.
SAME = Predictions(TEST, NAMES, PROBABILITIES, PROBABILITIES)

PARTS = FileParts(file=100_000, weights=80_000, quantization=9_000, metadata=1_000, rest=10_000)
SIZE = ModelSize(bytes=PARTS, arena_bytes=60_000, arena_note=None)
RELIABLE = [Reliability(0.5, 0.6, 10), Reliability(0.7, 0.8, 40), Reliability(0.99, 1, 100)]
TEMPERATURE = Temperature(value=1, low=None, high=None, images=0)
SIZES = Quantization(fp32=SIZE, int8=SIZE, ratio=1, parameters=1, macs=1, temperature=TEMPERATURE)
MODEL_COST = ModelCost(
    median_ms=0.1,
    median_low_ms=0.1,
    median_high_ms=0.1,
    p95_ms=0.2,
    p99_ms=0.3,
    first_inference_ms=1,
    peak_rss_bytes=40_000_000,
    rss_before_load_bytes=30_000_000,
)
COST = Benchmark(
    fp32=MODEL_COST,
    int8=MODEL_COST,
    speedup=Speedup(median=1, low=1, high=1),
    threads=1,
    host={},
)
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [2.0, 1.5, 1.2],
        "accuracy": [0.3, 0.5, 0.6],
        "val_loss": [1.9, 1.4, 1.1],
        "val_accuracy": [0.35, 0.55, 0.62],
    }
)

PERCENTILES = pd.DataFrame(
    {"model": ["fp32", "fp32", "int8", "int8"], "percentile": [1, 99] * 2, "microseconds": range(4)}
)
MEMORY = [OperatorMemory("CONV_2D", 20_000), OperatorMemory("SOFTMAX", 40)]

PICTURES: dict[str, Callable[[Path], None]] = {
    "training": lambda path: plots.training_curves(HISTORY, path),
    "confusion": lambda path: plots.confusion(SAME, path),
    "classes": lambda path: plots.class_accuracy(compare(SAME, 10), path),
    "calibration": lambda path: plots.reliability(RELIABLE, RELIABLE[1:], path),
    "cost": lambda path: plots.cost(SIZES, COST, path),
    "latency": lambda path: plots.latency(PERCENTILES, path),
    "memory": lambda path: plots.memory(
        MEMORY, MEMORY, [9_000, 40], ["one", "two"], path, arena=30_000
    ),
    "memory without an arena": lambda path: plots.memory(
        MEMORY, MEMORY, [9_000, 40], ["one", "two"], path
    ),
    "layers": lambda path: plots.layer_error(
        [LayerError("one", 30.0), LayerError("two", 20)], path
    ),
    "layers drowned": lambda path: plots.layer_error(
        [LayerError("one", float("inf")), LayerError("two", 3), LayerError("three", -2)], path
    ),
    "examples": lambda path: plots.examples(SAME, path),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_depends_on_the_numbers_alone(tmp_path: Path, name: str) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    PICTURES[name](first)
    PICTURES[name](again)
    assert first.read_bytes() == again.read_bytes()
    assert b"atplotlib" not in first.read_bytes()
    assert first.stat().st_size < 60_000
    with Image.open(first) as picture:
        assert picture.format == "PNG"
        assert 500 <= picture.width <= 900
        assert len(set(picture.convert("L").get_flattened_data())) > 10


@pytest.mark.parametrize("names", [["x" * 300, "y z " * 70], ["猫" * 84, "חתול"], ["a", "b"]])
def test_names_of_any_length_and_script_leave_room(tmp_path: Path, names: list[str]) -> None:
    wrong = SAME.int8[:, ::-1]
    test = Split(TEST.images, LABELS % 2)
    two = Predictions(test, names, SAME.fp32[:, :2], wrong[:, :2])
    for draw in (plots.confusion, plots.examples):
        draw(two, tmp_path / "picture.png")  # a warning of Matplotlib's would be an error
    plots.class_accuracy(compare(two, 10), tmp_path / "picture.png")


def test_other_numbers_give_another_picture(tmp_path: Path) -> None:
    for name, last in (("one", 0.6), ("other", 0.7)):
        plots.training_curves(HISTORY.assign(accuracy=[0.3, 0.5, last]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_ticks_of_accuracy_are_where_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[float, str]] = []

    @contextmanager
    def drawn(*_: object) -> Iterator[Figure]:
        drawing = Figure((8, 4))
        yield drawing
        drawing.savefig(BytesIO())
        axis = drawing.axes[0].xaxis
        ticks, labels = axis.get_majorticklocs(), axis.get_majorticklabels()
        shown.extend((tick, label.get_text()) for tick, label in zip(ticks, labels, strict=True))

    monkeypatch.setattr(plots, "figure", drawn)
    shares = dict(zip("abc", (0.771, 0.87, 0.957), strict=True))
    accuracy = Accuracy(
        top1=0.9, top1_low=0.89, top1_high=0.91, calibration_error=0, class_top1=shares
    )
    result = compare(SAME, 10)
    plots.class_accuracy(result.model_copy(update={"fp32": accuracy, "int8": accuracy}), Path())
    assert any(tick * 100 % 1 for tick, _ in shown)  # else any rounding would do
    assert [float(label.rstrip("%")) for _, label in shown] == pytest.approx(
        [100 * tick for tick, _ in shown]
    )


def test_cost_without_an_arena(tmp_path: Path) -> None:
    unknown = SIZE.model_copy(update={"arena_bytes": None})
    plots.cost(SIZES, COST, tmp_path / "with.png")
    plots.cost(SIZES.model_copy(update={"int8": unknown}), COST, tmp_path / "without.png")
    assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()


@pytest.mark.parametrize("correct", [0, 3, 200])
def test_examples_where_few_are_correct_or_wrong(tmp_path: Path, correct: int) -> None:
    answers = np.where(np.arange(200) < correct, LABELS, (LABELS + 1) % 10)
    answered = SAME._replace(int8=np.eye(10, dtype=np.float32)[answers])
    plots.examples(answered, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").is_file()


def test_grey_images_and_classes_without_images(tmp_path: Path) -> None:
    grey = Split(TEST.images[:, :, :, :1], LABELS)
    plots.examples(SAME._replace(test=grey), tmp_path / "grey.png")
    one_class = Split(TEST.images[:1], np.zeros(1, np.int64))
    answer = np.array([[0.6, 0.4]], np.float32)
    plots.confusion(Predictions(one_class, ["a", "b"], answer, answer), tmp_path / "empty.png")
    assert (tmp_path / "grey.png").is_file()
    assert (tmp_path / "empty.png").is_file()
