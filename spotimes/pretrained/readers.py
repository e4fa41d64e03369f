"""Readers of weights: whatever a mirror delivers becomes the same tensors, under our names."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spotimes.blocks import Architecture, Layer, layers
from spotimes.dataset.backbone import Backbone, Tensors
from spotimes.downloads import archive
from spotimes.downloads.download import fetch_any
from spotimes.errors import InputError
from spotimes.pretrained.card import BackboneCard, Mirror, Weights
from spotimes.pretrained.torch_file import read_tensors

NORM = ("gamma", "beta", "mean", "variance")
COLOURS = 3
SIDE = 1 << 10  # of an image; any will do that no stride brings below one pixel

Array = npt.NDArray[np.float32]


def fetch(card: BackboneCard) -> Tensors:
    """Fetches a backbone's weights from the cache or the first mirror that delivers them.

    Raises:
        InputError: no mirror delivers, or it delivers other weights.
    """
    if card.weights is None:
        return {}
    mirror, files = fetch_any(card.weights.mirrors)
    return read(card, card.weights, mirror, files[0])


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
    kind = mirror.files[0].archive
    assert kind is not None  # the card has been checked
    member = mirror.torch.member
    ((_, content),) = archive.members(path, kind, [member], weights.bytes)
    where = f"{path}: {member}"
    tensors = [
        tensor
        for name, tensor in read_tensors(content, where).items()
        if not name.endswith("num_batches_tracked")
    ]
    named = dict(_named(layers_of(card.backbone), tensors, weights.classes, where))
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


def _named(
    wanted: Sequence[Layer], tensors: Sequence[npt.NDArray[np.float32]], classes: int, where: str
) -> Iterator[tuple[str, Array]]:
    count = (1 + len(NORM)) * len(wanted) + 2
    if len(tensors) != count:
        raise InputError(f"{where}: holds {len(tensors)} tensors, and the blocks need {count}")
    following = iter(tensors)
    for layer in wanted:
        channels = layer.output_shape[2]
        kernel = _as_keras(next(following), layer)
        yield _checked(f"{layer.name}/kernel", kernel, _kernel_shape(layer), where)
        for part in NORM:
            yield _checked(f"{layer.name}/{part}", next(following), (channels,), where)
    features = wanted[-1].output_shape[2]
    yield _checked("logits/kernel", next(following).T, (features, classes), where)
    yield _checked("logits/bias", next(following), (classes,), where)


def _as_keras(kernel: Array, layer: Layer) -> Array:
    """From PyTorch's axes (outputs, inputs, height, width); a depthwise kernel has one input."""
    if kernel.ndim != 4:
        return kernel
    return kernel.transpose((2, 3, 0, 1) if layer.operation == "depthwise" else (2, 3, 1, 0))


def _kernel_shape(layer: Layer) -> tuple[int, ...]:
    outputs = 1 if layer.operation == "depthwise" else layer.output_shape[2]
    return layer.kernel, layer.kernel, layer.input_shape[2], outputs


def _checked(name: str, tensor: Array, shape: tuple[int, ...], where: str) -> tuple[str, Array]:
    if tensor.shape != shape or tensor.dtype != np.float32:
        raise InputError(
            f"{where}: {name} is {tensor.dtype} of {tensor.shape}, not float32 of {shape}"
        )
    return name, tensor
