import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage

from spotimes.dataset import image_file
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.errors import InputError
from spotimes.ingestion import own_images
from spotimes.ingestion.own_images import Pictures, read_folder
from spotimes.params.prepare import Image
from spotimes.pixels import Colour, Resize
from spotimes.preprocessing.resize import Target, load_image
from tests.folders import write_folder


@pytest.fixture
def folder(tmp_path: Path, cifar10: dict[SplitName, Split], card: Card) -> Path:
    """12 PNG files of 32 x 32, four a class."""
    return write_folder(tmp_path / "mine", cifar10["train"], card.class_names, 4)


def read(folder: Path, **image: Any) -> Pictures:
    as_it_is = {"height": None, "width": None, "colour": None, "resize": "squash"}
    return read_folder(folder, Image(**as_it_is | image), folder.parent / "images.npy")


def test_pictures_of_one_size_keep_their_pixels(
    folder: Path, cifar10: dict[SplitName, Split]
) -> None:
    found = read(folder)
    assert found.images.shape == (12, 32, 32, 3)
    known = {image.tobytes() for image in cifar10["train"].images}
    assert all(image.tobytes() in known for image in found.images[:])
    assert found.files.class_names == ["cat", "dog", "frog"]
    assert found.files.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.headers.sizes.tolist() == [[32, 32]] * 12
    assert (found.headers.modes, found.headers.mode_of.tolist()) == (["RGB"], [0] * 12)
    assert not found.headers.animated.any()
    assert len(np.unique(found.fingerprints.hashes)) > 10


@pytest.mark.parametrize("resize", ["squash", "fit_shortest", "fit_longest"])
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_each_image_is_what_the_shared_function_gives(
    folder: Path, resize: Resize, colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_images, "AT_ONCE", 5)
    PILImage.new("RGB", (70, 40), "teal").save(folder / "cat/photo.jpg")
    found = read(folder, height=20, width=24, colour=colour, resize=resize)
    assert found.images.shape == (13, 20, 24, 3 if colour == "rgb" else 1)
    for path, image in zip(found.files.paths, found.images[:], strict=True):
        expected = load_image(folder / path, path, Target(20, 24, colour, resize))
        np.testing.assert_array_equal(image, expected)


def test_pictures_of_different_sizes_become_96_x_96(folder: Path) -> None:
    PILImage.new("RGB", (70, 40), "teal").save(folder / "cat/photo.jpg")
    assert read(folder).images.shape == (13, 96, 96, 3)


def test_large_pictures_of_one_size_become_96_x_96(tmp_path: Path) -> None:
    for name, colour in (("day", "white"), ("night", "black")):
        (tmp_path / "sky" / name).mkdir(parents=True)
        PILImage.new("RGB", (225, 100), colour).save(tmp_path / "sky" / name / "a.jpg")
    assert read(tmp_path / "sky").images.shape == (2, 96, 96, 3)


def test_grey_pictures_have_one_channel_and_one_in_colour_makes_it_three(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        PILImage.open(path).convert("L").save(path)
    assert read(folder).images.shape == (12, 32, 32, 1)
    PILImage.new("RGB", (32, 32), "red").save(folder / "dog/colour.png")
    assert read(folder).images.shape == (13, 32, 32, 3)


def test_what_cannot_be_read_is_named_and_the_rest_is_read(folder: Path) -> None:
    whole = folder / "dog/01.png"
    whole.write_bytes(whole.read_bytes()[:-300])  # its header is sound
    (folder / "cat/notes.doc").write_text("no picture")
    found = read(folder)
    broken = {found.files.paths[index]: why for index, why in found.headers.unreadable.items()}
    assert list(broken) == ["cat/notes.doc", "dog/01.png"]
    assert all(why.startswith(path) for path, why in broken.items())
    for index in found.headers.unreadable:
        assert not found.images[index].any()
    assert found.images.shape == (13, 32, 32, 3)


def test_modes_and_animations_are_known_of_each(folder: Path) -> None:
    frames = [PILImage.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "cat/moving.gif", save_all=True, append_images=frames[1:])
    frames[0].convert("CMYK").save(folder / "cat/print.jpg")
    (folder / "dog/notes.doc").write_text("no picture")
    found = read(folder)
    kinds = {
        path: found.headers.modes[mode]
        for path, mode in zip(found.files.paths, found.headers.mode_of, strict=True)
        if mode >= 0
    }
    assert kinds.pop("cat/moving.gif") == "P"
    assert kinds.pop("cat/print.jpg") == "CMYK"
    assert list(kinds.values()) == ["RGB"] * 12
    moving = [found.files.paths[index] for index in np.flatnonzero(found.headers.animated)]
    assert moving == ["cat/moving.gif"]


def test_a_damaged_picture_has_no_say_in_size_and_colour(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        PILImage.open(path).convert("L").save(path)
    larger = folder / "cat/larger.png"
    PILImage.effect_noise((70, 40), 90).convert("RGB").save(larger)
    assert read(folder).images.shape == (13, 96, 96, 3)
    larger.write_bytes(larger.read_bytes()[:-300])
    found = read(folder)
    assert found.images.shape == (13, 32, 32, 1)
    (index,) = found.headers.unreadable
    assert found.files.paths[index] == "cat/larger.png"
    assert (found.headers.sizes[index].tolist(), found.headers.mode_of[index]) == ([0, 0], -1)


def test_a_folder_without_a_readable_picture_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "x.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"no file in it can be read as a picture; .*a/x.jpg"):
        read(tmp_path / "texts")


def test_no_more_pixels_are_decoded_at_once_than_one_picture_may_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[str] = []
    most = 0
    together = threading.Barrier(2, timeout=60)

    def load(source: Path, where: str, *wanted: Any) -> npt.NDArray[np.uint8]:
        nonlocal most
        at_work.append(where)
        most = max(most, len(at_work))
        together.wait()
        time.sleep(0.01)  # long enough for a third to come, were one let in
        at_work.remove(where)
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(own_images, "MAX_PIXELS", 3 * 32 * 32 - 1)
    monkeypatch.setattr(own_images, "load_image", load)
    assert read(folder).images.shape == (12, 32, 32, 3)
    assert most == 2


def test_few_large_images_are_held_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images, "BYTES_AT_ONCE", 2 * 1024 * 3)
    blocks: list[int] = []
    append = image_file.ImageWriter.append

    def noted(self: Any, images: npt.NDArray[np.uint8]) -> None:
        blocks.append(len(images))
        append(self, images)

    monkeypatch.setattr(image_file.ImageWriter, "append", noted)
    assert read(folder).images.shape == (12, 32, 32, 3)
    assert blocks == [2] * 6
