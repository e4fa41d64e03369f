"""`export`: what is written beside the model in C."""

from typing import Annotated

from pydantic import Field

from spotimes.system.validation import Frozen


class Export(Frozen):
    """The export.

    Attributes:
        selftest_images: how many validation images the self-test for the device has.
    """

    selftest_images: Annotated[int, Field(ge=1, le=100)]
