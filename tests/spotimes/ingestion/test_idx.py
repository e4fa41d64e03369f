import struct

import pytest

from spotimes.errors import InputError
from spotimes.ingestion import idx

IMAGES = struct.pack(">4I", 0x803, 2, 2, 3) + bytes(range(12))
LABELS = struct.pack(">2I", 0x801, 3) + bytes([7, 0, 255])


def test_images_have_one_channel() -> None:
    images = idx.images(IMAGES, "file")
    assert (str(images.dtype), images.shape) == ("uint8", (2, 2, 3, 1))
    assert images[1, 0, 2, 0] == 8


def test_labels_are_whole_numbers() -> None:
    labels = idx.labels(LABELS, "file")
    assert str(labels.dtype) == "int64"
    assert labels.tolist() == [7, 0, 255]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file: 0 bytes, not even an IDX header of 16"),
        (IMAGES[:15], "file: 15 bytes, not even an IDX header of 16"),
        (LABELS + bytes(9), "file: begins with 0x00000801, not with IDX' 0x00000803"),
        (b"<html>not found</html>", "file: begins with 0x3c68746d, not with IDX' 0x00000803"),
        (IMAGES[:-1], "file: 27 bytes, not the 28 that its header of 2 x 2 x 3 promises"),
        (IMAGES + b"x", "file: 29 bytes, not the 28 that its header of 2 x 2 x 3 promises"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "file: 16 bytes, not the 79228162458924105385300197391 "),
    ],
)
def test_what_is_no_images_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        idx.images(content, "file")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LABELS[:7], "file: 7 bytes, not even an IDX header of 8"),
        (IMAGES, "file: begins with 0x00000803, not with IDX' 0x00000801"),
        (LABELS[:-1], "file: 10 bytes, not the 11 that its header of 3 promises"),
    ],
)
def test_what_is_no_labels_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        idx.labels(content, "file")
    assert str(caught.value) == message
