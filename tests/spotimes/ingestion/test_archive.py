import io
import tarfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal

import pytest

from spotimes.errors import InputError
from spotimes.ingestion.archive import deb_members, tar_gz_members

Members = dict[str, bytes]
Read = Callable[[Path, Collection[str], int], Iterator[tuple[str, bytes]]]
Write = Callable[[Path, Members], Path]
THREE = {"./a": b"apple", "./b": b"", "./c": bytes(range(256)) * 40}


def tar(members: Members, mode: Literal["w|gz", "w|xz"]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(mode=mode, fileobj=stream) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def ar(members: Members) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        parts += [f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()]
        parts += [content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def tar_gz(path: Path, members: Members) -> Path:
    path.write_bytes(tar(members, "w|gz"))
    return path


def deb(path: Path, members: Members) -> Path:
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        "data.tar.xz": tar(members, "w|xz"),
    }
    path.write_bytes(ar(parts))
    return path


BOTH = pytest.mark.parametrize(("read", "write"), [(tar_gz_members, tar_gz), (deb_members, deb)])


@BOTH
def test_gives_the_named_members(tmp_path: Path, read: Read, write: Write) -> None:
    path = write(tmp_path / "whole", THREE)
    assert list(read(path, ["./c", "./a"], 10_240)) == [("./a", b"apple"), ("./c", THREE["./c"])]


@BOTH
def test_a_missing_member_is_named(tmp_path: Path, read: Read, write: Write) -> None:
    path = write(tmp_path / "lacking", THREE)
    with pytest.raises(InputError) as caught:
        list(read(path, ["./a", "./d"], 10_240))
    assert str(caught.value) == f"{path}: has no ./d"


@BOTH
def test_an_oversized_member_is_refused(tmp_path: Path, read: Read, write: Write) -> None:
    path = write(tmp_path / "large", THREE)
    with pytest.raises(InputError) as caught:
        list(read(path, ["./c"], 10_239))
    assert str(caught.value) == (
        f"{path}: ./c: 10240 bytes, more than the 10239 that a member may have"
    )


@BOTH
@pytest.mark.parametrize("cut", [0, 5, 100, -60])
def test_a_part_of_an_archive_is_refused(
    tmp_path: Path, read: Read, write: Write, cut: int
) -> None:
    path = write(tmp_path / "part", THREE)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"part: (is no whole \.(tar\.gz|deb): |has no )"):
        list(read(path, THREE, 10_240))


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
        list(deb_members(path, ["./a"], 10_240))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_damaged_deb_is_refused(tmp_path: Path) -> None:
    path = deb(tmp_path / "package.deb", THREE)
    content = bytearray(path.read_bytes())
    content[-70:-60] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"package\.deb: is no whole \.deb: "):
        list(deb_members(path, THREE, 10_240))
