"""CIFAR-100 and EMNIST by a card alone, with the mirrors that docs/own-images.md shows."""

import gzip
import hashlib
import io
import re
import struct
import tarfile
import textwrap
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from spotimes.blocks import Architecture, Block
from spotimes.dataset.prepared import Split, load_card, load_split
from spotimes.downloads.download import cached_path
from spotimes.downloads.remote_file import File
from spotimes.ingestion import dataset_figure
from spotimes.ingestion.catalog import Canonical
from stages import prepare
from tests.project import ROOT
from tests.repository import link_cards, network_group, prepare_group, save_params

pytestmark = pytest.mark.slow

EXAMPLES = re.findall(
    r"^    mirrors:\n(?:    .*\n)+", (ROOT / "docs/own-images.md").read_text(), re.MULTILINE
)
GROUP = prepare_group("card.yaml")


def example(name: str) -> list[dict[str, Any]]:
    """The mirrors of the page's one example in which `name` occurs."""
    (text,) = (text for text in EXAMPLES if name in text)
    mirrors: list[dict[str, Any]] = yaml.safe_load(textwrap.dedent(text))["mirrors"]
    return mirrors


def noise(classes: int, shape: tuple[int, ...]) -> Canonical:
    """Four training and two test images of each class."""
    rng = np.random.default_rng(1)

    def split(per_class: int) -> Split:
        labels = rng.permutation(np.repeat(np.arange(classes), per_class))
        return Split(rng.integers(0, 256, (len(labels), *shape), np.uint8), labels)

    return Canonical(split(4), split(2))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository to work in, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOTIMES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset_figure, "draw", lambda *_: None)  # it takes longer than all else
    return tmp_path


def prepare_from(mirrors: list[dict[str, Any]], archive: bytes, data: Canonical) -> None:
    """Runs prepare with the mirrors' one file in the cache, as if it had been fetched."""
    (file,) = mirrors[0]["files"]
    file["hash"] = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    path = cached_path(File(**file))
    path.parent.mkdir()
    path.write_bytes(archive)
    card = {
        "name": "Noise",
        "class_names": [f"class {label}" for label in range(data.test.labels.max() + 1)],
        "licence": "none",
        "citation": "none",
        "homepage": "none",
        "image_shape": list(data.test.images.shape[1:]),
        "splits": {
            name: {
                "images": len(split.labels),
                "images_sha256": hashlib.sha256(split.images.tobytes()).hexdigest(),
                "labels_sha256": hashlib.sha256(split.labels.tobytes()).hexdigest(),
            }
            for name, split in data._asdict().items()
        },
        "mirrors": mirrors,
    }
    Path("card.yaml").write_text(yaml.safe_dump(card))
    network = network_group(Architecture([Block(kind="conv", channels=1)]))
    link_cards()
    save_params({"decoder": {"pillow": version("pillow")}, "prepare": GROUP, "network": network})
    prepare.main()


def labelled(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> set[tuple[Any, ...]]:
    return {(image.tobytes(), label) for image, label in zip(images, labels.tolist(), strict=True)}


def assert_prepared(data: Canonical) -> None:
    """Every image is there with its own label, and the test images are the authors'."""
    train, validation, test = (load_split(name) for name in ("train", "validation", "test"))
    np.testing.assert_array_equal(test.images[:], data.test.images)
    np.testing.assert_array_equal(test.labels, data.test.labels)
    kept = [labelled(split.images[:], split.labels) for split in (train, validation)]
    assert kept[0] | kept[1] == labelled(*data.train)
    assert len(kept[1]) == len(data.train.labels) // 4


@pytest.mark.parametrize(("label", "classes"), [("fine", 100), ("coarse", 20)])
def test_cifar_100_is_a_card(repo: Path, label: str, classes: int) -> None:
    data = noise(classes, (32, 32, 3))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, (images, labels) in data._asdict().items():
            # The label that is not taken is one that no class has.
            pair = {"fine": 200, "coarse": 200} | {label: labels}
            records = np.empty((len(labels), 2 + 3 * 32 * 32), np.uint8)
            records[:, 0], records[:, 1] = pair["coarse"], pair["fine"]
            records[:, 2:] = images.transpose(0, 3, 1, 2).reshape(len(labels), -1)
            entry = tarfile.TarInfo(f"cifar-100-binary/{name}.bin")
            entry.size = records.size
            archive.addfile(entry, io.BytesIO(records.tobytes()))
    mirrors = example("cifar-100")
    mirrors[0]["records"]["label"] = label
    prepare_from(mirrors, stream.getvalue(), data)
    assert_prepared(data)
    assert load_card().class_names[-1] == f"class {classes - 1}"


def test_emnist_is_a_card(repo: Path) -> None:
    data = noise(26, (28, 28, 1))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("gzip/emnist-byclass-train-images-idx3-ubyte.gz", bytes(1_000_000))
        for name, (images, labels) in data._asdict().items():
            columns = images.squeeze(-1).transpose(0, 2, 1)
            head = struct.pack(">4I", 0x803, len(images), 28, 28)
            pixels = gzip.compress(head + columns.tobytes(), 1)
            archive.writestr(f"gzip/emnist-letters-{name}-images-idx3-ubyte.gz", pixels)
            head = struct.pack(">2I", 0x801, len(labels))
            numbers = gzip.compress(head + (labels + 1).astype(np.uint8).tobytes(), 1)
            archive.writestr(f"gzip/emnist-letters-{name}-labels-idx1-ubyte.gz", numbers)
    prepare_from(example("emnist-letters"), stream.getvalue(), data)
    assert_prepared(data)


def test_the_pages_examples_are_these_two() -> None:
    assert len(EXAMPLES) == 2
