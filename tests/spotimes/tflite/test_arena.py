import sys
from typing import Any

import pytest

from spotimes.inference.contract import Contract
from spotimes.tflite import arena
from spotimes.tflite.arena import NO_WHEEL, Arena, measure
from spotimes.tflite.metadata import embedded


def test_a_system_without_the_wheel_gets_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    assert measure(b"") == Arena(None, NO_WHEEL)


def test_int8_needs_less_than_fp32(fp32: bytes, int8: bytes) -> None:
    pytest.importorskip("tflite_micro", reason=NO_WHEEL)
    small, large = measure(int8), measure(fp32)
    assert small.note is large.note is None
    assert small.bytes is not None
    assert large.bytes is not None
    # The first block's input and output live at the same time.
    assert 32 * 32 * 3 + 16 * 16 * 4 < small.bytes < large.bytes
    assert large.bytes > 4 * (32 * 32 * 3 + 16 * 16 * 4)


def test_metadata_costs_no_ram_and_measured_again_it_is_the_same(int8: bytes) -> None:
    pytest.importorskip("tflite_micro", reason=NO_WHEEL)
    contract = Contract(tuple("abcdefghij"), 32, 32, "rgb", "squash", 255)
    assert measure(embedded(int8, contract)) == measure(int8) == measure(int8)


def test_nothing_is_printed_on_standard_error(int8: bytes, capfd: Any) -> None:
    pytest.importorskip("tflite_micro", reason=NO_WHEEL)
    measure(int8)
    assert capfd.readouterr().err == ""


def test_a_model_that_the_runtime_cannot_run_gets_a_reason(
    monkeypatch: pytest.MonkeyPatch, int8: bytes
) -> None:
    runtime = pytest.importorskip("tflite_micro", reason=NO_WHEEL).runtime

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("Didn't find op for builtin opcode")

    monkeypatch.setattr(runtime.Interpreter, "from_bytes", fail)
    found = measure(int8)
    assert found.bytes is None
    assert found.note is not None
    assert "cannot run this model: Didn't find op" in found.note


def test_the_total_is_read_as_the_runtime_prints_it() -> None:
    text = b"[RecordingMicroAllocator] Arena allocation total 61936 bytes\n... head 57000 bytes\n"
    found = arena.TOTAL.search(text)
    assert found is not None
    assert int(found[1]) == 61936
