"""`benchmark`: how latency is measured."""

from typing import Annotated

from pydantic import Field

from spotimes.system.validation import Frozen


class Benchmark(Frozen):
    """The measurement.

    Attributes:
        threads: of the runtime, for every model; no more are used than cores are allowed.
        warmup_seconds: how long each model runs before the first round.
        round_ms: how long each model runs in a round.
        min_rounds: the fewest rounds.
        interval_width: stop when the 95% interval of the speedup is at most so wide, as a share of
            the speedup.
        budget_seconds: stop then at the latest; the result says how wide the interval still is.
        processes: how many fresh processes measure the first inference and the peak RSS.
        extra_models: paths of further .tflite files to time in the same rounds. DVC does not watch
            them: after one changed, `dvc repro -f -s benchmark`.
    """

    threads: Annotated[int, Field(ge=1, le=256)]
    warmup_seconds: Annotated[float, Field(ge=0, le=60)]
    round_ms: Annotated[float, Field(gt=0, le=10_000)]
    min_rounds: Annotated[int, Field(ge=2)]
    interval_width: Annotated[float, Field(gt=0, lt=1)]
    budget_seconds: Annotated[float, Field(gt=0, le=3600)]
    processes: Annotated[int, Field(ge=1, le=100)]
    extra_models: list[Annotated[str, Field(min_length=1)]]
