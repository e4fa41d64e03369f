from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage

from spotimes.dataset import image_file
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.errors import InputError
from spotimes.ingestion import own_images, processes
from spotimes.ingestion.labelled_files import LabelledFiles, Reading
from spotimes.ingestion.own_images import Pictures, read_folder
from spotimes.ingestion.picture_tasks import ImageTask, PictureTask
from spotimes.ingestion.processes import Processes
from spotimes.params.prepare import Image
from spotimes.pixels import Colour, Resize
from spotimes.preprocessing.resize import Target, load_image
from spotimes.system import cores
from tests.folders import write_folder
from tests.pictures import drawn


@pytest.fixture
def folder(tmp_path: Path, cifar10: dict[SplitName, Split], card: Card) -> Path:
    """12 PNG files of 32 x 32, four a class."""
    return write_folder(tmp_path / "mine", cifar10["train"], card.class_names, 4)


def read(folder: Path, **image: Any) -> Pictures[LabelledFiles]:
    as_it_is = {"height": None, "width": None, "colour": None, "resize": "squash", "range": "type"}
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


def test_a_task_s_pictures_have_few_pixels_together_or_it_is_of_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PILImage.new("RGB", (70, 40), "teal").save(folder / "cat/99.jpg")
    monkeypatch.setattr(own_images, "PIXELS_A_TASK", 2 * 1024 + 1)
    given: list[tuple[int, int]] = []

    def noted(self: Processes, tasks: Iterable[PictureTask], cost: int) -> Iterator[object]:
        for task in tasks:
            if isinstance(task, ImageTask):
                given.append((len(task.paths), task.pixels))
                assert cost == 12 * 1024 + 70 * 40 + 13 * own_images.PICTURE_COST
            yield task.run()  # type: ignore[attr-defined]

    monkeypatch.setattr(Processes, "results", noted)
    read(folder)
    assert given == [(2, 1024), (2, 1024), (1, 2800), *[(2, 1024)] * 4]


def test_few_large_images_are_held_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "allowed", lambda: 3)
    monkeypatch.setattr(own_images, "BYTES_AT_ONCE", 6 * 2 * 1024 * 3)
    blocks: list[int] = []
    append = image_file.ImageWriter.append

    def noted(self: Any, images: npt.NDArray[np.uint8]) -> None:
        blocks.append(len(images))
        append(self, images)

    monkeypatch.setattr(image_file.ImageWriter, "append", noted)
    assert read(folder).images.shape == (12, 32, 32, 3)
    assert blocks == [2] * 6


def with_odd_files(folder: Path) -> None:
    """Adds pictures of more than 8 bits, some that are cut off, and a file that is none."""
    for place in range(4):
        PILImage.fromarray(camera(place)).save(folder / f"dog/camera{place}.png")
    drawn(64, 160).save(folder / "cat/cut.jpg")
    content = (folder / "cat/cut.jpg").read_bytes()
    (folder / "cat/cut.jpg").write_bytes(content[: int(len(content) * 0.95)])
    (folder / "cat/notes.doc").write_text("no picture")
    (folder / "dog/01.png").write_bytes((folder / "dog/01.png").read_bytes()[:-300])


@pytest.mark.slow
def test_any_number_of_processes_finds_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_odd_files(folder)
    monkeypatch.setattr(own_images, "AT_ONCE", 3)
    monkeypatch.setattr(processes, "WORTH_STARTING", 1)
    image = Image(height=None, width=None, colour=None, resize="squash", range="data")
    found = {}
    for count in (1, 2, 4):
        monkeypatch.setattr(cores, "allowed", lambda count=count: count)
        how = Reading(least_rows=0.5)
        pictures = read_folder(folder, image, folder.parent / "images.npy", how)
        every = [*pictures.fingerprints.thumbnails.items()]
        found[count] = (
            pictures.images[:].tobytes(),
            *(array.tobytes() for array in pictures.headers if isinstance(array, np.ndarray)),
            pictures.headers.modes,
            [*pictures.headers.unreadable.items()],
            pictures.fingerprints.digests.tobytes(),
            pictures.fingerprints.hashes.tobytes(),
            [(index, thumbnail.tobytes()) for index, thumbnail in every],
            pictures.wide,
            [*pictures.missing_rows.items()],
        )
        assert len(every) == 4
        assert len(pictures.headers.unreadable) == 1
        assert len(pictures.missing_rows) == 2
    assert found[2] == found[1]
    assert found[4] == found[1]


