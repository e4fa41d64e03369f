"""Folders of tiny files, and what is found in them by names alone."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.ingestion.labelled_files import LabelledFiles, find

NFC, NFD = "caf\u00e9", "cafe\u0301"
TWO = ["cat/1.png", "dog/1.png"]
SPLITS = ["train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"]


def filled(root: Path, paths: Iterable[str]) -> Path:
    """A folder of tiny files; a path that ends in / is an empty folder."""
    root.mkdir(exist_ok=True)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).write_bytes(b"x")
    return root


def listed(
    root: Path, csv: str | bytes, paths: Iterable[str] = ("a.png", "b.png", "c.png")
) -> Path:
    """A folder of tiny files with a labels.csv."""
    filled(root, paths)
    content = csv.encode() if isinstance(csv, str) else csv
    (root / "labels.csv").write_bytes(content)
    return root


def listing(files: LabelledFiles) -> list[tuple[int, str, str]]:
    """(split, class, path) of each file."""
    return [
        (int(split), files.class_names[label], path)
        for split, label, path in zip(files.splits, files.labels, files.paths, strict=True)
    ]


def fault(root: Path) -> str:
    """The one line with which the folder is refused, without the folder's path before it."""
    with pytest.raises(InputError) as caught:
        find(root)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith(str(root))
    message.encode()
    return message.removeprefix(str(root)).lstrip("/: ")
