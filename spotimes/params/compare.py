"""`compare`: how two revisions' models are compared, and what a change may make worse."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from spotimes.figures import FIGURES
from spotimes.system.validation import Frozen

Bound = Annotated[float, Field(ge=0)] | None


class Timing(Frozen):
    """The measurement of latency.

    Attributes:
        threads: of the runtime; no more are used than cores are allowed.
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
        absolute: in the figure's own unit; of a share of images as a share, too.
        relative: as a share of what it was.
    """

    absolute: Bound
    relative: Bound


REGRESSIONS: dict[str, Any] = {figure.key: Allowed for figure in FIGURES.values() if figure.gated}

if TYPE_CHECKING:
    Regressions = Frozen  # type checkers know no class that is made as the program runs
    Gated = str
else:
    Gated = Literal[tuple(REGRESSIONS)]
    # What the INT8 model may lose against the revision that it is compared with, a key for each
    # figure that is gated.
    Regressions = create_model("Regressions", __base__=Frozen, **REGRESSIONS)


class Compare(Frozen):
    """The comparison.

    Attributes:
        timing: of latency.
        smallest_ratio: a latency that differs by less is not called better or worse; one whose
            whole interval differs by less than twice as much is called the same.
        regressions: what a change may make worse; `spotimes.figures` says of what.
        optional: figures that pass where neither model's can be measured, as instructions without
            valgrind. Any other that cannot is broken, and so is what only the first model's could.
    """

    timing: Timing
    smallest_ratio: Annotated[float, Field(gt=1, le=2)]
    regressions: Regressions
    optional: list[Gated]
