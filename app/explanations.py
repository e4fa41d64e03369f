"""Writes what speaks for the classes that `predict` names, over each picture, as PNG files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from app.inputs import Item
from spotimes.errors import InputError
from spotimes.explanation.explainer import Explainer
from spotimes.explanation.overlay import Box, side_by_side
from spotimes.inference.classifier import Classifier
from spotimes.pixels import Images, to_uint8
from spotimes.preprocessing.opening import too_little_memory
from spotimes.preprocessing.resize import resize_image, seen_of

MOST_CLASSES = 10  # side by side in a file
LONGEST_NAME = 200  # bytes; file systems take 255


class Loaded(NamedTuple):
    """An input, and what to draw a map over.

    Attributes:
        image: as the model takes it.
        picture: the picture that it was made of; of a tensor, its pixels.
        box: what the image shows of the picture.
    """

    image: Images
    picture: Image.Image
    box: Box


class Explanations:
    """Writes a file for each input.

    Args:
        classifier: whose answers are explained.
        folder: where; it is made if there is none.

    Raises:
        InputError: the folder cannot be made.
    """

    def __init__(self, classifier: Classifier, folder: Path) -> None:
        self._contract = classifier.contract
        self._explainer = Explainer(classifier)
        self._folder = folder
        self._written: set[Path] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--explain: {folder}: cannot be made ({error.strerror}); name another folder"
            ) from error

    def load(self, item: Item) -> Loaded:
        """Reads an input, once.

        Raises:
            InputError: it cannot be read.
        """
        if item.decode is None:
            image = item.load()
            picture = Image.fromarray(to_uint8(image).squeeze())
            return Loaded(image, picture, Box(0, 0, *picture.size))
        picture = item.decode()
        try:
            image = resize_image(picture, self._contract)
        except MemoryError as error:
            raise too_little_memory(item.name) from error
        return Loaded(image, picture, Box(*seen_of(picture.size, self._contract)))

    def write(self, name: str, loaded: Loaded, classes: Sequence[str]) -> dict[str, Any]:
        """Writes the picture, and to its right the map of each class over it.

        Args:
            name: the input's.
            loaded: what `load` gives for it.
            classes: their names.

        Returns:
            The file's path and what it shows, as keys and values of a JSON object.

        Raises:
            InputError: the file cannot be written.
        """
        found = self._explainer.explain(loaded.image)
        indices = [self._contract.class_names.index(name) for name in classes]
        drawn = side_by_side(loaded.picture, [found.maps[index] for index in indices], loaded.box)
        path = self._unused(name)
        try:
            drawn.save(path, "PNG")
        except OSError as error:
            raise InputError(
                f"--explain: {path}: cannot be written ({error.strerror}); name another folder"
            ) from error
        about: dict[str, Any] = {"file": str(path), "method": found.method}
        if found.logits is not None and found.remainders is not None:
            parts = {"logit": found.logits.values, "bias": found.logits.bias}
            parts |= {"map": found.maps.sum(axis=(1, 2)), "remainder": found.remainders}
            about["classes"] = [
                {"label": name}
                | {part: round(float(values[index]), 6) for part, values in parts.items()}
                for name, index in zip(classes, indices, strict=True)
            ]
        return about

    def _unused(self, name: str) -> Path:
        """The input's file name and `.png`; of a second input of this name, with a number."""
        own = os.fsdecode(os.fsencode(os.path.basename(name))[-LONGEST_NAME:])  # noqa: PTH119
        path, number = self._folder / f"{own}.png", 1
        while path in self._written:
            number += 1
            path = self._folder / f"{own}.{number}.png"
        self._written.add(path)
        return path
