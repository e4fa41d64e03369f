"""Sources and selections as the tests want them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spotimes.dataset.prepared import Card
from spotimes.ingestion.fingerprints import fingerprints_of
from spotimes.ingestion.headers import headers_of_images
from spotimes.ingestion.labelled_paths import Notes
from spotimes.ingestion.selection import Selection
from spotimes.ingestion.source import Source, SourceFiles
from spotimes.ingestion.split import NOT_GIVEN
from spotimes.params.prepare import Prepare
from tests.repository import prepare_group

PARAMS = Prepare.model_validate(prepare_group("mine"))


def params_with(**changes: Any) -> Prepare:
    """`PARAMS` but for some."""
    return Prepare.model_validate(PARAMS.model_dump() | changes)


def source_of(
    images: Any, class_names: Sequence[str] = ("a", "b"), given: Any = NOT_GIVEN, **changes: Any
) -> Source:
    """A folder's pictures, which take the classes in turn unless labels are given.

    `changes` may be any fields of the source, and of its headers.
    """
    count = len(images)
    headers = headers_of_images(images.shape)
    own = {name: changes.pop(name) for name in headers._fields if name in changes}
    paths = [f"{index}.png" for index in range(count)]
    made = Source(
        where="mine",
        card=Card(name="mine", class_names=list(class_names), licence="", citation="", homepage=""),
        images=images,
        labels=np.arange(count) % len(class_names),
        given=np.broadcast_to(np.array(given, np.int8), count).copy(),
        fingerprints=fingerprints_of(images),
        headers=headers._replace(**own),
        files=SourceFiles(paths, groups=None, notes=Notes([], [], {})),
    )
    return made._replace(**changes)


def selection_of(source: Source, split_of: Any = None, **changes: Any) -> Selection:
    """All images, in splits that take turns from class to class unless they are given."""
    classes = len(source.card.class_names)
    turns = np.arange(len(source.labels)) // classes % 3
    made = Selection(
        split_of=np.array(turns if split_of is None else split_of, np.int8),
        excluded={},
        exact=[],
        near=np.empty((0, 2), np.int64),
        near_all=True,
    )
    return made._replace(**changes)
