"""The test images at the size that another model takes, made of the source's own pictures.

To fit again what `prepare` has fitted already would blur it twice, which lowers the accuracy
through no fault of the model.
"""

import tempfile
from pathlib import Path

import numpy as np

from spotimes.dataset.prepared import LabelledImages, Split
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.ingestion import source
from spotimes.ingestion.selection import select
from spotimes.ingestion.split import TEST
from spotimes.params.load import load_group
from spotimes.params.prepare import Image, Prepare


def for_model(contract: Contract, prepared: LabelledImages) -> Split:
    """Reads the source anew; takes as long as `prepare`.

    Args:
        contract: how the model wants its pictures.
        prepared: the test split as it is in data/prepared.

    Returns:
        The same images, in the same order.

    Raises:
        InputError: the source cannot be read, or divides otherwise at that size.
    """
    params = load_group("prepare", Prepare)
    fitted = {name: getattr(contract, name) for name in ("height", "width", "colour", "resize")}
    image = Image.model_validate({**fitted, "range": contract.range or "type"})
    with tempfile.TemporaryDirectory() as folder:
        at_size = params.model_copy(update={"image": image})
        found = source.read(at_size, Path(folder) / "images.npy")
        indices = np.flatnonzero(select(found, params).split_of == TEST)
        split = Split(found.images[indices], found.labels[indices])
    if not np.array_equal(split.labels, prepared.labels):
        raise InputError(f"{params.source}: its test images at that size are others")
    return split
