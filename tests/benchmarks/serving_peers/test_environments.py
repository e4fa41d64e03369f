import subprocess
from pathlib import Path

import pytest

from benchmarks.serving_peers.environments import python_of
from spotimes.errors import InputError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is run instead of installing; a package named `missing` cannot be."""
    run: list[list[str]] = []

    def instead(words: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        run.append([*words])
        if words[1:3] == ("-m", "venv"):
            Path(words[3]).mkdir(parents=True)
        elif "missing" in Path(words[-1]).read_text(encoding="utf-8"):
            said = "Collecting missing\nERROR: No matching distribution found for missing\n"
            return subprocess.CompletedProcess(words, 1, "", said)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", instead)
    return run


def test_an_environment_is_made_once(tmp_path: Path, commands: list[list[str]]) -> None:
    requirements, kept = tmp_path / "peer.txt", tmp_path / ".peers"
    requirements.write_text("package==1\n", encoding="utf-8")
    python = python_of(requirements, kept)
    assert python == kept / "peer/bin/python"
    assert commands[1][0] == str(python)
    assert commands[1][-1] == str(requirements)
    assert python_of(requirements, kept) == python
    assert len(commands) == 2
    requirements.write_text("package==2\n", encoding="utf-8")
    python_of(requirements, kept)
    assert len(commands) == 4


def test_what_cannot_be_installed_is_reported_and_tried_again(
    tmp_path: Path, commands: list[list[str]]
) -> None:
    requirements = tmp_path / "peer.txt"
    requirements.write_text("missing==1\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"^cannot be installed: ERROR: No matching distribution found"
        ):
            python_of(requirements, tmp_path / ".peers")
    assert len(commands) == 4
