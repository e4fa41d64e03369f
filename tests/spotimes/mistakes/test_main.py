import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from spotimes.mistakes import __main__ as command
from tests.project import ROOT


@pytest.mark.slow
def test_it_writes_the_page(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load_report", lambda: SimpleNamespace(test=None))
    monkeypatch.setattr(command, "FP32", ROOT / "models/model_fp32.tflite")
    monkeypatch.setattr(command, "INT8", ROOT / "models/model_int8.tflite")
    monkeypatch.setattr(sys, "argv", ["mistakes", "--out", "page.html"])
    command.main()
    said = capsys.readouterr().out
    assert said.startswith("page.html: ")
    assert said.endswith(" of 50 test images are classified wrongly\n")
    assert "<canvas" not in (repository / "page.html").read_text()
    assert "test image " in (repository / "page.html").read_text()
