import sys
from pathlib import Path

import pytest

from spotimes.export.__main__ import main
from spotimes.system import command
from spotimes.tflite.arena import NO_WHEEL
from tests.fuzz.small_models import small_model
from tests.spotimes.export import compiled


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    main()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(small_model(quantized=True))
    return path


def test_it_writes_the_model(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, model, model.parent / "c")
    names = sorted(path.name for path in (model.parent / "c").iterdir())
    assert names == ["spotimes_model.c", "spotimes_model.h"]
    assert "bytes of RAM" in capsys.readouterr().out


def test_it_writes_what_an_interpreter_needs(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tflite_micro", reason=NO_WHEEL)
    run(monkeypatch, model, model.parent, "--interpreter")
    header = (model.parent / "spotimes_tflite.h").read_text()
    assert "#define SPOTIMES_TFLITE_ARENA_BYTES" in header
    compiled.link(model.parent, [model.parent / "spotimes_tflite.c"], "-shared", "-fPIC")


def test_a_float_model_is_refused_in_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write_bytes(small_model(quantized=False))
    monkeypatch.setattr(sys, "argv", ["export", str(model), str(model.parent / "c")])
    with pytest.raises(SystemExit) as ended:
        command.run("export", main)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"export: {model}: is not INT8: a feature map is float32; give")
    assert not (model.parent / "c").exists()
