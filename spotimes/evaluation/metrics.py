"""The metrics files that evaluate and the model card read, checked and typed.

Each holds what is read here; a stage may write more beside it.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from pydantic import ConfigDict

from spotimes.errors import InputError
from spotimes.system.validation import Frozen, load_json, unread

FOLDER = Path("metrics")
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")


class Metrics(Frozen):
    """A part of a metrics file; keys that nothing here reads are ignored."""

    model_config = ConfigDict(extra="ignore")


class Images(Metrics):
    """How many images each split has."""

    train: int
    validation: int
    test: int


class Preparation(Metrics):
    """metrics/prepare.json."""

    images: Images


class Teacher(Metrics):
    """Of metrics/train.json: `val_accuracy` is the teacher's, of the same validation images."""

    val_accuracy: float


class Training(Metrics):
    """metrics/train.json: `val_accuracy` is a share of the validation images."""

    val_accuracy: float
    epochs: int
    teacher: Teacher | None = None


class FileParts(Metrics):
    """Bytes of a .tflite file: all of it, and by what they are for."""

    file: int
    weights: int
    quantization: int
    metadata: int
    rest: int


class ModelSize(Metrics):
    """A model's size.

    Attributes:
        bytes: its file.
        arena_bytes: its RAM on a microcontroller, or null.
        arena_note: why that is null.
    """

    bytes: FileParts
    arena_bytes: int | None
    arena_note: str | None


class Temperature(Metrics):
    """What both models divide their logits by.

    Attributes:
        value: the temperature.
        low: lower end of its 95% interval; None where it was not fitted.
        high: upper end.
        images: how many validation images it was fitted on.
    """

    value: float
    low: float | None
    high: float | None
    images: int


class Quantization(Metrics):
    """metrics/quantize.json: `ratio` is the FP32 file's size over the INT8 file's."""

    fp32: ModelSize
    int8: ModelSize
    ratio: float
    parameters: int
    macs: int
    temperature: Temperature


class Export(Metrics):
    """metrics/export.json: the INT8 model as C.

    Attributes:
        ram_bytes: without the image and the stack.
        ram_by_layer: how many of them are in use while a layer is computed, in the layers' order.
        flash: bytes of constants by part; `constants` is all of them.
    """

    ram_bytes: int
    ram_by_layer: dict[str, int]
    flash: dict[str, int]


class ModelCost(Metrics):
    """A model's latency and memory on the host.

    Attributes:
        median_ms: with `median_low_ms` and `median_high_ms`, the ends of its 95% interval.
    """

    median_ms: float
    median_low_ms: float
    median_high_ms: float
    p95_ms: float
    p99_ms: float
    first_inference_ms: float
    peak_rss_bytes: int
    rss_before_load_bytes: int


class Speedup(Metrics):
    """The FP32 model's latency over the INT8 model's, with its 95% interval."""

    median: float
    low: float
    high: float


class Benchmark(Metrics):
    """metrics/benchmark.json."""

    fp32: ModelCost
    int8: ModelCost
    speedup: Speedup
    threads: int
    host: dict[str, Any]


class Accuracy(Metrics):
    """A model's accuracy on the test split, all of it shares.

    Each of `spotimes.figures.ACCURACIES` has a field of its key; those that not every evaluation
    measured are None where it did not.

    Attributes:
        top1: of the images, with `top1_low` and `top1_high`, the ends of its 95% interval.
        balanced_accuracy: the mean over the classes that have images.
        worst_class: of the images of the class that fares worst.
        calibration_error: expected, of the highest probability.
        class_top1: by class name, where a class has images.
    """

    top1: float
    top1_low: float
    top1_high: float
    balanced_accuracy: float | None = None
    worst_class: float | None = None
    calibration_error: float
    class_top1: dict[str, float]


class Disagreement(Metrics):
    """McNemar's test: images that one model alone classifies correctly."""

    fp32_only_correct: int
    int8_only_correct: int
    p_value: float


class Calibration(Metrics):
    """The INT8 model's expected calibration error, of the highest probability, a share.

    Attributes:
        error: with `error_low` and `error_high`, the ends of its 95% interval.
        error_at_1: what it would be at temperature 1; likewise.
    """

    error: float
    error_low: float
    error_high: float
    error_at_1: float
    error_at_1_low: float
    error_at_1_high: float


class Device(Metrics):
    """What a microcontroller answers, by `spotimes.evaluation.device`.

    Attributes:
        device_top1: its share of correct answers.
        device_agreement: the share of images that it answers as LiteRT does here.
        device_difference: by how many of 256 steps a probability differs at most.
        same_bytes: the share of probabilities that do not differ.
    """

    device_top1: float
    device_agreement: float
    device_difference: int
    same_bytes: float


