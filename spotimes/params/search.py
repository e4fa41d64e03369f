"""`search`: which architectures are tried, what they may cost, and how long each is trained."""

import math
import re
from typing import Annotated, Any

from pydantic import Field, model_validator

from spotimes.blocks import (
    KINDS,
    ActivationName,
    Channels,
    Expansion,
    Kernel,
    KindName,
    Stride,
    fields,
)
from spotimes.system.validation import Frozen

Repeats = Annotated[int, Field(ge=0, le=16)]
Limit = Annotated[int, Field(gt=0)]
STORAGE = re.compile(
    r"postgresql://([^\s:/@?{}]+@)?([\w.-]+|\[[\da-fA-F:.]+\])?(:\d+)?/[^\s:/@?{}]+(\?[^\s{}]*)?"
)


class Choices(Frozen):
    """Blocks of one kind in a row; the search takes one value of each list.

    Attributes:
        kind: as `network.blocks` has it.
        channels: of each of the blocks.
        stride: of the first of them; the others' is 1.
        kernel: likewise.
        expansion: of the kinds that have one, and only with one of them.
        activation: as `network.blocks` has it; null is its default.
        repeats: how many there are; 0 omits them, so it needs the stride 1.
    """

    kind: Annotated[list[KindName], Field(min_length=1)]
    channels: Annotated[list[Channels], Field(min_length=1)]
    stride: Stride
    kernel: Annotated[list[Kernel], Field(min_length=1)]
    expansion: Annotated[list[Expansion], Field(min_length=1)] | None = None
    activation: Annotated[list[ActivationName], Field(min_length=1)] | None = None
    repeats: Annotated[list[Repeats], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_choice_is_one(self) -> "Choices":
        for name, values in self.lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name} has a value twice")
        widening = [kind for kind in self.kind if "expansion" in KINDS[kind].options]
        if widening and self.expansion is None:
            raise ValueError(f"{widening[0]} needs a list of expansions")
        if self.expansion is not None and not widening:
            raise ValueError(f"{self.kind[0]} has no expansion; remove it")
        if self.stride > 1 and 0 in self.repeats:
            raise ValueError("with a stride above 1, repeats cannot be 0")
        return self

    @property
    def lists(self) -> dict[str, list[Any]]:
        """What can be chosen, by the names of it."""
        return {name: values for name, values in self if isinstance(values, list)}

    @property
    def size(self) -> int:
        """How many different rows of blocks there are."""
        blocks = sum(
            math.prod(
                len(self.lists[name]) for name in (fields(kind) - {"kind"}) & self.lists.keys()
            )
            for kind in self.kind
        )
        return blocks * sum(count > 0 for count in self.repeats) + (0 in self.repeats)


class Limits(Frozen):
    """The most that an INT8 model may cost; null sets no limit.

    Attributes:
        bytes: of its file.
        arena_bytes: of RAM on a microcontroller.
        c_ram_bytes: of RAM on a microcontroller, as C.
        c_instructions: an inference's as C, on a Cortex-M4 with DSP instructions, as QEMU counts.
        macs: multiply-accumulates an image.
        latency_ratio: its latency over that of `Search.reference`, both timed interleaved.
    """

    bytes: Limit | None
    arena_bytes: Limit | None
    c_ram_bytes: Limit | None
    c_instructions: Limit | None
    macs: Limit | None
    latency_ratio: Annotated[float, Field(gt=0)] | None


class Search(Frozen):
    """The search.

    Attributes:
        space: the network's blocks, in their order, with what can be chosen of each.
        limits: an architecture above one of them is not trained.
        reference: the .tflite file that latencies are compared with.
        storage: a PostgreSQL database that machines share, postgresql://USER@HOST:PORT/DATABASE;
            null is a file of this machine's, .search/study.db.
        trials: how many architectures are trained, those that are pruned among them.
        proposals: how many architectures are proposed, at most.
        random_proposals: so many are drawn at random before the search learns from what it found.
        unpruned_trials: none is pruned before so many were trained to the end.
        epochs: how long each is trained, by the recipe in `train`.
        validation_fraction: the share of each class' training images that accuracy is measured on
            and no architecture is trained on. (`prepare`'s validation split is small.)
        seed: of the proposals and of these images.
    """

    space: Annotated[list[Choices], Field(min_length=1)]
    limits: Limits
    reference: Annotated[str, Field(min_length=1)]
    storage: str | None
    trials: Annotated[int, Field(ge=1)]
    proposals: Annotated[int, Field(ge=1)]
    random_proposals: Annotated[int, Field(ge=1)]
    unpruned_trials: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @model_validator(mode="before")
    @classmethod
    def _storage_holds_no_password(cls, values: Any) -> Any:
        storage = values.get("storage") if isinstance(values, dict) else None
        if storage is not None and (
            not STORAGE.fullmatch(str(storage)) or "password" in str(storage).partition("?")[2]
        ):
            raise ValueError(  # which does not show it, as a password may be in it
                "storage must be null, or postgresql://USER@HOST:PORT/DATABASE without a password, "
                "which is taken from PGPASSWORD or ~/.pgpass"
            )
        return values

    @model_validator(mode="after")
    def _some_block_is_always_there(self) -> "Search":
        if all(0 in each.repeats for each in self.space):
            raise ValueError("every row of the space may be omitted; let one have repeats above 0")
        return self

    @property
    def size(self) -> int:
        """How many architectures the space has."""
        return math.prod(row.size for row in self.space)
