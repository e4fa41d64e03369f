"""A .tflite file: its flatbuffer, its contract, and the runtime that loads and runs it."""

import functools
import io
import json
import struct
import zipfile
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spotimes.inference.classifier import AT_ONCE, Classifier
from spotimes.inference.contract import CONTRACT, LABELS, members
from spotimes.inference.interpreter import fill_inputs, invoke, load_interpreter, zeros
from spotimes.tflite import flatbuffer
from tests.app.models import MODEL
from tests.fuzz import small_models
from tests.fuzz.mutation import NUMBERS, edits, mutated
from tests.fuzz.promise import BrokenError
from tests.fuzz.target import Check, Target

Place = tuple[str | int, ...]
CHANGE = struct.Struct("<HBI")  # which place, what kind of value, which
FLOATS = (0.0, -1.0, 1e-45, 1e-30, 1e-9, 0.5, 1.0, 255.0, 1e9, 1e38, float("inf"), float("nan"))


@functools.cache
def seeds() -> list[bytes]:
    return [small_models.small_model(True), small_models.small_model(False)]


def inputs() -> SearchStrategy[bytes]:
    whole = [*seeds(), MODEL.read_bytes()]
    small = [Model(content) for content in seeds()]
    return st.one_of(
        mutated(whole, (b"TFL3", b"PK\3\4", b"PK\1\2", b"\xff\xff\xff\xff")),
        *(model.changed() for model in small),
        *(model.changed() for model in small),
        _with_other_contract(small[0].packed),
    )


class Model:
    """A model whose fields are changed one by one, so that it stays a flatbuffer."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.packed = flatbuffer.packed(self._fresh())
        self.archive = content[content.index(b"PK\3\4") :]
        self.places = list(_places(self._fresh()))

    def changed(self) -> SearchStrategy[bytes]:
        return edits(4, CHANGE).map(self.with_changes)

    def with_changes(self, coded: bytes) -> bytes:
        """The model with some fields changed, as bytes for `CHANGE` say; empty if that fails."""
        model = self._fresh()
        whole = len(coded) // CHANGE.size * CHANGE.size
        for at, *kind in CHANGE.iter_unpack(coded[:whole]):
            *above, last = self.places[at % len(self.places)]
            place: Any = model
            try:
                for key in above:
                    place = place[key] if isinstance(key, int) else getattr(place, key)
                if isinstance(last, int):
                    place[last] = _value(place[last], *kind)
                else:
                    setattr(place, last, _value(getattr(place, last), *kind))
            except (TypeError, ValueError, IndexError, AttributeError, OverflowError):
                continue  # no such value fits there, or an earlier change removed it
        try:
            # The archive's own offsets count from its end, so it may lie behind any model.
            return flatbuffer.packed(model) + self.archive
        except Exception:  # what the writer refuses, it refuses in many ways
            return b""

    def _fresh(self) -> Any:
        return flatbuffer_utils.convert_bytearray_to_object(bytearray(self.content))


def _value(known: Any, kind: int, number: int) -> Any:
    """Another value, for the most part of the type that is known there."""
    small, likely = number % 14 - 3, NUMBERS[(number >> 4) % len(NUMBERS)]
    whole = (small, small, small, likely, -likely, number)[kind % 6]
    real = FLOATS[number % len(FLOATS)]
    if isinstance(known, float | np.floating):
        return real
    if isinstance(known, bool):
        return not known
    if hasattr(known, "Pack") or isinstance(known, bytes):
        return None
    if known is not None and not isinstance(known, list | np.ndarray):
        return whole
    again = [] if known is None else list(known)
    one = real if again and isinstance(again[0], float | np.floating) else whole
    many = ([one], [small % 5, 1, 2, 3], again[:-1], [*again, one], [*again, *again], again[:1])
    return (*many, [], None)[number % 8]


def _places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Paths of attributes and indices to all that can be changed; of long vectors, some."""
    if isinstance(value, list | np.ndarray):
        for index in range(min(len(value), 40 if isinstance(value, list) else 4)):
            yield from _places(value[index], (*above, index))
    elif hasattr(value, "__dict__"):
        for name, inner in vars(value).items():
            yield (*above, name)
            yield from _places(inner, (*above, name))
    elif above and isinstance(above[-1], int):
        yield above


def _with_other_contract(model: bytes) -> SearchStrategy[bytes]:
    good = members(small_models.CONTRACT)
    fields: dict[str, Any] = json.loads(good[CONTRACT])
    scalar = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(("rgb", "grey", "squash", 10**400, "1" * 5000, [[[]]] * 3)),
    )
    changes = st.dictionaries(st.sampled_from((*fields, "more")), scalar, max_size=3)
    labels = st.one_of(st.just(good[LABELS]), st.text(max_size=12), st.just("\0" * 2**22))
    compression = st.sampled_from(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    nested = st.sampled_from(("", "[" * 100_000, "{" * 50_000, '"', "9" * 5000, "\ud800"))

    def packed(changes: dict[str, Any], labels: str, compression: int, before: str) -> bytes:
        stream = io.BytesIO(model)
        text = before + json.dumps(fields | changes)
        with zipfile.ZipFile(stream, "a", compression) as archive:
            archive.writestr(CONTRACT, text.encode("utf-8", "surrogatepass"))
            archive.writestr(LABELS, labels.encode("utf-8", "surrogatepass"))
        return stream.getvalue()

    return st.builds(packed, changes, labels, compression, nested)


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    path = folder / "model.tflite"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        classifier = Classifier(path)
        (image,) = np.zeros((1, *classifier.image_shape), np.uint8)
        _check_probabilities(classifier.probabilities(image), classifier.classes)
        _check_probabilities(classifier.probabilities(image + np.uint8(255)), classifier.classes)
        batch = np.repeat(image[np.newaxis], AT_ONCE, axis=0)
        for row in classifier.probabilities(batch):
            _check_probabilities(row, classifier.classes)
        interpreter = load_interpreter(path, keep_tensors=True)
        fill_inputs(interpreter, zeros)
        invoke(interpreter, path)

    yield check


def _check_probabilities(found: Sized, classes: int) -> None:
    if len(found) != classes:
        raise BrokenError(f"{len(found)} probabilities of {classes} classes")


TARGET = Target("tflite_files", ".tflite", seeds, inputs, checking)
