"""A dataset's mirror: the files to fetch, and in which format they hold images and labels.

A card's mirror lists `files` and names one format, with that format's parameters below it:

    - files:
        - url: https://example.org/cifar-100-binary.tar.gz
          hash: md5:03b5dce01913d631647c71ecec9e9cb8
      records:
        labels: [coarse, fine]
        label: fine
        train: [cifar-100-binary/train.bin]
        test: [cifar-100-binary/test.bin]

Formats name members, as the archive spells them. Where the files are no archives, they are the
members themselves, each under the last part of its URL. A member whose name ends in `.gz` is
decompressed before it is read. `spotimes.ingestion.readers` reads each format.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from spotimes.downloads.remote_file import File, Text
from spotimes.system.validation import Frozen


def unique(values: list[str]) -> list[str]:
    """Gives the values back.

    Raises:
        ValueError: one of them is there twice.
    """
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{twice[0]} is there twice")
    return values


Names = Annotated[list[Text], Field(min_length=1), AfterValidator(unique)]


class Records(Frozen):
    """Binary records of one size, as CIFAR's authors publish them.

    A record is one byte for each label, then the pixels, a byte each, one channel after another,
    row by row (https://www.cs.toronto.edu/~kriz/cifar.html).

    Attributes:
        labels: what a record's label bytes are, in their order.
        label: which of `labels` is the class.
        train: members with the training images, in the dataset's order.
        test: likewise.
    """

    labels: Names = Field(default=["class"])
    label: Annotated[str, Field(validate_default=True)] = "class"
    train: Names
    test: Names

    @field_validator("label")
    @classmethod
    def _is_listed(cls, label: str, info: ValidationInfo) -> str:
        labels = info.data.get("labels", [label])
        if label not in labels:
            raise ValueError(f"The labels of a record are {', '.join(labels)}")
        return label

    @property
    def members(self) -> list[str]:
        """All members that are read."""
        return [*self.train, *self.test]


class IdxSplit(Frozen):
    """A split in IDX files.

    Attributes:
        images: a member with grey images, IDX of three dimensions.
        labels: a member with their labels, IDX of one.
    """

    images: Text
    labels: Text


class Idx(Frozen):
    """IDX files, the format of MNIST and of the datasets that take its place.

    Attributes:
        transposed: whether the images are stored column by column, as EMNIST's are.
        first_label: the label of the first class; EMNIST's letters begin with 1.
        train: the training images and labels.
        test: likewise.
    """

    transposed: bool = False
    first_label: Annotated[int, Field(ge=0, le=255)] = 0
    train: IdxSplit
    test: IdxSplit

    @property
    def members(self) -> list[str]:
        """All members that are read."""
        return [self.train.images, self.train.labels, self.test.images, self.test.labels]


class PngRowsSplit(Frozen):
    """A split in PNG sheets.

    Attributes:
        images: members that are PNGs, in the dataset's order.
        labels: a member that is JSON, the list of all labels.
    """

    images: Names
    labels: Text


class PngRows(Frozen):
    """PNG sheets with an image a row, its pixels row by row, and JSON lists of labels.

    Attributes:
        train: the training images and labels.
        test: likewise.
    """

    train: PngRowsSplit
    test: PngRowsSplit

    @property
    def members(self) -> list[str]:
        """All members that are read."""
        return [name for each in (self.train, self.test) for name in (*each.images, each.labels)]


class Mirror(Frozen):
    """One way to get the dataset: files and the one format that they are in.

    Attributes:
        files: one archive, or the members themselves.
        records: binary records.
        idx: IDX files.
        png_rows: PNG sheets and JSON.
    """

    files: Annotated[list[File], Field(min_length=1)]
    records: Records | None = None
    idx: Idx | None = None
    png_rows: PngRows | None = None

    @model_validator(mode="after")
    def _one_format(self) -> "Mirror":
        formats = [name for name in Mirror.model_fields if name != "files"]
        given = [name for name in formats if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"Must have one of {', '.join(formats)}, not {len(given)}")
        return self

    @model_validator(mode="after")
    def _files_hold_the_members(self) -> "Mirror":
        if any(file.archive for file in self.files):
            if len(self.files) > 1:
                raise ValueError("An archive must be the only one of files")
            return self
        names = [file.name for file in self.files]
        if missing := [name for name in self.format.members if name not in names]:
            raise ValueError(f"No archive is among files, and none is named {missing[0]}")
        if unused := [name for name in names if name not in self.format.members]:
            raise ValueError(f"No split names the file {unused[0]}")
        return self

    @property
    def format(self) -> Records | Idx | PngRows:
        """The format that is given."""
        given = self.records or self.idx or self.png_rows
        assert given is not None  # _one_format has seen to it
        return given
