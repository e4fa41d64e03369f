"""Images that a dataset holds more than once, pixel for pixel."""

import hashlib

import numpy as np
import numpy.typing as npt

from spotimes.dataset.image_file import ImageSource, chunks

Digests = npt.NDArray[np.uint64]


def image_digests(images: ImageSource) -> Digests:
    """Digests images, which are equal exactly if their digests are.

    Args:
        images: uint8, shape (images, height, width, channels), in memory or on disk.

    Returns:
        The BLAKE2b digests of the pixels, 16 bytes each: uint64, shape (images, 2).
    """
    content = b"".join(
        hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        for some in chunks(images)
        for image in some
    )
    return np.frombuffer(content, "<u8").astype(np.uint64).reshape(-1, 2)


def combined_digest(digests: Digests) -> str:
    """One digest of all images, whatever their order.

    Args:
        digests: of the images, by `image_digests`.

    Returns:
        BLAKE2b, 16 bytes in hexadecimal digits.
    """
    content = b"".join(sorted(row.tobytes() for row in digests.astype("<u8")))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def exact_groups(digests: Digests) -> list[npt.NDArray[np.int64]]:
    """Finds images that occur more than once, pixel for pixel.

    Args:
        digests: of all images, by `image_digests`.

    Returns:
        For each such image its indices, two or more, ascending; in the order of the first ones.
    """
    order = np.lexsort(digests.T)  # stable: equal ones stay in their order
    ordered = digests[order]
    begins = np.flatnonzero(np.any(ordered[1:] != ordered[:-1], axis=1)) + 1
    groups = [group for group in np.split(order, begins) if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))
