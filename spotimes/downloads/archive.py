"""Members of archives: read in memory, found by the names that are expected, of bounded size."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from tqdm import tqdm

from spotimes.errors import InputError

AR_MAGIC = b"!<arch>\n"
AR_HEADER = struct.Struct("16s32x10s2x")  # name; date, owner and mode; size


ArchiveKind = Literal["tar.gz", "deb", "zip"]
_Entry = tuple[str, int, Callable[[], bytes]]  # a file's name, its bytes, what reads them


def members(
    path: Path, kind: ArchiveKind, names: Collection[str], limit: int
) -> Iterator[tuple[str, bytes]]:
    """Yields each named member of an archive once, in the archive's order.

    Args:
        path: the archive.
        kind: of the archive. A .deb is an `ar` archive; what the package installs is in its member
            `data.tar.xz` (the manual page deb(5)), whose members are meant. The other compressions
            that the format allows are not read.
        names: of the wanted members, as the archive spells them, such as
            `./usr/share/doc/PACKAGE/copyright` in a .deb; with or without the first `./`.
        limit: how many bytes a wanted member may have.

    Raises:
        InputError: the archive is broken, lacks one of them, or one is larger than `limit`.
    """
    wanted = {name.removeprefix("./"): name for name in names}
    with (
        _readable(path, kind),
        tqdm(total=len(wanted), desc=f"reading {path.name}", unit="file", disable=None) as bar,
    ):
        for name, size, read in _KINDS[kind](path):
            if (plain := name.removeprefix("./")) not in wanted:
                continue
            if size > limit:
                raise InputError(
                    f"{path}: {name}: {size} bytes, more than the {limit} that a member may have"
                )
            yield wanted.pop(plain), read()
            bar.update()
            if not wanted:
                return
    raise InputError(f"{path}: has no {min(wanted.values())}")


def gunzip(content: bytes, limit: int, where: str) -> bytes:
    """Decompresses a .gz of which no more than `limit` bytes may come.

    Args:
        content: the .gz.
        limit: in bytes.
        where: what the message begins with.

    Raises:
        InputError: it is no whole .gz, or it holds more.
    """
    try:
        with gzip.open(io.BytesIO(content)) as file:
            decompressed = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{where}: is no whole .gz: {error}") from error
    if len(decompressed) > limit:
        raise InputError(f"{where}: holds more than the {limit} bytes that a member may have")
    return decompressed


def _tar_gz(path: Path) -> Iterator[_Entry]:
    with tarfile.open(path, "r|gz") as archive:
        yield from _tar_entries(archive)


def _deb(path: Path) -> Iterator[_Entry]:
    with path.open("rb") as file:
        _seek_data(path, file)
        with tarfile.open(fileobj=file, mode="r|xz") as archive:
            yield from _tar_entries(archive)


def _zip(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, partial(archive.read, info)


def _tar_entries(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for member in archive:
        if member.isfile():
            yield member.name, member.size, partial(_tar_read, archive, member)


def _tar_read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""


def _seek_data(path: Path, file: BinaryIO) -> None:
    """Goes to where the content of `data.tar.xz` begins."""
    if file.read(len(AR_MAGIC)) != AR_MAGIC:
        raise InputError(f"{path}: is no whole .deb: it does not begin as one")
    while len(header := file.read(AR_HEADER.size)) == AR_HEADER.size:
        name, size = (field.rstrip() for field in AR_HEADER.unpack(header))
        if name == b"data.tar.xz":
            return
        if not size.isdigit():
            raise InputError(f"{path}: is no whole .deb: a member has no size")
        # Members begin at even offsets.
        file.seek(int(size) + int(size) % 2, 1)
    raise InputError(f"{path}: has no data.tar.xz")


_KINDS: dict[ArchiveKind, Callable[[Path], Iterator[_Entry]]] = {
    "tar.gz": _tar_gz,
    "deb": _deb,
    "zip": _zip,
}


@contextmanager
def _readable(path: Path, kind: ArchiveKind) -> Iterator[None]:
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        RuntimeError,  # zipfile's where a member is encrypted, or compressed in a way of its own
    ) as error:
        raise InputError(f"{path}: is no whole .{kind}: {error}") from error
