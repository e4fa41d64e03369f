"""Whether the images that are tested on here were kept from another revision's training.

Where a source is divided at random, what is a test image today may have been trained on before, and
who has seen the answers looks better than he is.
"""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from spotimes.params.load import PARAMS_FILE
from spotimes.revision import Revision

LOCK = "dvc.lock"
PREPARATION = "metrics/prepare.json"
REASON = "its test images were others: it may have learnt those of today"


class Origin(NamedTuple):
    """Where a revision's test images come from.

    Attributes:
        source_md5: of its source, as DVC knows it.
        is_folder: whether that is a folder; a catalog's test split is its authors'.
        choice: params that decide which images of a source are tested on.
        test_digest: of the test images, or None where the revision did not record it.
    """

    source_md5: str
    is_folder: bool
    choice: dict[str, Any]
    test_digest: str | None


def from_training(revision: Revision) -> bool:
    """Whether the test images of data/prepared were kept from the revision's training.

    A revision that does not say how its data was prepared is not trusted.
    """
    here = _origin(_content(Path(LOCK)), _content(Path(PREPARATION)))
    there = _origin(revision.read(LOCK), revision.read(PREPARATION))
    if here is None or there is None:
        return False
    if here.test_digest is not None and here.test_digest == there.test_digest:
        return True
    if not here.is_folder and not there.is_folder:
        return True
    return (here.source_md5, here.choice) == (there.source_md5, there.choice)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _origin(lock: bytes | None, preparation: bytes | None) -> Origin | None:
    try:
        stage = yaml.safe_load(lock or b"")["stages"]["prepare"]
        choice = dict(stage["params"][PARAMS_FILE.name]["prepare"])
        source = choice.pop("source")
        (md5,) = (each["md5"] for each in stage["deps"] if each["path"] == source)
        recorded = yaml.safe_load(preparation or b"{}").get("test_digest")
        del choice["validation_fraction"]  # which is set aside after the test's
        if not choice["leave_out"]:
            del choice["image"]  # only what is a copy depends on the size
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return Origin(md5, md5.endswith(".dir"), choice, recorded)
