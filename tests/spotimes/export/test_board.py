import os
import shutil
from pathlib import Path

import pytest

from spotimes.export import board
from spotimes.export.exported import exported
from tests.project import ROOT

DEFAULT = ROOT / "models/model_int8.tflite"
MISSING = [tool for tool in board.TOOLS if shutil.which(tool) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING) and "CI" not in os.environ, reason=f"no {MISSING}")
def test_instructions_repeat_to_the_digit() -> None:
    content = DEFAULT.read_bytes()
    found = board.instructions(content)
    assert found.note is None and found.number is not None
    assert 1 < found.number / exported(DEFAULT).network.macs < 3
    assert board.instructions(content) == found


def test_without_the_tools_it_says_which_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = board.instructions(DEFAULT.read_bytes())
    assert found.number is None
    assert found.note == "no make and no arm-none-eabi-gcc and no qemu-system-arm"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_what_cannot_be_compiled_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        (tmp_path / tool).write_text("#!/bin/sh\necho no board >&2\nexit 1\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = board.instructions(DEFAULT.read_bytes())
    assert found.number is None
    assert found.note is not None and found.note.startswith("deploy/microcontroller: ")


def test_what_is_no_model_of_ours_is_reported() -> None:
    assert board.instructions(b"no model").note is not None
