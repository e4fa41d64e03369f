import re

from spotimes.export.interpreter import METHODS, written
from spotimes.inference.tflite_schema import KINDS
from spotimes.tflite.arena import Arena
from tests.fuzz.small_models import small_model

MODEL = small_model(quantized=True)


def test_the_array_is_the_file() -> None:
    (values,) = re.findall(r"\{([-\d,\s]+)\}", written(MODEL, Arena(1234, None)).source)
    assert bytes(int(value) for value in values.split(",")[:-1]) == MODEL


def test_the_header_has_what_the_interpreter_needs() -> None:
    header = written(MODEL, Arena(1234, None)).header
    assert f"#define SPOTIMES_TFLITE_BYTES {len(MODEL)}\n" in header
    assert "#define SPOTIMES_TFLITE_ARENA_BYTES 1234\n" in header
    assert "#define SPOTIMES_TFLITE_OPERATORS 8\n" in header
    assert re.findall(r"resolver\.(\w+)", header) == list(METHODS.values())
    assert "@" not in header


def test_an_arena_that_is_not_known() -> None:
    header = written(MODEL, Arena(None, "no wheel")).header
    assert "/* The arena: no wheel. */" in header


def test_every_operator_of_a_network_has_a_method() -> None:
    assert sorted(METHODS) == sorted(kind.name for kind in KINDS.values())