class ForeignSet(Metrics):
    """How a set of foreign pictures is told from the test images.

    Attributes:
        images: how many pictures it has.
        auroc: how often a test image's score is above one of theirs.
        accepted: the share of them that is taken as known, with `accepted_low` and
            `accepted_high`, the ends of its 95% interval; None where the model has no limit.
    """

    images: int
    auroc: float
    accepted: float | None = None
    accepted_low: float | None = None
    accepted_high: float | None = None


class Unknown(Metrics):
    """How the INT8 model tells pictures of none of the classes, by `spotimes.inference.unknown`.

    Attributes:
        known_kept: the share of the test images that is taken as known, with `known_kept_low` and
            `known_kept_high`, the ends of its 95% interval; None where the model has no limit.
        foreign_accepted: the share of all foreign pictures that is; likewise.
        foreign_auroc: of all foreign pictures, as `ForeignSet.auroc`.
        sets: of `spotimes.evaluation.foreign`, by their names.
    """

    known_kept: float | None = None
    known_kept_low: float | None = None
    known_kept_high: float | None = None
    foreign_accepted: float | None = None
    foreign_auroc: float
    sets: dict[str, ForeignSet]


class Verdict(Metrics):
    """A budget beside what was measured; unmeasured, it is neither met nor not, for a reason.

    Attributes:
        lower_bound: of a measure that is uncertain.
    """

    limit: float
    measured: float | None
    met: bool | None
    reason: str | None = None
    lower_bound: float | None = None


class Evaluation(Metrics):
    """metrics/evaluate.json: `agreement` and `top1_loss` are shares of the test images.

    What is None evaluate did not measure, as it did not at first.
    """

    images: int
    fp32: Accuracy
    int8: Accuracy
    top1_loss: float
    agreement: float
    mcnemar: Disagreement
    calibration: Calibration | None = None
    device: Device | None = None
    unknown: Unknown | None = None
    budgets: dict[str, Verdict]


class StageMetrics(NamedTuple):
    """What the other stages measured, as evaluate reports it.

    Attributes:
        preparation: metrics/prepare.json.
        training: metrics/train.json.
        history: metrics/history.csv, a row an epoch, with `HISTORY_COLUMNS`.
        size: metrics/quantize.json.
        export: metrics/export.json.
        cost: metrics/benchmark.json.
        latency: metrics/latency.csv: `model` (fp32 or int8), `percentile` and `microseconds`.
    """

    preparation: Preparation
    training: Training
    history: pd.DataFrame
    size: Quantization
    export: Export
    cost: Benchmark
    latency: pd.DataFrame


Kind = TypeVar("Kind", bound=Metrics)


def load_stages() -> StageMetrics:
    """Reads what the other stages measured.

    Raises:
        InputError: a file is missing or is not what its stage writes.
    """
    return StageMetrics(
        preparation=load("prepare", Preparation),
        training=load("train", Training),
        history=load_history(),
        size=load("quantize", Quantization),
        export=load("export", Export),
        cost=load("benchmark", Benchmark),
        latency=load_latency(),
    )


def load(stage: str, kind: type[Kind], folder: Path = FOLDER) -> Kind:
    """Reads a stage's metrics.

    Args:
        stage: its name.
        kind: what they must hold.
        folder: where they are.

    Raises:
        InputError: the file is missing, is not JSON or lacks a figure.
    """
    return load_json(folder / f"{stage}.json", kind, stage)


def load_history(path: Path = FOLDER / "history.csv") -> pd.DataFrame:
    """Reads what training recorded, a row an epoch.

    Raises:
        InputError: the file is missing, is not CSV, or lacks a column or any row.
    """
    try:
        history = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise unread(path, error, "train") from error
    if lacking := [name for name in HISTORY_COLUMNS if name not in history]:
        raise InputError(f"{path}: lacks the column {lacking[0]}; run `dvc repro -f train`")
    if history.empty:
        raise InputError(f"{path}: has no epoch; run `dvc repro -f train`")
    return history


def load_latency(path: Path = FOLDER / "latency.csv") -> pd.DataFrame:
    """Reads what benchmark recorded: a row a model and percentile.

    Raises:
        InputError: the file is missing or is not what benchmark writes.
    """
    try:
        latency = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise unread(path, error, "benchmark") from error
    if lacking := [name for name in ("model", "percentile", "microseconds") if name not in latency]:
        raise InputError(f"{path}: lacks the column {lacking[0]}; run `dvc repro -f benchmark`")
    return latency
