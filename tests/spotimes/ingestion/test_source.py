import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.downloads.download import fetch_any
from spotimes.errors import InputError
from spotimes.ingestion.catalog import load_catalog
from spotimes.ingestion.readers import read as read_mirror
from spotimes.ingestion.source import Source, read
from spotimes.ingestion.split import NOT_GIVEN, TEST, TRAIN
from spotimes.preprocessing.resize import Target, resize_image
from tests.folders import write_folder
from tests.project import ROOT
from tests.spotimes.ingestion.sources import params_with

pytestmark = pytest.mark.slow

CIFAR10 = ROOT / "data/catalog/cifar10.yaml"


def as_wanted(path: Path, tmp_path: Path, **image: Any) -> Source:
    own = {"height": None, "width": None, "colour": None, "resize": "squash", "range": "type"}
    return read(params_with(source=str(path), image=own | image), tmp_path / "images.npy")


@pytest.fixture(scope="module")
def catalogued() -> Source:
    return as_wanted(CIFAR10, Path("unused"))


def test_a_catalog_is_its_canonical_arrays_train_before_test(catalogued: Source) -> None:
    catalog = load_catalog(CIFAR10)
    assert catalogued.is_canonical
    assert catalogued.card == catalog.card()
    assert catalogued.given.tolist() == [TRAIN] * 50_000 + [TEST] * 10_000
    for part, promised in (
        (slice(50_000), catalog.splits.train),
        (slice(50_000, None), catalog.splits.test),
    ):
        images = hashlib.sha256(catalogued.images[part]).hexdigest()
        labels = hashlib.sha256(catalogued.labels[part].astype("<i8").tobytes()).hexdigest()
        assert (images, labels) == (promised.images_sha256, promised.labels_sha256)


def test_a_catalogs_images_are_called_by_split_and_number(catalogued: Source) -> None:
    assert [catalogued.name_of(index) for index in (0, 49_999, 50_000, 50_007)] == [
        "train 0",
        "train 49999",
        "test 0",
        "test 7",
    ]


def test_a_catalogs_images_can_be_brought_to_another_size_and_colour(tmp_path: Path) -> None:
    mnist = ROOT / "data/catalog/mnist.yaml"
    catalog = load_catalog(mnist)
    mirror, files = fetch_any(catalog.mirrors)
    own = read_mirror(catalog, mirror, files).train.images
    found = as_wanted(
        mnist, tmp_path, height=14, width=20, colour="rgb", resize="fit_longest", range=(0, 4095)
    )
    assert found.images.shape == (70_000, 14, 20, 3)
    assert (found.card.resize, found.card.range) == ("fit_longest", None)
    for index in (0, 7, 59_999):
        picture = PILImage.fromarray(own[index, :, :, 0])
        expected = resize_image(picture, Target(14, 20, "rgb", "fit_longest"))
        np.testing.assert_array_equal(found.images[index], expected)


def test_a_folder_is_its_pictures(
    tmp_path: Path, cifar10: dict[SplitName, Split], card: Card
) -> None:
    folder = write_folder(tmp_path / "my pets", cifar10["train"], card.class_names, 3)
    (folder / ".DS_Store").write_text("")
    found = as_wanted(folder, tmp_path, resize="fit_shortest")
    assert not found.is_canonical
    assert (found.where, found.card.name) == (str(folder), "my pets")
    assert found.card.class_names == ["cat", "dog", "frog"]
    assert found.card.resize == "fit_shortest"
    assert found.images.shape == (9, 32, 32, 3)
    assert found.given.tolist() == [NOT_GIVEN] * 9
    assert found.name_of(4) == "dog/01.png"
    assert found.files is not None
    assert found.files.notes.ignored == [".DS_Store"]


def test_a_range_goes_with_a_folder(tmp_path: Path) -> None:
    for name, value in (("cat", 100), ("dog", 900)):
        (tmp_path / "mine" / name).mkdir(parents=True)
        wide = np.full((8, 8), value, np.uint16)
        PILImage.fromarray(wide).save(tmp_path / "mine" / name / "a.png")
    expected = {"type": None, "data": [100, 900], (0, 4095): [0, 4095]}
    for wanted, chosen in expected.items():
        assert as_wanted(tmp_path / "mine", tmp_path, range=wanted).card.range == chosen
    for path in (tmp_path / "mine").rglob("*.png"):
        PILImage.new("L", (8, 8)).save(path)
    for wanted, chosen in {"type": None, "data": None, (0, 4095): [0, 4095]}.items():
        assert as_wanted(tmp_path / "mine", tmp_path, range=wanted).card.range == chosen


def test_no_such_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such file"):
        as_wanted(tmp_path / "nowhere", tmp_path)
