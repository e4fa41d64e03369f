"""`evaluate`: what the user's device allows."""

from typing import Annotated

from pydantic import Field

from spotimes.system.validation import Frozen

AtMost = Annotated[float, Field(gt=0)] | None
AtLeast = Annotated[float, Field(ge=0, le=1)] | None


class Budgets(Frozen):
    """Limits for the INT8 model; null sets none.

    Attributes:
        bytes: the most bytes of its file.
        arena_bytes: the most RAM that it needs on a microcontroller.
        macs: the most multiply-accumulates of an inference.
        instructions: the most instructions of an inference, as `spotimes.tflite.instructions`
            counts them.
        peak_rss_bytes: the most memory of a process that only runs it.
        median_ms: the longest median latency of one picture, on the machine that measures; exceeded
            where the median's whole 95% interval is beyond it.
        top1: the least share of test images that it gets right.
        worst_class: the least share in any class.
        top1_loss: the most that it may lose against the FP32 model, as a share of all images.
    """

    bytes: AtMost
    arena_bytes: AtMost
    macs: AtMost
    instructions: AtMost
    peak_rss_bytes: AtMost
    median_ms: AtMost
    top1: AtLeast
    worst_class: AtLeast
    top1_loss: AtLeast


class Evaluate(Frozen):
    """The evaluation.

    Attributes:
        calibration_bins: equal bins of confidence for the expected calibration error.
        budgets: the limits.
    """

    calibration_bins: Annotated[int, Field(ge=1, le=1000)]
    budgets: Budgets