def camera(place: int) -> npt.NDArray[np.uint16]:
    """A grey picture of 32 x 32 with 16 to 4080 of 16 bits."""
    grey = np.asarray(drawn(320, 32).convert("L")).astype(np.uint16)[:, 32 * place :][:, :32]
    return grey % 255 * 16 + 16


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    """Eight such pictures, four a class."""
    for place in range(8):
        path = tmp_path / "cameras" / ("cat", "dog")[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PILImage.fromarray(camera(place)).save(path)
    return tmp_path / "cameras"


def test_of_more_than_8_bits_a_range_can_be_chosen(cameras: Path) -> None:
    PILImage.new("L", (32, 32), 200).save(cameras / "dog/8.png")
    values = [camera(place) for place in range(8)]
    low, high = min(each.min() for each in values), max(each.max() for each in values)
    for wanted, chosen in {
        "type": None,
        "data": (low, high),
        (0, 4095): (0, 4095),
    }.items():
        found = read(cameras, range=wanted)
        assert found.wide == (8, low, high, (0, 65535), chosen)
        for path, image in zip(found.files.paths, found.images[:], strict=True):
            target = Target(32, 32, "grey", "squash", chosen)
            np.testing.assert_array_equal(image, load_image(cameras / path, path, target))
    assert read(cameras, range="data").images[:8].max() == 255
    assert read(cameras, range="type").images[:8].max() == 16
    assert (read(cameras, range="data").images[8] == 200).all()


def test_pictures_that_differ_are_not_the_same_where_their_images_are(cameras: Path) -> None:
    original = camera(0)
    PILImage.fromarray(original).save(cameras / "cat/same.tif")
    PILImage.fromarray(original + np.uint16(1)).save(cameras / "cat/other.png")
    for wanted in ("type", "data"):
        found = read(cameras, range=wanted)
        one, same, other = (
            found.files.paths.index(f"cat/{name}") for name in ("0.png", "same.tif", "other.png")
        )
        if wanted == "type":
            np.testing.assert_array_equal(found.images[one], found.images[other])
        digests = found.fingerprints.digests
        assert digests[one].tolist() == digests[same].tolist() != digests[other].tolist()
        # What 4% of the range would hide is seen.
        assert len(np.unique(found.fingerprints.hashes)) == 8
        assert sorted(found.fingerprints.thumbnails) == list(range(10))
        thumbnail = found.fingerprints.thumbnails[one]
        assert int(thumbnail.max()) - int(thumbnail.min()) > 100


def test_pictures_of_8_bits_are_judged_by_their_images(cameras: Path, folder: Path) -> None:
    found = read(folder)
    assert (found.wide, dict(found.fingerprints.thumbnails)) == (None, {})


def test_fractions_are_read_in_a_range(cameras: Path) -> None:
    for path in [*cameras.rglob("*.png")]:
        fractions = np.asarray(PILImage.open(path)).astype(np.float32) / 4095 - 0.5
        PILImage.fromarray(fractions).save(path.with_suffix(".tif"))
        path.unlink()
    with pytest.raises(InputError, match=r"no file in it can be read.*prepare\.image\.range"):
        read(cameras)
    found = read(cameras, range="data")
    assert not found.headers.unreadable
    assert found.wide is not None
    assert (found.wide.of_type, found.wide.chosen) == (None, (found.wide.low, found.wide.high))
    assert (found.images[:].min(), found.images[:].max()) == (0, 255)


def test_a_range_of_one_value_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "flat" / name).mkdir(parents=True)
        PILImage.fromarray(np.full((8, 8), 700, np.uint16)).save(tmp_path / "flat" / name / "a.png")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "flat", range="data")
    assert str(caught.value) == (
        f"{tmp_path / 'flat'}: all pixels of more than 8 bits have the value 700, so "
        "prepare.image.range cannot be data; let it be type or two numbers"
    )
    assert not read(tmp_path / "flat").headers.unreadable


def test_what_cannot_be_decoded_has_no_say_in_the_range(cameras: Path) -> None:
    bright = cameras / "cat/bright.png"
    PILImage.fromarray(camera(0) * 8).save(bright)
    content = bytearray(bright.read_bytes())
    content[len(content) // 2] ^= 255
    bright.write_bytes(content)
    found = read(cameras, range="data")
    assert [found.files.paths[index] for index in found.headers.unreadable] == ["cat/bright.png"]
    assert found.wide is not None
    assert (found.wide.pictures, found.wide.high) == (8, max(camera(i).max() for i in range(8)))


def test_files_that_are_cut_off_are_read_from_a_share_of_rows_on(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for place, share in enumerate((1, 0.95, 0.7, 0.4)):
        path = mine / ("cat", "dog")[place % 2] / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(64, 160).save(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
    image = Image(height=None, width=None, colour=None, resize="squash", range="type")
    unreadable = {}
    for least in (1, 0.8, 0.5, 0.01):
        found = read_folder(mine, image, tmp_path / "images.npy", Reading(least_rows=least))
        unreadable[least] = sorted(found.files.paths[index] for index in found.headers.unreadable)
        for index, rows in found.missing_rows.items():
            assert index not in found.headers.unreadable
            assert 0 < rows <= (1 - least) * 160
        assert len(found.missing_rows) == 3 - len(unreadable[least])
    assert unreadable == {
        1: ["cat/2.jpg", "dog/1.jpg", "dog/3.jpg"],
        0.8: ["cat/2.jpg", "dog/3.jpg"],
        0.5: ["dog/3.jpg"],
        0.01: [],
    }
