"""What `prepare.source` can name: a catalog file or a folder of pictures, each read alike."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from spotimes.dataset.image_file import ImageFile, ImageSource, ImageWriter
from spotimes.dataset.prepared import SPLITS, Card
from spotimes.ingestion import download, own_images, readers
from spotimes.ingestion.catalog import Catalog, load_catalog
from spotimes.ingestion.exact_copies import image_digests
from spotimes.ingestion.near_copies import difference_hashes
from spotimes.ingestion.own_images import Looks
from spotimes.ingestion.split import TEST, TRAIN
from spotimes.params.prepare import Image
from spotimes.pixels import colour_of
from spotimes.preprocessing.resize import Target, resize_image


class Source(NamedTuple):
    """A dataset before it is divided.

    Attributes:
        where: its path, for messages.
        card: what is known of it.
        is_canonical: whether it is as its authors published it, whatever that holds.
        images: uint8, shape (images, height, width, channels).
        labels: int64, shape (images,).
        given: int8, shape (images,): the split that it says, or `split.NOT_GIVEN`.
        digests: of the images, as `duplicates.fingerprints` gives them.
        hashes: likewise.
        names: of the images' files; None if they have none.
        looks: what the files' headers say; None without files.
        unreadable: why a file cannot be used, by its place.
        passed_over: files that are not meant as data.
    """

    where: str
    card: Card
    is_canonical: bool
    images: ImageSource
    labels: npt.NDArray[np.int64]
    given: npt.NDArray[np.int8]
    digests: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.uint64]
    names: list[str] | None
    looks: Looks | None
    unreadable: dict[int, str]
    passed_over: list[str]

    def name_of(self, place: int) -> str:
        """What to call an image."""
        if self.names is not None:
            return self.names[place]
        split = self.given[place]
        first = int(np.argmax(self.given == split))
        return f"{SPLITS[split]} {place - first}"


def read(path: Path, image: Image, images_npy: Path) -> Source:
    """Reads the source at `path`.

    Args:
        path: a catalog file or a folder.
        image: how its pictures are to be fitted.
        images_npy: a file that images which are not the source's own can be written to; it must
            stay while they are read.

    Raises:
        InputError: there is no such source, it cannot be fetched, or is broken.
    """
    return _folder(path, image, images_npy) if path.is_dir() else _catalog(path, image, images_npy)


def _folder(path: Path, image: Image, images_npy: Path) -> Source:
    pictures = own_images.read_folder(path, image, images_npy)
    files = pictures.files
    card = Card(
        name=path.resolve().name,
        class_names=files.class_names,
        licence="not stated",
        citation="none",
        homepage="",
        resize=image.resize,
    )
    return Source(
        where=str(path),
        card=card,
        is_canonical=False,
        images=pictures.images,
        labels=files.labels,
        given=files.splits,
        digests=pictures.digests,
        hashes=pictures.hashes,
        names=files.paths,
        looks=pictures.looks,
        unreadable=pictures.looks.unreadable,
        passed_over=files.ignored,
    )


def _catalog(path: Path, image: Image, images_npy: Path) -> Source:
    catalog = load_catalog(path)
    mirror, files = download.fetch_any(catalog.mirrors)
    canonical = readers.read(catalog, mirror, files)
    catalog.check(canonical, f"{path}: {mirror.files[0].url}")
    own = np.concatenate([split.images for split in canonical])
    images = _refitted(own, catalog, image, images_npy)
    given = np.repeat(np.array([TRAIN, TEST], np.int8), [len(split.labels) for split in canonical])
    return Source(
        where=str(path),
        card=catalog.card().model_copy(update={"resize": image.resize}),
        is_canonical=True,
        images=images,
        labels=np.concatenate([split.labels for split in canonical]),
        given=given,
        digests=image_digests(images),
        hashes=difference_hashes(images),
        names=None,
        looks=None,
        unreadable={},
        passed_over=[],
    )


def _refitted(
    images: npt.NDArray[np.uint8], catalog: Catalog, image: Image, images_npy: Path
) -> ImageSource:
    """The catalog's own images, or a file of them in the size and colour that params ask for."""
    height, width, channels = catalog.image_shape
    target = Target(
        image.height or height,
        image.width or width,
        image.colour or colour_of(channels),
        image.resize,
    )
    if target.shape == (height, width, channels):
        return images
    with ImageWriter(images_npy, (len(images), *target.shape)) as writer:
        for pixels in images:
            own = PILImage.fromarray(pixels.squeeze(axis=-1) if channels == 1 else pixels)
            writer.append(resize_image(own, target))
    return ImageFile(images_npy)
