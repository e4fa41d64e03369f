import shutil
from pathlib import Path

import pytest

from spotimes.tflite import instructions
from tests.project import ROOT

pytestmark = pytest.mark.slow

INT8 = ROOT / "models/model_int8.tflite"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_two_counts_are_the_same_within_a_thousandth() -> None:
    first, second = instructions.measure(INT8), instructions.measure(INT8)
    assert first.note is second.note is None
    assert first.number is not None
    assert second.number is not None
    assert 1e5 < first.number < 1e8
    assert abs(first.number - second.number) <= first.number / 1000


def test_without_valgrind_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert instructions.measure(INT8) == (None, instructions.NO_VALGRIND)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_a_file_that_cannot_be_run_is_reported(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    number, note = instructions.measure(tmp_path / "model.tflite")
    assert number is None
    assert note is not None
    assert note.startswith("valgrind failed with status 2: instructions: ")
    assert "is no .tflite file" in note
