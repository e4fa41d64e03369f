"""A clone has the bytes that were committed, by which DVC knows them, however Git is set up."""

import shutil
from pathlib import Path

import pytest

from tests.project import ROOT
from tests.repository import commit, git, init


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.autocrlf=input", "core.eol=crlf"])
def test_line_ends_are_those_that_were_committed(tmp_path: Path, setting: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in (".gitattributes", ".ci/run", "stages/train.py", "models/model_int8.tflite"):
        (source / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, source / name)
    (source / "labels.csv").write_bytes(b"path,label\r\n")  # a spreadsheet's
    init(source)
    git("config", *setting.split("="), folder=source)
    commit(folder=source)
    git("clone", "--quiet", "--config", setting, str(source), str(tmp_path / "clone"))
    for name in git("ls-files", folder=source).splitlines():
        assert (tmp_path / "clone" / name).read_bytes() == (source / name).read_bytes(), name
    assert git("status", "--porcelain", folder=tmp_path / "clone") == ""
