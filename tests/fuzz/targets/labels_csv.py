"""A folder's labels.csv, as `prepare` reads it, beside files and links of all kinds."""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from PIL import Image

from spotimes.ingestion import own_images
from spotimes.params.prepare import Image as Wanted
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Check, Target

PATHS = (
    "a.png",
    "b.png",
    "in/c.png",
    "in/d é.png",
    "broken.png",
    "link.png",
    "./a.png",
    "in//c.png",
)
ODD = ("in", "pipe", "loop/a.png", "nowhere", "none.png", "../a.png", "/etc/passwd", "", "a.png/x")
HEADERS = (["path", "label"], ["label", "path"], ["path", "label", "split"])
LABELS = ("cat", "dog", "Löwe", "Lo\u0308we", "犬", " cat", ".", "..", "", "a\u2028b", "a\x07")
WANTED = Wanted(height=4, width=4, colour=None, resize="squash", range="type")
SPLITS = ("train", "test", "validation", "", "val", "TRAIN")


def seeds() -> list[bytes]:
    return [
        b"path,label\na.png,cat\nb.png,dog\n",
        b"path,label,split\na.png,cat,train\nb.png,dog,train\nin/c.png,cat,test\n",
        '\ufeffpath,label\r\n"in/d é.png","Löwe"\r\nlink.png,cat\r\n'.encode(),
        b"path,label\nbroken.png,cat\nin/c.png,dog\n",
    ]


def inputs() -> SearchStrategy[bytes]:
    text = st.one_of(st.text(max_size=12), st.sampled_from("\n\r\0\"',;\ud800"))
    cells = (
        st.one_of(st.sampled_from(PATHS + ODD), text),
        st.one_of(st.sampled_from(LABELS), text),
        st.one_of(st.sampled_from(SPLITS), text),
    )
    likely = (st.sampled_from(PATHS), st.sampled_from(LABELS[:3]), st.sampled_from(SPLITS[:3]))
    row = st.one_of(
        st.tuples(*likely[:2]),
        st.tuples(*likely),
        st.tuples(*cells[:2]),
        st.tuples(*cells),
        st.lists(text, max_size=4),
    )
    header = st.one_of(st.sampled_from(HEADERS), st.lists(text, max_size=4))
    delimiter = st.sampled_from(",,,,;\t")
    encoding = st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
    written = st.builds(_written, header, st.lists(row, max_size=8), delimiter, encoding)
    return st.one_of(
        written, mutated(seeds(), (b'"', b",", b"\r", b"\n", b"\0", b"train", b"\xff"))
    )


def _written(
    header: list[str], rows: list[tuple[str, ...]], delimiter: str, encoding: str
) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows([header, *rows])
    return stream.getvalue().encode(encoding, "replace")


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    root = folder / "root"
    (root / "in").mkdir(parents=True)
    for place, name in enumerate(("a.png", "b.png", "in/c.png", "in/d é.png")):
        Image.new("RGB", (6, 5 + place), (9 * place, 0, 200)).save(root / name)
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "link.png").symlink_to("a.png")
    (root / "nowhere").symlink_to("nothing")
    (root / "loop").symlink_to(".")
    (root / os.fsdecode(b"\xff.png")).touch()
    os.mkfifo(root / "pipe")

    def check(content: bytes) -> None:
        (root / "labels.csv").write_bytes(content)
        own_images.read_folder(root, WANTED, folder / "images.npy")

    yield check


TARGET = Target("labels_csv", ".csv", seeds, inputs, checking)
