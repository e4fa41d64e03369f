"""A params.yaml, of which every group is read."""

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spotimes.params import load
from spotimes.system.validation import load_yaml
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Check, Target
from tests.project import ROOT

PIECES = (
    *(
        b"&a ",
        b"*a",
        b"<<: *a",
        b"!!python/object:os.system ",
        b"!!binary ",
        b"!!set ",
        b"? ",
        b"- ",
    ),
    *(
        b": ",
        b"{",
        b"[",
        b"'",
        b'"',
        b"|\n",
        b">\n",
        b"%YAML 1.1\n",
        b"---\n",
        b"...\n",
        b"\t",
        b"\0",
    ),
    *(
        b".inf",
        b".nan",
        b"1e400",
        b"0x",
        b"0o7",
        b"1:30",
        b"2020-13-45",
        b"~",
        b"yes",
        b"#",
        b"\xff",
    ),
    *(b"9" * 5000, b"[" * 2000, b"{a: " * 500, b"=", b"!!float x", b"!!int ''", b"\xef\xbb\xbf"),
)

KEYS = st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)


@functools.cache
def seeds() -> list[bytes]:
    whole = (ROOT / "params.yaml").read_bytes()
    return [yaml.safe_dump(yaml.safe_load(whole)).encode(), whole]


def inputs() -> SearchStrategy[bytes]:
    document = yaml.safe_load(seeds()[1])
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.integers(-3, 300),
        st.floats(),
        st.text(max_size=10),
        st.dates(),
        st.binary(max_size=5),
        st.sampled_from(("cifar10.yaml", ".", "/", "\n", "a" * 300, "conv", "rgb", "data/none")),
    )
    values = st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text(max_size=5) | KEYS, inner, max_size=3),
        ),
        max_leaves=6,
    )
    change = st.tuples(st.sampled_from(list(_places(document))), values, st.booleans())
    changed = st.builds(functools.partial(_changed, document), st.lists(change, max_size=4))
    return st.one_of(changed, mutated(seeds(), PIECES))


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of keys and indices to all values."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from _places(value[key], (*above, key))


def _changed(document: Any, changes: list[tuple[tuple[Any, ...], Any, bool]]) -> bytes:
    document = copy.deepcopy(document)
    for (*above, last), value, remove in changes:
        place = document
        try:
            for key in above:
                place = place[key]
            if remove:
                del place[last]
            else:
                place[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed it
    try:
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True)
        return str(text).encode("utf-8", "surrogatepass")
    except yaml.YAMLError:
        return b""


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    file = folder / "params.yaml"
    kinds = {name: load.schema(name) for name in load.GROUPS}

    def check(content: bytes) -> None:
        file.write_bytes(content)
        document = load_yaml(file)
        # Reading the file takes longer than all the rest.
        with mock.patch.object(load, "load_yaml", lambda _: document):
            for name, kind in kinds.items():
                load.load_group(name, kind, file)

    yield check


TARGET = Target("params_yaml", ".yaml", seeds, inputs, checking)
