import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotimes.dataset import image_file
from spotimes.dataset.image_file import ImageFile, Joined, Selected, write_images
from spotimes.errors import InputError
from tests.programs import output_of

IMAGES = np.random.default_rng(1).integers(0, 256, (50, 3, 5, 2), np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_images(tmp_path / "images.npy", IMAGES)
    return tmp_path / "images.npy"


def test_the_file_is_numpys_own(path: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "numpy.npy", IMAGES)
    assert path.read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_it_is_written_a_few_at_a_time(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_file, "BYTES_AT_ONCE", 7 * 30)
    write_images(tmp_path / "parts.npy", ImageFile(path))
    assert (tmp_path / "parts.npy").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "indices",
    [
        slice(None),
        slice(3, 9),
        slice(40, 99),
        slice(9, 3),
        slice(None, None, -7),
        np.array([4, 5, 6, 1, 49, 0, 0]),
        np.array([], np.intp),
        np.array([-1, -50]),
        np.arange(50) % 3 == 0,
        np.array([[1, 2], [3, 4]]),
        7,
        -1,
        np.int64(3),
    ],
    ids=str,
)
def test_an_index_is_that_of_an_array(path: Path, indices: Any) -> None:
    joined = Joined(Selected(ImageFile(path), np.arange(9)), IMAGES[9:])
    for source in (ImageFile(path), Selected(ImageFile(path), np.arange(50)), joined):
        found = source[indices]
        assert (str(found.dtype), found.shape) == ("uint8", IMAGES[indices].shape)
        np.testing.assert_array_equal(found, IMAGES[indices])


def test_a_selection_is_in_its_own_order(path: Path) -> None:
    chosen = Selected(ImageFile(path), np.array([9, 2, 2, 30]))
    assert (len(chosen), chosen.shape) == (4, (4, 3, 5, 2))
    np.testing.assert_array_equal(np.asarray(chosen), IMAGES[[9, 2, 2, 30]])
    np.testing.assert_array_equal(chosen[1:3], IMAGES[[2, 2]])
    np.testing.assert_array_equal(Selected(chosen, np.array([3]))[0], IMAGES[30])


@pytest.mark.parametrize("index", [50, -51, np.array([3, 50])])
def test_an_index_beyond_the_end_is_refused(path: Path, index: Any) -> None:
    with pytest.raises(IndexError):
        ImageFile(path)[index]


def test_what_is_read_is_the_callers_own(path: Path) -> None:
    images = ImageFile(path)
    images[:][:] = 0
    np.testing.assert_array_equal(images[:], IMAGES)


def test_threads_read_at_once(path: Path) -> None:
    images = ImageFile(path)
    order = np.random.default_rng(2).integers(0, 50, (200, 8))
    with ThreadPoolExecutor(4) as pool:
        for indices, found in zip(order, pool.map(images.__getitem__, order), strict=True):
            np.testing.assert_array_equal(found, IMAGES[indices])


def test_files_do_not_stay_open(path: Path) -> None:
    gc.collect()  # other tests' files
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        ImageFile(path)[0]
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 2, 2, 3), np.float32), "is float32 of 4 dimensions, not uint8 of 4"),
        (np.zeros((4, 12), np.uint8), "is uint8 of 2 dimensions, not uint8 of 4"),
        (np.asfortranarray(IMAGES), "in Fortran's order"),
    ],
)
def test_another_array_is_refused(path: Path, array: Any, message: str) -> None:
    np.save(path, array)
    with pytest.raises(InputError, match=message):
        ImageFile(path)


@pytest.mark.parametrize("change", [-1, -1490, 1])
def test_a_file_of_another_length_is_refused(path: Path, change: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + b"\0")
    with pytest.raises(InputError, match=r"images.npy: cannot be read .*`dvc repro -f prepare`"):
        ImageFile(path)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"none of it", b"\x93NUMPY\x01\0\x10\0 x"])
def test_what_is_no_npy_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"images.npy: cannot be read"):
        ImageFile(path)


def test_a_file_that_shrinks_meanwhile_is_reported(path: Path) -> None:
    images = ImageFile(path)
    os.truncate(path, 1000)
    with pytest.raises(InputError, match="is truncated"):
        images[:]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    # 200 MB of images; a process that reads all of them, some at a time, must stay far below.
    with (tmp_path / "many.npy").open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (200, 1000, 1000, 1)}
        np.lib.format.write_array_header_1_0(stream, header)  # type: ignore[no-untyped-call]
        stream.truncate(stream.tell() + 200_000_000)
    grown = int(output_of("copy_images", tmp_path / "many.npy", tmp_path / "copy.npy"))
    assert grown < 60_000  # KiB; two parts of 16 MB and the sum's
