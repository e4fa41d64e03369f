"""The figures that a model is judged by: one table for those who measure, limit and show them.

A row is all that budgets (`evaluate.budgets` in params.yaml), gates (`compare.regressions`), the
comparison, the model card and the report need to know of a figure. A new one is a row here, its
limits in params.yaml, and what measures it: for one of `ACCURACIES`
`spotimes.evaluation.statistics` and a field of `spotimes.evaluation.metrics.Accuracy`, for a cost
`spotimes.evaluation.budgets.measured` and `spotimes.compare.rows`.
"""

from typing import Literal, NamedTuple

Unit = Literal["bytes", "MACs", "instructions", "ms", "us", "share", "steps"]


class Figure(NamedTuple):
    """One figure of a model.

    Attributes:
        key: its name in params.yaml, in the metrics files and in `spotimes.compare --json`.
        title: its name for people, without the unit.
        unit: what it is counted in; `share` is a share of images, from 0 to 1.
        higher_is_better: a budget of it is a lower limit, and to lose some of it a regression.
        machine_dependent: another machine or another run measures another value, so the model card
            does not show it.
        budgeted: whether `evaluate.budgets` has a limit for it.
        gated: whether `compare.regressions` has one.
    """

    key: str
    title: str
    unit: Unit
    higher_is_better: bool = False
    machine_dependent: bool = False
    budgeted: bool = True
    gated: bool = True

    @property
    def heading(self) -> str:
        """The title with its unit, for a table: `file, bytes`."""
        return f"{self.title}, {self.unit}" if self.unit in ("bytes", "ms", "us") else self.title

    @property
    def bound(self) -> str:
        """How a limit bounds it: `at least` or `at most`."""
        return "at least" if self.higher_is_better else "at most"

    def text(self, value: float | None) -> str:
        """The value for a table, without its unit: `96,166`, `28.4`, `90.51%`, or `-` for None."""
        if value is None:
            return "-"
        if self.unit == "share":
            return f"{value:.2%}"
        if self.unit == "ms":
            return f"{value:.3g}"
        return f"{value:,.1f}" if self.unit == "us" else f"{value:,.0f}"

    def exact(self, value: float) -> str:
        """The value beside a limit, in params.yaml's unit: what just misses it is seen to."""
        return f"{value:,.0f}" if value >= 1000 else f"{value:.6g}"

    def difference(self, value: float) -> str:
        """By how much two values differ: `0.5 points`, `1,000 bytes`."""
        return f"{100 * value:g} points" if self.unit == "share" else f"{value:,g} {self.unit}"


_ROWS = (
    Figure("bytes", "file", "bytes"),
    # The arena of TensorFlow Lite Micro (spotimes.tflite.arena).
    Figure("arena_bytes", "RAM on a microcontroller", "bytes"),
    # The model as C, without the image and the stack (spotimes.export.plan).
    Figure("c_ram_bytes", "RAM on a microcontroller, as C", "bytes"),
    Figure("macs", "multiply-accumulates", "MACs"),
    # As valgrind counts those of an inference (spotimes.tflite.instructions).
    Figure("instructions", "instructions an inference", "instructions", machine_dependent=True),
    # Of a process that only runs the model.
    Figure("peak_rss_bytes", "peak RSS", "bytes", machine_dependent=True, gated=False),
    # Exceeded where the whole 95% interval of the median is beyond the limit.
    Figure("median_ms", "latency, median", "ms", machine_dependent=True, gated=False),
    Figure("p99_ms", "latency, p99", "ms", machine_dependent=True, budgeted=False, gated=False),
    # Beside another model's, both interleaved; broken where its whole 95% interval is beyond.
    Figure("latency", "latency", "us", machine_dependent=True, budgeted=False),
    Figure("top1", "top-1", "share", higher_is_better=True),
    # The mean of the classes' accuracies, of those that have test images: each class counts alike.
    Figure("balanced_accuracy", "balanced accuracy", "share", higher_is_better=True),
    # Of the class that fares worst, of those that have test images.
    Figure("worst_class", "top-1 in the worst class", "share", higher_is_better=True),
    # FP32's top-1 less INT8's.
    Figure("top1_loss", "top-1 lost against FP32", "share", gated=False),
    # Expected, of the highest probability (spotimes.evaluation.calibration).
    Figure("calibration_error", "calibration error", "share"),
    # As C or in TensorFlow Lite Micro (spotimes.evaluation.device), beside LiteRT here.
    Figure("device_top1", "top-1 on a microcontroller", "share", higher_is_better=True),
    Figure("device_agreement", "same answer on a microcontroller", "share", higher_is_better=True),
    Figure("device_difference", "largest difference there, in 256ths", "steps"),
    # Of the test images, by the limit in the model's file (spotimes.inference.unknown).
    Figure("known_kept", "taken as known, of known pictures", "share", higher_is_better=True),
    # Of pictures of none of the classes (spotimes.evaluation.foreign), by the same limit.
    Figure("foreign_accepted", "taken as known, of foreign pictures", "share"),
    # How often a known picture's score is above a foreign one's, whatever the limit is.
    Figure("foreign_auroc", "known told from foreign, AUROC", "share", higher_is_better=True),
)

FIGURES = {figure.key: figure for figure in _ROWS}
ACCURACIES = tuple(FIGURES[key] for key in ("top1", "balanced_accuracy", "worst_class"))
DEVICE = tuple(FIGURES[key] for key in ("device_top1", "device_agreement", "device_difference"))
UNKNOWN = tuple(FIGURES[key] for key in ("known_kept", "foreign_accepted", "foreign_auroc"))
# The parts of a .tflite file, which add up to all of it.
FILE_PARTS = ("weights", "quantization", "metadata", "rest")
