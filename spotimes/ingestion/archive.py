"""Members of archives: read in memory, found by the names that are expected, of bounded size."""

import lzma
import struct
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from spotimes.errors import InputError

AR_MAGIC = b"!<arch>\n"
AR_HEADER = struct.Struct("16s32x10s2x")  # name; date, owner and mode; size


def tar_gz_members(path: Path, names: Collection[str], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yields each named member of a .tar.gz once, in the archive's order.

    Args:
        path: the archive.
        names: of the wanted members, as the archive has them.
        limit: how many bytes a member may have, wanted or not.

    Raises:
        InputError: the archive is broken, lacks one of them, or a member is larger than `limit`.
    """
    with _readable(path, ".tar.gz"), tarfile.open(path, "r|gz") as archive:
        yield from _members(path, archive, names, limit)


def deb_members(path: Path, names: Collection[str], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yields each named member of a Debian package once, in the package's order.

    A .deb is an `ar` archive; what the package installs is in its member `data.tar.xz` (the manual
    page deb(5)). The other compressions that the format allows are not read.

    Args:
        path: the package.
        names: of the wanted members, such as `./usr/share/doc/PACKAGE/copyright`.
        limit: how many bytes a member may have, wanted or not.

    Raises:
        InputError: as `tar_gz_members`.
    """
    with _readable(path, ".deb"), path.open("rb") as file:
        _seek_data(path, file)
        with tarfile.open(fileobj=file, mode="r|xz") as archive:
            yield from _members(path, archive, names, limit)


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
        # Members begin at even places.
        file.seek(int(size) + int(size) % 2, 1)
    raise InputError(f"{path}: has no data.tar.xz")


def _members(
    path: Path, archive: tarfile.TarFile, names: Collection[str], limit: int
) -> Iterator[tuple[str, bytes]]:
    wanted = set(names)
    with tqdm(total=len(wanted), desc=f"reading {path.name}", unit="file", disable=None) as bar:
        for member in archive:
            if member.size > limit:
                raise InputError(
                    f"{path}: {member.name}: {member.size} bytes, more than the {limit} that a "
                    "member may have"
                )
            if member.name not in wanted or not member.isfile():
                continue
            wanted.remove(member.name)
            stream = archive.extractfile(member)
            yield member.name, stream.read() if stream else b""
            bar.update()
            if not wanted:
                return
    raise InputError(f"{path}: has no {min(wanted)}")


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise InputError(f"{path}: is no whole {kind}: {error}") from error
