"""`prepare`: where the images come from and how they are split."""

from typing import Annotated

from pydantic import Field

from spotimes.params.load import Frozen


class Prepare(Frozen):
    """The dataset.

    Attributes:
        source: path of a catalog file, from the repository's root.
        validation_fraction: the share of each class's training images that is set aside.
        images_per_class: take only the first so many of each class, of the training and of the
            test images each; null takes all. For a quick look, and for the tests.
        seed: chooses the validation images.
    """

    source: Annotated[str, Field(min_length=1)]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    images_per_class: Annotated[int, Field(ge=2)] | None
    seed: Annotated[int, Field(ge=0)]
