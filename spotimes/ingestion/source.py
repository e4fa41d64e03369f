"""What `prepare.source` can name: a catalog file or a folder of pictures, each read alike."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from spotimes.dataset.image_file import ImageFile, ImageSource, ImageWriter
from spotimes.dataset.prepared import SPLITS, Card
from spotimes.downloads import download
from spotimes.errors import InputError
from spotimes.ingestion import own_images, readers
from spotimes.ingestion.catalog import Catalog, load_catalog
from spotimes.ingestion.disk import Images, Shape
from spotimes.ingestion.fingerprints import Fingerprints, fingerprints_of
from spotimes.ingestion.groups import ALONE, Groups
from spotimes.ingestion.headers import Headers, headers_of_images
from spotimes.ingestion.labelled_files import LabelledFiles, Reading
from spotimes.ingestion.labelled_paths import Notes
from spotimes.ingestion.split import TEST, TRAIN
from spotimes.ingestion.wide_values import WideValues
from spotimes.params.prepare import Image, Prepare
from spotimes.pixels import colour_of
from spotimes.preprocessing.resize import Target, resize_image


class SourceFiles(NamedTuple):
    """The files of a source that is a folder.

    Attributes:
        paths: of the pictures, relative to the folder, in the order of the images.
        groups: which pictures belong together; None where no name says so.
        notes: what there is to tell of how the folder was read.
        wide: what there is of more than 8 bits a channel; None if there is none.
        missing_rows: how many rows a picture lacks whose file is cut off, by its index.
    """

    paths: list[str]
    groups: Groups | None
    notes: Notes
    wide: WideValues | None = None
    missing_rows: Mapping[int, int] = MappingProxyType({})


class Source(NamedTuple):
    """A dataset before it is divided.

    Attributes:
        where: its path, for messages.
        card: what is known of it.
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,).
        given: int8, shape (images,): the split that it says, or `split.NOT_GIVEN`.
        fingerprints: of the images.
        headers: of the pictures that the images were made of.
        files: None of a catalog's dataset, whose images are not in files of their own.
    """

    where: str
    card: Card
    images: ImageSource
    labels: npt.NDArray[np.int64]
    given: npt.NDArray[np.int8]
    fingerprints: Fingerprints
    headers: Headers
    files: SourceFiles | None

    @property
    def is_canonical(self) -> bool:
        """Whether it is as its authors published it, whatever that holds."""
        return self.files is None

    @property
    def unreadable(self) -> dict[int, str]:
        """Why a picture cannot be used, by its index."""
        return self.headers.unreadable

    @property
    def target(self) -> Target:
        """What its pictures became, and others beside them are to become."""
        height, width, channels = self.images.shape[1:]
        ends = None if self.card.range is None else (self.card.range[0], self.card.range[1])
        return Target(height, width, colour_of(channels), self.card.resize, ends)

    @property
    def groups(self) -> npt.NDArray[np.int64] | None:
        """A number for each image that only those of its group have; None without groups."""
        if self.files is None or self.files.groups is None:
            return None
        of, names = self.files.groups
        return np.where(of == ALONE, len(names) + np.arange(len(of)), of)

    def name_of(self, index: int) -> str:
        """What to call an image: its file's path, or its number within its split."""
        if self.files is not None:
            return self.files.paths[index]
        split = self.given[index]
        first = int(np.argmax(self.given == split))
        return f"{SPLITS[split]} {index - first}"


def read(
    params: Prepare, images_npy: Path, before: Callable[[Images, Shape], None] = lambda *_: None
) -> Source:
    """Reads the source.

    Args:
        params: where it is, and how it is to be read and its pictures fitted.
        images_npy: a file that images which are not the source's own can be written to; it must
            stay while they are read.
        before: is called before anything is written, with how many images of which shape will be.

    Raises:
        InputError: there is no such source, it cannot be fetched, or is broken.
    """
    path = Path(params.source)
    if path.is_dir():
        return _folder(path, params, images_npy, before)
    catalog = load_catalog(path)
    if params.group is not None:
        raise InputError(
            f"prepare.group: is {params.group}, but the images of a catalog's dataset have no "
            "paths; set it to null"
        )
    return _catalog(path, catalog, params, images_npy, before)


def least_rows(params: Prepare) -> float:
    """The share of a picture's rows that its file must have."""
    return 1 if params.truncated == "refuse" else params.truncated


def _folder(
    path: Path, params: Prepare, images_npy: Path, before: Callable[[Images, Shape], None]
) -> Source:
    def before_images(files: LabelledFiles, target: Target) -> None:
        count, classes = len(files.paths), len(files.class_names)
        before(Images(count, classes, params.images_per_class, are_copied=True), target.shape)

    how = Reading(
        params.split_folders,
        params.group,
        "missing" in params.leave_out,
        least_rows(params),
    )
    pictures = own_images.read_folder(path, params.image, images_npy, how, before_images)
    files = pictures.files
    card = Card(
        name=path.resolve().name,
        class_names=files.class_names,
        licence="not stated",
        citation="none",
        homepage="",
        resize=params.image.resize,
        range=_range(params.image, pictures.wide),
    )
    return Source(
        where=str(path),
        card=card,
        images=pictures.images,
        labels=files.labels,
        given=files.splits,
        fingerprints=pictures.fingerprints,
        headers=pictures.headers,
        files=SourceFiles(
            files.paths, files.groups, files.notes, pictures.wide, pictures.missing_rows
        ),
    )


def _range(image: Image, wide: WideValues | None) -> list[float] | None:
    """What pictures of more than 8 bits are to be treated by, if there are none yet, too."""
    if not isinstance(image.range, str):
        return list(image.range)
    chosen = wide.chosen if wide else None
    return None if chosen is None else list(chosen)


def _catalog(
    path: Path,
    catalog: Catalog,
    params: Prepare,
    images_npy: Path,
    before: Callable[[Images, Shape], None],
) -> Source:
    target = _target(catalog, params.image)
    count = catalog.splits.train.images + catalog.splits.test.images
    are_copied = target.shape != tuple(catalog.image_shape)
    images = Images(count, len(catalog.class_names), params.images_per_class, are_copied)
    before(images, target.shape)
    mirror, files = download.fetch_any(catalog.mirrors)
    canonical = readers.read(catalog, mirror, files)
    catalog.check(canonical, f"{path}: {mirror.files[0].url}")
    own = np.concatenate([split.images for split in canonical])
    fitted = _refitted(own, target, images_npy)
    given = np.repeat(np.array([TRAIN, TEST], np.int8), [len(split.labels) for split in canonical])
    return Source(
        where=str(path),
        card=catalog.card().model_copy(update={"resize": params.image.resize}),
        images=fitted,
        labels=np.concatenate([split.labels for split in canonical]),
        given=given,
        fingerprints=fingerprints_of(fitted),
        headers=headers_of_images(fitted.shape),
        files=None,
    )


def _target(catalog: Catalog, image: Image) -> Target:
    height, width, channels = catalog.image_shape
    return Target(
        image.height or height,
        image.width or width,
        image.colour or colour_of(channels),
        image.resize,
    )


def _refitted(images: npt.NDArray[np.uint8], target: Target, images_npy: Path) -> ImageSource:
    """The catalog's own images, or a file of them in the size and colour that params ask for."""
    if images.shape[1:] == target.shape:
        return images
    with ImageWriter(images_npy, (len(images), *target.shape)) as writer:
        for pixels in images:
            own = PILImage.fromarray(pixels.squeeze(axis=-1) if pixels.shape[-1] == 1 else pixels)
            writer.append(resize_image(own, target))
    return ImageFile(images_npy)
