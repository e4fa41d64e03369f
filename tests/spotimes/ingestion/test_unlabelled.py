from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spotimes.errors import InputError
from spotimes.ingestion import unlabelled
from spotimes.ingestion.selection import Selection
from spotimes.ingestion.source import Source
from spotimes.ingestion.split import TEST, TRAIN, VALIDATION
from spotimes.ingestion.unlabelled import Unlabelled
from spotimes.preprocessing.resize import Target, load_image
from tests.pictures import drawn
from tests.spotimes.ingestion.sources import params_with, selection_of, source_of

Images = npt.NDArray[np.uint8]

# Noise in areas of 2 x 2, none of which is like another.
IMAGES = np.random.default_rng(1).integers(0, 250, (24, 8, 8, 3), np.uint8)
IMAGES = IMAGES.repeat(2, axis=1).repeat(2, axis=2)
LABELLED = IMAGES[:12]  # a test has the others for pictures without labels
SPLIT_OF = [TRAIN] * 6 + [VALIDATION] * 3 + [TEST] * 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("more")


def written(folder: Path, pictures: dict[str, Images]) -> None:
    for name, image in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)


def labelled() -> tuple[Source, Selection]:
    source = source_of(LABELLED)
    return source, selection_of(source, SPLIT_OF)


def read(folder: Path, **changes: Any) -> Unlabelled:
    params = params_with(unlabelled=str(folder), **changes)
    files = unlabelled.find(params)
    assert files is not None
    return unlabelled.read(files, *labelled(), params, Path("images.npy"))


def excluded(found: Unlabelled) -> dict[str, str]:
    """The reasons, by the names of the files."""
    return {found.pictures.files.paths[index]: why for index, why in found.excluded.items()}


def test_none_is_none() -> None:
    assert unlabelled.find(params_with(unlabelled="data/none")) is None


def test_pictures_of_all_folders_are_used_but_what_is_left_behind(folder: Path) -> None:
    names = ["b.png", "train/a.png", "train/x/c.png"]
    written(folder, dict(zip(names, IMAGES[12:], strict=False)))
    written(folder, {".trash/d.png": IMAGES[20]})
    (folder / "labels.csv").write_text("path,label\nb.png,cat\n")
    found = read(folder)
    np.testing.assert_array_equal(found.images[:], IMAGES[12:15])
    assert found.pictures.files.ignored == [".trash", "labels.csv"]
    assert (found.excluded, found.copies, found.near, found.near_all) == ({}, 0, {}, True)


def test_a_picture_becomes_what_the_labelled_ones_became(folder: Path) -> None:
    folder.mkdir()
    drawn(40, 30).convert("L").save(folder / "a.png")
    (image,) = read(folder).images[:]
    expected = load_image(folder / "a.png", "a.png", Target(16, 16, "rgb", "squash"))
    np.testing.assert_array_equal(image, expected)


def test_what_is_tested_on_is_not_learned_from(folder: Path) -> None:
    names = ["test.png", "validation.png", "again.png", "of_train.png", "own.png", "own_2.png"]
    images = IMAGES[[11, 6, 6, 0, 12, 12]]
    written(folder, dict(zip(names, images, strict=True)))
    found = read(folder)
    held_out = {
        "again.png": "the same picture as 6.png (validation)",
        "test.png": "the same picture as 11.png (test)",
        "validation.png": "the same picture as 6.png (validation)",
    }
    assert excluded(found) == held_out
    assert [found.pictures.files.paths[index] for index in found.used] == names[3:]
    assert found.copies == 2  # of a training image, and of each other
    without = read(folder, leave_out=["duplicates"])
    copies = dict.fromkeys(["of_train.png", "own_2.png"], "a copy of another picture")
    assert excluded(without) == held_out | copies
    assert without.copies == 0


def test_what_is_nearly_the_same_is_told_or_excluded(folder: Path) -> None:
    brighter = {f"{index}.png": IMAGES[index] + np.uint8(3) for index in (0, 7, 11, 12)}
    written(folder, brighter)
    found = read(folder)
    assert found.near == {1: "11.png (test)", 3: "7.png (validation)"}  # 0, 11, 12, 7
    assert len(found.used) == 4
    without = read(folder, leave_out=["near_duplicates"])
    assert excluded(without) == {
        "11.png": "nearly the same as 11.png (test)",
        "7.png": "nearly the same as 7.png (validation)",
    }
    assert (without.near, len(without.used)) == ({}, 2)


def test_pictures_of_more_than_8_bits_are_compared_by_their_values(folder: Path) -> None:
    """Their images are alike, as all values are below those that 8 bits can tell from black."""
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)
    written(folder, {"a.png": values, "b.png": values + 1, "c.png": values})  # type: ignore[dict-item]
    found = read(folder)
    assert not found.images[:].any()
    assert found.copies == 1


def test_what_cannot_be_read_is_refused_or_excluded(folder: Path) -> None:
    written(folder, {"a.png": IMAGES[12], "x/b.png": IMAGES[13]})
    (folder / "x/b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"^more: 1 of 2 files cannot be used: x/b.png: .*leave_"):
        read(folder)
    found = read(folder, leave_out=["unreadable"])
    np.testing.assert_array_equal(found.images[:], IMAGES[12:13])
    (why,) = excluded(found).values()
    assert not why.startswith("x/b.png")


def test_what_is_cut_off_is_used_if_params_say_so(folder: Path) -> None:
    folder.mkdir()
    path = folder / "a.jpg"
    drawn(32, 320).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])
    with pytest.raises(InputError, match=r"a.jpg: is cut off: .* set prepare.truncated"):
        read(folder)
    assert list(read(folder, truncated=0.8).pictures.missing_rows) == [0]


def test_a_folder_from_which_nothing_can_be_learned_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"prepare.unlabelled: more is not a folder; name one"):
        read(folder)
    written(folder, {".hidden.png": IMAGES[12]})
    with pytest.raises(InputError, match=r"^more: holds no pictures; put some there, or let"):
        read(folder)
    written(folder, {"a.png": IMAGES[11]})
    with pytest.raises(InputError, match=r"left to learn from \(a.png: the same picture as 11.png"):
        read(folder)


def test_within_the_source_its_folder_would_be_a_class(folder: Path) -> None:
    written(folder, {"rest/a.png": IMAGES[12]})
    with pytest.raises(InputError, match=r"^more/rest: lies in prepare.source, more, all of whose"):
        read(folder / "rest", source=str(folder))
    (folder / "labels.csv").touch()  # which then says what has a label
    assert len(read(folder / "rest", source=str(folder)).used) == 1
