"""`evaluate`: what the user's device allows."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from spotimes.figures import FIGURES
from spotimes.system.validation import Frozen

Cost = Annotated[float, Field(gt=0)] | None
Share = Annotated[float, Field(ge=0, le=1)] | None

BUDGETS: dict[str, Any] = {
    figure.key: Share if figure.unit == "share" else Cost
    for figure in FIGURES.values()
    if figure.budgeted
}

if TYPE_CHECKING:
    Budgets = Frozen  # type checkers know no class that is made as the program runs
    Budgeted = str
else:
    Budgeted = Literal[tuple(BUDGETS)]
    # Limits for the INT8 model, a key for each figure that is budgeted; null sets none. A figure of
    # which higher is better must reach its limit, any other must not exceed it.
    Budgets = create_model("Budgets", __base__=Frozen, **BUDGETS)


class Evaluate(Frozen):
    """The evaluation.

    Attributes:
        calibration_bins: equal bins of confidence for the expected calibration error.
        budgets: the limits; `spotimes.figures` says of what.
        optional: budgets that pass where they cannot be measured, as RAM on a microcontroller where
            its runtime has no wheel. Any other that cannot is not met.
    """

    calibration_bins: Annotated[int, Field(ge=1, le=1000)]
    budgets: Budgets
    optional: list[Budgeted]
