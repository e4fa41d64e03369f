"""What a .tflite file says of itself: its classes and how it wants a picture.

One file is all that a device needs: `labels.txt` and `contract.json` lie in a zip archive behind
the model's flatbuffer, where TFLite Model Metadata keeps associated files.

`contract.json` has the fields of `Contract` but the class names, and a `version`, `MAJOR.MINOR`. A
reader ignores keys that it does not know, so a new one only raises the minor number, unless one who
ignores it would answer wrongly: then the major number grows, and older readers refuse the file.
Files without a version are read as 1.0, which they are. `offset` and `range` came with 2.0,
`unknown_below` with 1.1 and 2.1.
"""

import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spotimes.errors import InputError
from spotimes.pixels import (
    CHANNELS,
    PLAIN,
    RESIZE_MODES,
    Colour,
    Normalization,
    Resize,
    colour_of,
)

LABELS = "labels.txt"
CONTRACT = "contract.json"
VERSION = "2.1"  # the newest that is read
MOST_BYTES = 2**20  # of a file in the archive, decompressed


class Contract(NamedTuple):
    """Classes and input of an image classifier.

    Attributes:
        class_names: one for each output, in the outputs' order.
        height: of the input, in pixels.
        width: of the input, in pixels.
        colour: `rgb` or `grey`.
        resize: how a picture of another size is fitted: `squash`, `fit_shortest` or `fit_longest`,
            as `spotimes.preprocessing.resize.resize_image` says.
        scale: with `offset`, what makes the network's real-valued input of a pixel, 0 to 255:
            (pixel - offset) / scale.
        offset: likewise; readers of version 1 know none but 0.
        range: of a picture of more than 8 bits a channel, the values that become pixels of 0 and
            255, as `spotimes.preprocessing.decode.decode` says; None takes what 16 bits can hold.
            Readers of version 1 know none but None.
        unknown_below: an answer whose score (`spotimes.inference.unknown`) is lower is of a picture
            that likely shows none of the classes; None sets no such limit.
    """

    class_names: tuple[str, ...]
    height: int
    width: int
    colour: Colour
    resize: Resize = "squash"
    scale: int = PLAIN.scale
    offset: int = PLAIN.offset
    range: tuple[float, float] | None = None
    unknown_below: int | None = None

    @classmethod
    def of(
        cls,
        class_names: Sequence[str],
        image_shape: Sequence[int],
        resize: Resize,
        normalization: Normalization = PLAIN,
        *,
        chosen_range: Sequence[float] | None = None,
    ) -> "Contract":
        """That of the networks which we train, for images of (height, width, channels)."""
        height, width, channels = image_shape
        return cls(
            tuple(class_names),
            height,
            width,
            colour_of(channels),
            resize,
            **normalization._asdict(),
            range=None if chosen_range is None else (chosen_range[0], chosen_range[1]),
        )

    @property
    def normalization(self) -> Normalization:
        """What makes the network's real-valued input of a pixel."""
        return Normalization(self.offset, self.scale)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of an image as the network takes it."""
        return self.height, self.width, CHANNELS[self.colour]


def members(contract: Contract) -> dict[str, str]:
    """The files of the archive, by name."""
    fields = contract._asdict()
    labels = "\n".join(fields.pop("class_names")) + "\n"
    return {LABELS: labels, CONTRACT: json.dumps({"version": _version_of(contract), **fields})}


def read_contract(path: Path) -> Contract:
    """Reads the contract out of a .tflite file that `spotimes.tflite.metadata.embedded` wrote.

    Raises:
        InputError: the file is missing, holds no contract, a broken one, or one that only a newer
            Spotimes understands.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            fields = json.loads(_member(archive, CONTRACT))
            _check_version(fields)
            # An editor on Windows may have written it anew.
            labels = _member(archive, LABELS).decode().replace("\r\n", "\n")
        known = {name: fields[name] for name in Contract._fields[1:] if name in fields}
        contract = Contract(tuple(labels.removesuffix("\n").split("\n")), **known)
        if isinstance(contract.range, list):  # JSON knows no tuples
            contract = contract._replace(range=tuple(contract.range))
        usable = _is_usable(contract)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # a damaged archive raises whatever its damaged part makes Python
        raise InputError(
            f"{path}: holds no class names and input contract, as the models do that Spotimes' "
            "quantize stage writes; give one of those"
        ) from error
    if not usable:
        raise InputError(
            f"{path}: its class names or its input contract are unusable: {contract[1:]!s:.200}"
        )
    return contract


def _version_of(contract: Contract) -> str:
    """The oldest that has all of it; older readers of the same major number answer rightly."""
    major = 2 if contract.offset or contract.range is not None else 1
    return f"{major}.{0 if contract.unknown_below is None else 1}"


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of the archive; what it says of its size is not relied on."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that takes memory beforehand")
    with archive.open(info) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{name} in it is larger than {MOST_BYTES >> 20} MiB; give a model that Spotimes wrote"
        )
    return content


def _check_version(fields: Mapping[str, Any]) -> None:
    found = fields.get("version", VERSION)
    parts = re.fullmatch(r"(\d+)(\.\d+)*", str(found), re.ASCII)
    if parts is None:
        raise InputError(
            f"the version of its input contract is {found!r:.50}; it must be numbers, such as "
            f"{VERSION}"
        )
    if int(parts[1]) > int(VERSION.partition(".")[0]):
        raise InputError(
            f"its input contract has version {found!s:.50}, and this Spotimes reads {VERSION}; use "
            "the Spotimes that made the model, or a newer one"
        )


def _is_usable(contract: Contract) -> bool:
    sides = (contract.height, contract.width, contract.scale)
    return (
        all(contract.class_names)
        and contract.colour in list(CHANNELS)
        and contract.resize in RESIZE_MODES
        and all(type(side) is int and side > 0 for side in sides)
        and type(contract.offset) is int
        and 0 <= contract.offset <= 255
        and (contract.range is None or _is_range(contract.range))
        and (contract.unknown_below is None or _is_score(contract.unknown_below))
    )


def _is_score(found: Any) -> bool:
    return type(found) is int and found >= 0


def _is_range(found: Any) -> bool:
    if not isinstance(found, tuple) or len(found) != 2:
        return False
    numbers = all(type(end) in (int, float) and math.isfinite(end) for end in found)
    return numbers and bool(found[0] < found[1])
