"""A backbone's card: its licence, its blocks, the hash of its weights, and where to fetch them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from spotimes.dataset.backbone import Backbone
from spotimes.downloads.remote_file import AnyFile, Sha256, Text
from spotimes.errors import InputError
from spotimes.system.validation import Frozen, load_yaml, validated

FOLDER = Path("data/backbones")


class TorchFile(Frozen):
    """A state dictionary that PyTorch saved; `spotimes.pretrained.torch_file` reads it.

    Its tensors come in the order of the layers: of each convolution the kernel, then its batch
    norm's scale, offset, mean and variance; in the end the classifier's kernel and bias.

    Attributes:
        member: the file's path in the archive.
        bytes: how many it may have.
    """

    member: Text
    bytes: Annotated[int, Field(gt=0)]


class Checkpoint(Frozen):
    """A checkpoint that TensorFlow saved; `spotimes.pretrained.checkpoint` reads it.

    Its variables have the names that `spotimes.pretrained.variables` states, below a scope. Those
    are meant that hold the others' moving averages.

    Attributes:
        prefix: of its files' paths in the archive, before `.index` and `.data-00000-of-00001`.
        scope: of the variables.
        bytes: how many each file may have.
    """

    prefix: Text
    scope: Text
    bytes: Annotated[int, Field(gt=0)]


class Mirror(Frozen):
    """One way to get the weights.

    Attributes:
        files: one archive. Its hash may be null, since the tensors have a digest of their own.
        torch: what of it to read, or null.
        tensorflow: likewise.
    """

    files: Annotated[list[AnyFile], Field(min_length=1, max_length=1)]
    torch: TorchFile | None = None
    tensorflow: Checkpoint | None = None

    @model_validator(mode="after")
    def _one_format(self) -> "Mirror":
        if (self.torch is None) == (self.tensorflow is None):
            raise ValueError("Must have one of torch, tensorflow")
        return self

    @model_validator(mode="after")
    def _is_an_archive(self) -> "Mirror":
        if self.files[0].archive is None:
            raise ValueError("The file must be an archive")
        return self


class Weights(Frozen):
    """The weights, and where to fetch them.

    Attributes:
        classes: how many the classifier tells apart.
        sha256: of all tensors; `spotimes.pretrained.readers.digest` says of what exactly.
        mirrors: tried in this order.
    """

    classes: Annotated[int, Field(ge=2)]
    sha256: Sha256
    mirrors: Annotated[list[Mirror], Field(min_length=1)]


class BackboneCard(Backbone):
    """A network that others have trained, and where to fetch its weights.

    Attributes:
        weights: null only without blocks, for no backbone at all.
    """

    weights: Weights | None

    @model_validator(mode="after")
    def _weights_of_blocks(self) -> "BackboneCard":
        if bool(self.blocks) != (self.weights is not None):
            raise ValueError("blocks need weights, and weights blocks")
        return self

    @property
    def backbone(self) -> Backbone:
        """The part that goes with the prepared weights."""
        return Backbone(**self.model_dump(include=set(Backbone.model_fields)))


def load_backbone_card(path: Path) -> BackboneCard:
    """Reads a card, for example that of `data/backbones/efficientnet_lite0.yaml`.

    Raises:
        InputError: there is no such file, it is not YAML, or a value in it is not allowed.
    """
    if not path.is_file():
        known = ", ".join(str(each) for each in sorted(FOLDER.glob("*.yaml")))
        raise InputError(f"{path}: no such file; let network.backbone.card name one of {known}")
    return validated(load_yaml(path), BackboneCard, str(path))
