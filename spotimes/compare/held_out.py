"""Whether the images that are tested on here were kept from a model's training.

Where a source is divided at random, today's test images may have been training images before, and a
model that was trained on them looks better than it is.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from spotimes.dataset.prepared import PREPARED, LabelledImages
from spotimes.errors import InputError
from spotimes.ingestion.exact_copies import combined_digest, image_digests
from spotimes.params.load import PARAMS_FILE
from spotimes.reproducibility.merging import conflict
from spotimes.reproducibility.revision import Revision
from spotimes.system.validation import parse_yaml

LOCK = "dvc.lock"
PREPARATION = "metrics/prepare.json"
OTHERS = "its test images were others: it may have learnt those of today"
NOT_RECORDED = f"{LOCK} does not say what it was trained on"
OTHER_DATA = f"it was trained on other data than {PREPARED} is; dvc repro"


class Origin(NamedTuple):
    """Where a revision's images come from.

    Attributes:
        source_md5: of its source, as DVC knows it.
        is_folder: whether that is a folder; a catalog's test split is its authors'.
        image: how its pictures are fitted.
        choice: params that decide which images of a source are tested on.
        test_digest: of the test images, or None where the revision did not record it.
        is_trained_on: whether its model was trained on the images that it prepared.
    """

    source_md5: str
    is_folder: bool
    image: object
    choice: dict[str, Any]
    test_digest: str | None
    is_trained_on: bool


def check_prepared(test: LabelledImages) -> None:
    """Checks that data/prepared holds the test images whose digest metrics/prepare.json has.

    Raises:
        InputError: they are others, or what dvc.lock says is in conflict.
    """
    if said := conflict(Path(LOCK)):
        raise InputError(said)
    here = _origin(_content(Path(LOCK)), _content(Path(PREPARATION)))
    if here is None or here.test_digest is None:
        return
    if combined_digest(image_digests(test.images)) != here.test_digest:
        raise InputError(f"{PREPARED}: is not what {LOCK} says; dvc repro prepare makes it")


def why_not(revision: Revision | None) -> str:
    """Why a model is not to be tested on the test images here; empty if it may be.

    Args:
        revision: whose model; None for the working tree's.
    """
    here = _origin(_content(Path(LOCK)), _content(Path(PREPARATION)))
    if revision is None:
        if here is None:
            return NOT_RECORDED
        return "" if here.is_trained_on else OTHER_DATA
    there = _origin(revision.read(LOCK), revision.read(PREPARATION))
    if here is None or there is None or not there.is_trained_on:
        return NOT_RECORDED
    return "" if _alike(here, there) else OTHERS


def _alike(here: Origin, there: Origin) -> bool:
    if not here.is_folder and not there.is_folder:
        return True
    digests = {here.test_digest, there.test_digest}
    if None not in digests and here.image == there.image:
        return len(digests) == 1
    return (here.source_md5, here.choice) == (there.source_md5, there.choice)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _origin(lock: bytes | None, preparation: bytes | None) -> Origin | None:
    try:
        stages = parse_yaml((lock or b"").decode(), LOCK)["stages"]
        choice = dict(stages["prepare"]["params"][PARAMS_FILE.name]["prepare"])
        source, image = choice.pop("source"), choice.pop("image", None)
        md5 = _md5(stages["prepare"]["deps"], source)
        prepared = _md5(stages["prepare"]["outs"], PREPARED.as_posix())
        trained_on = _md5(stages["train"]["deps"], PREPARED.as_posix())
        recorded = json.loads(preparation or b"{}").get("test_digest")
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        return None
    choice.pop("validation_fraction", None)  # which is set aside after the test's
    some = choice.pop("images_per_class", None)  # once one number, for both splits
    # The test images are set aside before the training images are drawn.
    if number := some["test"] if isinstance(some, dict) else some:
        choice["images_per_class"] = [type(some).__name__, number]
    choice = {"split_folders": True, "group": None} | choice  # before there was a choice
    if choice.get("leave_out"):
        choice["image"] = image  # at another size other pictures are copies
    return Origin(md5, md5.endswith(".dir"), image, choice, recorded, trained_on == prepared)


def _md5(files: list[dict[str, str]], path: str) -> str:
    (found,) = (file["md5"] for file in files if file["path"] == path)
    return found
