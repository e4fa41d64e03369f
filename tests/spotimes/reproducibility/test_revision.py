import subprocess
import sys
from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.reproducibility.revision import Revision
from tests.repository import commit, git, init

pytestmark = pytest.mark.slow


def dvc(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words, "--quiet"], check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the second without the file and with one that DVC keeps."""
    monkeypatch.chdir(tmp_path)
    init()
    Path(".dvc/.gitignore").write_text("/cache\n/tmp\n")
    Path("file").write_bytes(b"\x00first")
    commit("first")
    Path("file").unlink()
    Path("kept").write_bytes(b"\x00by DVC")
    dvc("add", "kept")
    commit("second")
    Path("file").write_bytes(b"not committed")
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_a_file_is_as_the_revision_has_it() -> None:
    first = Revision("main~1")
    assert first.commit == git("rev-parse", "main~1")
    assert first.read("file") == b"\x00first"
    assert first.read("kept") is None
    assert Revision("HEAD").read("file") is None


@pytest.mark.usefixtures("repository")
def test_a_file_that_dvc_keeps_comes_from_its_cache_or_a_remote(tmp_path: Path) -> None:
    assert Revision("main").read("kept") == b"\x00by DVC"
    dvc("remote", "add", "--default", "away", str(tmp_path / "remote"))
    git("commit", "--quiet", "--all", "--message", "third")
    dvc("push")
    (file,) = (path for path in Path(".dvc/cache/files").rglob("*") if path.is_file())
    file.unlink()
    assert Revision("main").read("kept") == b"\x00by DVC"


@pytest.mark.usefixtures("repository")
def test_a_lost_file_is_reported() -> None:
    (file,) = (path for path in Path(".dvc/cache/files").rglob("*") if path.is_file())
    file.unlink()
    with pytest.raises(InputError, match=r"^main: kept is in none of DVC's caches and remotes"):
        Revision("main").read("kept")


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("name", ["gone", "", "--all", "main:file"])
def test_an_unknown_revision_is_reported(name: str) -> None:
    with pytest.raises(InputError, match="is no revision that Git knows here"):
        Revision(name)
