"""`prepare`: where the images come from, how they are fitted, and how they are split."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation, model_validator

from spotimes.pixels import Colour, Resize
from spotimes.system.validation import Frozen

Side = Annotated[int, Field(ge=2, le=1024)]
Share = Annotated[float, Field(gt=0, lt=1)]
LeftOut = Literal["unreadable", "missing", "duplicates", "near_duplicates"]


class Image(Frozen):
    """How a picture becomes an image of the network's.

    Attributes:
        height: in pixels; null, as the width, takes the source's own size, or 96 x 96 where a
            folder's pictures are not all of one size of at most 224 x 224.
        width: likewise.
        colour: `rgb` or `grey`; null takes grey if all of the source is.
        resize: `squash` stretches a picture to the size; `fit_shortest` scales it until it just
            covers the size and cuts out the middle; `fit_longest` scales it until it just fits in,
            with black around it. The model's file tells whoever runs it.
        range: of pictures of more than 8 bits a channel, the values that become black and white:
            `type` takes what 16 bits can hold, `data` the lowest and the highest of all such
            pictures in the source, and two numbers themselves, such as `[0, 4095]` for a camera of
            12 bits. Values outside become black or white. Those of 32 bits need `data` or numbers.
            The model's file tells whoever runs it.
    """

    height: Side | None
    width: Side | None
    colour: Colour | None
    resize: Resize
    # Checked below, as a union's own check has an error for each of its kinds; so is `truncated`.
    range: Annotated[Literal["type", "data"] | Sequence[float], SkipValidation]

    @model_validator(mode="after")
    def _two_numbers(self) -> "Image":
        found: Any = self.range
        ends = found if isinstance(found, (list, tuple)) and len(found) == 2 else (0, 0)
        numbers = all(type(end) in (int, float) and math.isfinite(end) for end in ends)
        if found not in ("type", "data") and not (numbers and ends[0] < ends[1]):
            raise ValueError(
                f"range: {found!r} is neither type nor data nor two numbers, the lower one first, "
                "such as [0, 4095]"
            )
        return self

    @model_validator(mode="after")
    def _both_sides(self) -> "Image":
        if (self.height is None) != (self.width is None):
            raise ValueError("height and width are both null or both a number of pixels")
        return self


class ImagesPerClass(Frozen):
    """How many images of each class are taken, by lot; for a quick look, or to learn from few.

    A draw of fewer is part of a draw of more.

    Attributes:
        train: of those that training and validation images are drawn from, once the test images are
            set aside; null takes all.
        test: of the test images; null takes all.
    """

    train: Annotated[int, Field(ge=2)] | None
    test: Annotated[int, Field(ge=1)] | None


class Prepare(Frozen):
    """The dataset.

    Attributes:
        source: a catalog file or a folder of pictures, by its path from the repository's root.
        unlabelled: a folder of pictures without labels, in sub-folders or not, of which
            `train.teacher`'s answers are learned; `data/none` for none. They become images as those
            of the source do. One that is also in validation or test is excluded.
        image: how its pictures are fitted.
        leave_out: what is unusable ends prepare with an error, unless it is named here and so
            excluded: `unreadable` files, those that labels.csv names but that are `missing`,
            `duplicates` (of the same picture all but one), and `near_duplicates` across splits,
            which otherwise are only reported. Of two in different splits the one in test stays,
            else the one in validation.
        truncated: `refuse` takes a picture whose file is cut off as unreadable, unless all its
            pixels are there; a number is the share of its rows that must be there, such as 0.9.
            Those that are not are black, or grey in a JPEG.
        split_folders: whether a folder's sub-folders may be splits, by their names; else each is a
            class.
        group: a regular expression that is searched for in each picture's path from the folder; its
            only group names what the picture is of, such as an animal. Pictures of the same stay in
            one split. labels.csv can say it instead, in a column.
        test_fraction: the share of each class that is set aside for the test, where the source has
            no test split of its own.
        validation_fraction: the share of each class's training images that is set aside, where the
            source has no validation split of its own.
        images_per_class: how many to take.
        seed: chooses the test and the validation images, and those that are taken.
    """

    source: Annotated[str, Field(min_length=1)]
    unlabelled: Annotated[str, Field(min_length=1)]
    image: Image
    leave_out: list[LeftOut]
    truncated: Annotated[Literal["refuse"] | float, SkipValidation]
    split_folders: bool
    group: str | None
    test_fraction: Share
    validation_fraction: Share
    images_per_class: ImagesPerClass
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _share_of_rows(self) -> "Prepare":
        found: Any = self.truncated
        if found != "refuse" and not (type(found) in (int, float) and 0 < found <= 1):
            raise ValueError(
                f"truncated: {found!r} is neither refuse nor the share of rows that must be there, "
                "such as 0.9"
            )
        return self

    @model_validator(mode="after")
    def _one_group(self) -> "Prepare":
        try:
            groups = re.compile("()" if self.group is None else self.group).groups
        except re.error as error:
            raise ValueError(f"group: {self.group} is no regular expression: {error}") from error
        if groups != 1:
            raise ValueError(
                f"group: {self.group} has {groups} parts in parentheses; just one is to name the "
                "group of a picture, and others begin with (?:"
            )
        return self
