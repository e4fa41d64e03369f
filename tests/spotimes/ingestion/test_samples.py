import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.dataset.prepared import Card, Split
from spotimes.ingestion.samples import write_samples


def written(folder: Path, class_names: list[str], labels: list[int]) -> dict[str, str]:
    """Writes samples of images that show their label; what each file shows, by its name."""
    card = Card(name="mine", class_names=class_names, licence="", citation="", homepage="")
    images = np.stack([np.full((4, 4, 3), label, np.uint8) for label in labels])
    write_samples(folder, card, Split(images, np.array(labels)))
    titles: dict[str, str] = json.loads((folder / "titles.json").read_text(encoding="utf-8"))
    assert {path.name for path in folder.iterdir()} == {*titles, "titles.json"}
    for file, title in titles.items():
        with Image.open(folder / file) as picture:
            assert picture.getpixel((0, 0)) == (class_names.index(title),) * 3
    return titles


def test_a_file_is_named_by_the_class_number_and_what_of_its_name_is_safe(tmp_path: Path) -> None:
    assert written(tmp_path / "samples", ["cat", "T-shirt/top", "猫", "owl"], [1, 0, 2, 1]) == {
        "0_cat.png": "cat",
        "1_t_shirt_top.png": "T-shirt/top",
        "2.png": "猫",
    }


@pytest.mark.parametrize(
    "names",
    [
        ["x" * 300, "猫" * 84],
        ["Cat", "cat"],
        ["caf\u00e9", "cafe\u0301"],
        ["con", "nul.txt"],
        ["a/b", "a\\b"],
        ["..", ".hidden"],
        ["~$a", "a:b"],
        ["\x00", "a\nb"],
    ],
)
def test_a_class_may_be_called_what_no_file_can_be(tmp_path: Path, names: list[str]) -> None:
    titles = written(tmp_path / "samples", names, [0, 1])
    assert [*titles.values()] == names
    for number, file in enumerate(titles):
        assert file.startswith(str(number))
        assert len(file.encode()) < 64
        assert file.isascii()
        assert "/" not in file


def test_the_order_of_files_is_that_of_the_classes(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(11)]
    titles = written(tmp_path / "samples", names, [*range(11)])
    assert sorted(titles) == [*titles]
    assert min(titles) == "00_class_0.png"
