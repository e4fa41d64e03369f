"""`compare`: how two revisions' models are compared, and what a change may make worse."""

from typing import Annotated

from pydantic import Field

from spotimes.system.validation import Frozen

Bound = Annotated[float, Field(ge=0)] | None


class Timing(Frozen):
    """The measurement of latency.

    Attributes:
        threads: of the runtime.
        warmup_seconds: how long each model runs after it is loaded.
        round_ms: how long each runs in a round.
        rounds: of a load.
        min_loads: the fewest loads.
        interval_width: stop when the 95% interval of the ratio is at most so wide, as a share.
        budget_seconds: stop then, unless not even ten loads were timed.
    """

    threads: Annotated[int, Field(ge=1, le=256)]
    warmup_seconds: Annotated[float, Field(ge=0, le=60)]
    round_ms: Annotated[float, Field(gt=0, le=10_000)]
    rounds: Annotated[int, Field(ge=1)]
    min_loads: Annotated[int, Field(ge=1)]
    interval_width: Annotated[float, Field(gt=0, lt=1)]
    budget_seconds: Annotated[float, Field(gt=0, le=3600)]


class Allowed(Frozen):
    """How much worse than before a figure may be; null allows anything.

    Attributes:
        absolute: in the figure's own unit.
        relative: as a share of what it was.
    """

    absolute: Bound
    relative: Bound


class Regressions(Frozen):
    """What the INT8 model may lose against the revision that it is compared with.

    Attributes:
        bytes: of its file.
        arena_bytes: RAM on a microcontroller.
        macs: multiply-accumulates.
        instructions: of an inference.
        latency: in microseconds; broken where the whole interval is beyond it.
        top1: absolute, as a share of all images; so is worst_class.
        worst_class: accuracy of the class that fares worst.
    """

    bytes: Allowed
    arena_bytes: Allowed
    macs: Allowed
    instructions: Allowed
    latency: Allowed
    top1: Allowed
    worst_class: Allowed


class Compare(Frozen):
    """The comparison.

    Attributes:
        timing: of latency.
        smallest_ratio: a latency that differs by less is not called better or worse; one that
            surely differs by less than twice as much is called the same.
        regressions: what is allowed.
    """

    timing: Timing
    smallest_ratio: Annotated[float, Field(gt=1, le=2)]
    regressions: Regressions
