"""A picture of each class, to try the app with."""

from pathlib import Path

import numpy as np
from PIL import Image

from spotimes.dataset.prepared import Card, LabelledImages
from spotimes.system import atomic


def write_samples(folder: Path, card: Card, split: LabelledImages) -> None:
    """Writes the first image of each class as a PNG that is named after the class."""
    with atomic.replacing(folder) as beside:
        beside.mkdir()
        for label, name in enumerate(card.class_names):
            for image in split.images[np.flatnonzero(split.labels == label)[:1]]:
                file = beside / f"{name.replace('/', '-')}.png"
                Image.fromarray(image.squeeze()).save(file)
