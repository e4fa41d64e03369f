"""The disk that prepare needs: said before it writes its first image, and refused if not there."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from dvc.config import Config  # type: ignore[import-untyped]

from spotimes.dataset.prepared import PREPARED
from spotimes.errors import InputError
from spotimes.ingestion.file_names import shown
from spotimes.params.prepare import ImagesPerClass

# Labels and groups of an image; and the report, the samples and what else does not grow with them.
NUMBERS = 2 * 8
OTHERS = 1 << 24


Shape = tuple[int, int, int]  # height, width, channels


class Images(NamedTuple):
    """The images that prepare is about to write.

    Attributes:
        labelled: how many, before some are left out.
        classes: of these.
        per_class: how many of each are taken.
        are_copied: whether they are written twice, first together and then divided.
        unlabelled: how many others there are.
    """

    labelled: int
    classes: int
    per_class: ImagesPerClass
    are_copied: bool
    unlabelled: int = 0

    @property
    def kept(self) -> int:
        """How many there are in the end, at most."""
        train, test = self.per_class.train, self.per_class.test
        most = self.labelled
        if train is not None and test is not None:
            most = min(most, self.classes * (train + test))
        return most + self.unlabelled


def check(images: Images, shape: Shape) -> None:
    """Prints what disk is needed.

    In DVC's stage its cache counts, too, to which DVC copies what prepare has made: not where the
    file system can make two files share what they hold, but the images that are written first need
    no less there, and are gone by then.

    Args:
        images: that are to be written.
        shape: of one.

    Raises:
        InputError: there is less.
    """
    height, width, channels = shape
    each = height * width * channels
    first = (images.labelled + images.unlabelled) * each if images.are_copied else 0
    kept = images.kept * (each + NUMBERS) + OTHERS
    data, cache = _existing(PREPARED.parent), _cache()
    needed = {data: kept + first}
    if cache is not None and cache.stat().st_dev == data.stat().st_dev:
        needed = {data: kept + max(first, kept)}
    elif cache is not None:
        needed[cache] = kept
    free = {place: shutil.disk_usage(place).free for place in needed}
    told = [
        f"{_size(count)} in {shown(place)}, where {_size(free[place])} are free"
        for place, count in needed.items()
    ]
    line = (
        f"{images.labelled + images.unlabelled:,} images of {width} x {height} x {channels} need "
        f"up to {' and '.join(told)}"
    )
    if any(free[place] < count for place, count in needed.items()):
        raise InputError(
            f"{line}; free some, or let prepare.image have a smaller height and width or "
            "prepare.images_per_class fewer"
        )
    print(f"disk: {line}", flush=True)


def _cache() -> Path | None:
    """The folder on whose disk DVC keeps what a stage makes; None without DVC."""
    root = os.environ.get("DVC_ROOT")
    if root is None:
        return None
    folder = Path(root, ".dvc")
    named = Config(str(folder)).get("cache", {}).get("dir")
    return _existing(Path(named) if named else folder / "cache")


def _existing(path: Path) -> Path:
    """The path, or the folder above it that is there."""
    return next(each for each in (path, *path.absolute().parents) if each.is_dir())


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"
