import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from spotimes.downloads.archive import ArchiveKind, gunzip, members
from spotimes.errors import InputError

Members = dict[str, bytes]
Write = Callable[[Path, Members], Path]
BYTES = bytes(range(256))
THREE = {"./a": b"apple", "./b": b"", "./c": bytes(range(256)) * 40}


def tar(files: Members, mode: Literal["w|gz", "w|xz"]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(mode=mode, fileobj=stream) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def ar(files: Members) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in files.items():
        parts += [f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()]
        parts += [content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def tar_gz(path: Path, files: Members) -> Path:
    path.write_bytes(tar(files, "w|gz"))
    return path


def deb(path: Path, files: Members) -> Path:
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        "data.tar.xz": tar(files, "w|xz"),
    }
    path.write_bytes(ar(parts))
    return path


def zipped(path: Path, files: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


ALL = pytest.mark.parametrize(
    ("kind", "write"), [("tar.gz", tar_gz), ("deb", deb), ("zip", zipped)]
)


@ALL
def test_gives_the_named_members(tmp_path: Path, kind: ArchiveKind, write: Write) -> None:
    path = write(tmp_path / "whole", THREE)
    assert list(members(path, kind, ["./c", "./a"], 10_240)) == [
        ("./a", b"apple"),
        ("./c", THREE["./c"]),
    ]


@ALL
def test_a_missing_member_is_named(tmp_path: Path, kind: ArchiveKind, write: Write) -> None:
    path = write(tmp_path / "lacking", THREE)
    with pytest.raises(InputError) as caught:
        list(members(path, kind, ["./a", "./d"], 10_240))
    assert str(caught.value) == f"{path}: has no ./d"


@ALL
def test_an_oversized_member_is_refused(tmp_path: Path, kind: ArchiveKind, write: Write) -> None:
    path = write(tmp_path / "large", THREE)
    with pytest.raises(InputError) as caught:
        list(members(path, kind, ["./c"], 10_239))
    assert str(caught.value) == (
        f"{path}: ./c: 10240 bytes, more than the 10239 that a member may have"
    )


@ALL
@pytest.mark.parametrize("cut", [0, 5, 100, -60])
def test_a_part_of_an_archive_is_refused(
    tmp_path: Path, kind: ArchiveKind, write: Write, cut: int
) -> None:
    path = write(tmp_path / "part", THREE)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"part: (is no whole \.(tar\.gz|deb|zip): |has no )"):
        list(members(path, kind, THREE, 10_240))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "is no whole .deb: it does not begin as one"),
        (b"!<arch>\n", "has no data.tar.xz"),
        (ar({"debian-binary": b"2.0\n", "data.tar.zst": b"1"}), "has no data.tar.xz"),
        (ar({"data.tar.xz": b"not xz"}), "is no whole .deb: "),
        # A size that would lead back to where it stands.
        (
            ar({"debian-binary": b""}).replace(b"0         `", b"-60       `"),
            "a member has no size",
        ),
    ],
)
def test_what_is_no_deb_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "package.deb"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(members(path, "deb", ["./a"], 10_240))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_damaged_deb_is_refused(tmp_path: Path) -> None:
    path = deb(tmp_path / "package.deb", THREE)
    content = bytearray(path.read_bytes())
    content[-70:-60] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"package\.deb: is no whole \.deb: "):
        list(members(path, "deb", THREE, 10_240))


def test_what_is_not_wanted_may_be_larger(tmp_path: Path) -> None:
    path = zipped(tmp_path / "large.zip", THREE)
    assert list(members(path, "zip", ["./a"], 5)) == [("./a", b"apple")]


@pytest.mark.parametrize(("there", "wanted"), [("./a", "a"), ("a", "./a")])
def test_the_first_dot_of_a_path_does_not_matter(tmp_path: Path, there: str, wanted: str) -> None:
    path = tar_gz(tmp_path / "a.tar.gz", {there: b"content"})
    assert list(members(path, "tar.gz", [wanted], 10)) == [(wanted, b"content")]


def test_a_folder_is_no_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "folder.zip", THREE)
    with pytest.raises(InputError, match=r"folder\.zip: has no folder/"):
        list(members(path, "zip", ["folder/"], 10_240))


def test_a_damaged_member_of_a_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "damaged.zip", THREE)
    content = bytearray(path.read_bytes())
    content[content.find(b"./c") + 20] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.zip: is no whole \.zip: "):
        list(members(path, "zip", THREE, 10_240))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "secret.zip", THREE)
    content = bytearray(path.read_bytes())
    # The flags of each member lie in its own head and in the directory at the end.
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"secret\.zip: is no whole \.zip: .* is encrypted"):
        list(members(path, "zip", THREE, 10_240))


def test_gunzips() -> None:
    assert gunzip(gzip.compress(BYTES), len(BYTES), "file") == BYTES


@pytest.mark.parametrize(
    "content",
    [
        b"<html>not found</html>",
        gzip.compress(BYTES, mtime=0)[:-12],  # cut in the data
        gzip.compress(BYTES, mtime=0)[:-4],  # cut in the length that ends it
        gzip.compress(BYTES, mtime=0)[:-8] + bytes(8),  # with a wrong checksum
        gzip.compress(BYTES, mtime=0)[:10] + b"\xff" * 20,
    ],
)
def test_a_damaged_gz_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^file: is no whole \.gz: "):
        gunzip(content, 1000, "file")


def test_a_gz_that_holds_too_much_is_refused() -> None:
    at_most = gzip.compress(bytes(50_000))
    assert len(gunzip(at_most, 50_000, "file")) == 50_000
    # Members of a .gz follow one another.
    with pytest.raises(InputError, match=r"^file: holds more than the 50000 bytes"):
        gunzip(at_most + gzip.compress(b"x"), 50_000, "file")
