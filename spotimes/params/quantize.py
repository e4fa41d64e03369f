"""`quantize`: how the INT8 model is calibrated, and its probabilities."""

from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation, model_validator

from spotimes.system.validation import Frozen


class Quantize(Frozen):
    """The calibration.

    Attributes:
        calibration_images: how many training images the ranges of the activations are read from.
        temperature: what both models divide their logits by before softmax, so that the
            probabilities are as often right as they say; `fit` finds it on the validation images.
            `make crossvalidate` prints one that more images made, where these are few.
        known_share: the share of pictures of the classes that is to be taken as known, by the score
            below which the model calls a picture unknown; null has it call none so. The more are
            kept, the fewer pictures of something else are rejected.
        seed: chooses the images.
    """

    calibration_images: Annotated[int, Field(ge=1)]
    # Checked below, as a union's own check has an error for each of its kinds.
    temperature: Annotated[Literal["fit"] | float, SkipValidation]
    known_share: Annotated[float, Field(gt=0, lt=1)] | None
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _word_or_number(self) -> "Quantize":
        found: Any = self.temperature
        if found != "fit" and not (type(found) in (int, float) and 0.2 <= found <= 5):
            raise ValueError(
                f"temperature: {found!r} is neither fit nor a number from 0.2 to 5, such as 0.7"
            )
        return self
