"""A picture of each class, to try the app with."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from spotimes.dataset.prepared import Card, LabelledImages
from spotimes.preprocessing.picture_files import TITLES
from spotimes.system import atomic

LONGEST = 40  # characters of a class' name in a file's


def write_samples(folder: Path, card: Card, split: LabelledImages) -> None:
    """Writes the first image of each class as a PNG, and what each shows as `TITLES`.

    A class may be called what no file can be. Files are numbered as the classes are, and of a name
    they have the letters and digits that are the same on every system: `3_cat.png`.
    """
    digits = len(str(len(card.class_names) - 1))
    titles = {}
    with atomic.replacing(folder) as beside:
        beside.mkdir()
        for label, name in enumerate(card.class_names):
            words = re.findall("[a-z0-9]+", name.lower())
            stem = "_".join([f"{label:0{digits}}", *words])[: digits + LONGEST]
            for image in split.images[np.flatnonzero(split.labels == label)[:1]]:
                file = beside / f"{stem}.png"
                Image.fromarray(image.squeeze()).save(file)
                titles[file.name] = name
        atomic.write_json(beside / TITLES, titles)
