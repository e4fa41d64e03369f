from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.compare import refitted
from spotimes.dataset.prepared import Card, Split, SplitName
from spotimes.errors import InputError
from spotimes.inference.contract import Contract
from spotimes.preprocessing.resize import Target, load_image
from tests.folders import write_folder
from tests.repository import prepare_group, save_params

NAMES = ("cat", "dog", "frog")


@pytest.fixture
def folder(
    tmp_path: Path, cifar10: dict[SplitName, Split], card: Card, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Pictures in a train and a test folder, and params that name them."""
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test"):
        write_folder(tmp_path / "pictures" / name, cifar10["train"], card.class_names, 4)
    for index, path in enumerate(sorted((tmp_path / "pictures/train").rglob("*.png"))):
        Image.open(path).rotate(90 + index).save(path)
    save_params({"prepare": prepare_group("pictures")})
    return tmp_path / "pictures"


def test_the_test_pictures_are_fitted_once_as_the_model_wants_them(folder: Path) -> None:
    paths = sorted((folder / "test").rglob("*.png"))
    labels = np.repeat(np.arange(3), 4)
    prepared = Split(np.zeros((12, 32, 32, 3), np.uint8), labels)
    found = refitted.for_model(Contract(NAMES, 20, 24, "grey", "squash", 255), prepared)
    expected = [load_image(path, path.name, Target(20, 24, "grey", "squash")) for path in paths]
    np.testing.assert_array_equal(found.images, expected)
    np.testing.assert_array_equal(found.labels, labels)


def test_the_models_range_is_taken(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        wide = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16
        Image.fromarray(wide).save(path)
    paths = sorted((folder / "test").rglob("*.png"))
    prepared = Split(np.zeros((12, 32, 32, 1), np.uint8), np.repeat(np.arange(3), 4))
    for chosen in (None, (0, 4080)):
        contract = Contract(NAMES, 32, 32, "grey", "squash", range=chosen)
        target = Target(32, 32, "grey", "squash", chosen)
        expected = [load_image(path, path.name, target) for path in paths]
        np.testing.assert_array_equal(refitted.for_model(contract, prepared).images, expected)


def test_others_than_those_prepared_are_refused(folder: Path) -> None:
    prepared = Split(np.zeros((2, 32, 32, 3), np.uint8), np.array([0, 1]))
    with pytest.raises(InputError, match=rf"^{folder.name}: its test images at that size"):
        refitted.for_model(Contract(NAMES, 20, 24, "rgb", "squash", 255), prepared)
