import os
import re
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


def whole(folder: Path) -> Path:
    """A repository that is a project."""
    init(folder)
    return folder


def part(folder: Path) -> Path:
    """A project in a folder of a repository, whose name has a space."""
    init(folder)
    (folder / ".dvc/config").unlink()
    (folder / "file").write_bytes(b"another")
    (folder / "some parts/ml/.dvc").mkdir(parents=True)
    (folder / "some parts/ml/.dvc/config").touch()
    return folder / "some parts/ml"


def submodule(folder: Path) -> Path:
    """A project that another repository has as a submodule."""
    for name in ("of", "outer"):
        (folder / name).mkdir()
        init(folder / name)
    commit(folder=folder / "of")
    allowed = ("-c", "protocol.file.allow=always")
    git(*allowed, "submodule", "--quiet", "add", "../of", "ml", folder=folder / "outer")
    (folder / "outer/ml/.dvc").mkdir(exist_ok=True)
    git("config", "user.name", "test", folder=folder / "outer/ml")
    git("config", "user.email", "test@example.org", folder=folder / "outer/ml")
    return folder / "outer/ml"


def worktree(folder: Path) -> Path:
    """Another worktree of a repository."""
    (folder / "first").mkdir()
    init(folder / "first")
    commit(folder=folder / "first")
    git("branch", "--move", "other", folder=folder / "first")
    git("worktree", "add", "--quiet", "-b", "main", "../second", folder=folder / "first")
    return folder / "second"


LAYOUTS = pytest.mark.parametrize("repository", [whole, part, submodule, worktree], indirect=True)


@pytest.fixture
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Two commits, the second without the file and with one that DVC keeps."""
    folder: Path = getattr(request, "param", whole)(tmp_path)
    monkeypatch.chdir(folder)
    Path(".dvc/.gitignore").write_text("/cache\n/tmp\n")
    Path("file").write_bytes(b"\x00first")
    commit("first")
    Path("file").unlink()
    Path("kept").write_bytes(b"\x00by DVC")
    dvc("add", "kept")
    commit("second")
    Path("file").write_bytes(b"not committed")
    return folder


@LAYOUTS
@pytest.mark.usefixtures("repository")
def test_a_file_is_as_the_revision_has_it() -> None:
    first = Revision("main~1")
    assert first.commit == git("rev-parse", "main~1")
    assert first.read("file") == b"\x00first"
    assert first.read("kept") is None
    assert Revision("HEAD").read("file") is None


@LAYOUTS
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


def test_without_a_repository_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a ZIP of one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        Revision("main")
    assert str(caught.value).startswith("this folder is in no Git repository")
    (remedy,) = re.findall("`(git init .*?)`", str(caught.value))
    Path("file").write_bytes(b"here")
    named = {
        f"GIT_{role}_{what}": "me@here"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(remedy, shell=True, env={**os.environ, **named}, check=True)
    assert Revision("HEAD").read("file") == b"here"


def test_without_git_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"^git: .*: apt-get install git$"):
        Revision("main")


@pytest.mark.usefixtures("repository")
def test_a_lost_object_of_git_is_reported() -> None:
    """As where a partial clone cannot reach its remote."""
    name = git("rev-parse", "main~1:./file")
    common = Path(git("rev-parse", "--git-common-dir"))
    (common / "objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(InputError, match=r"^main~1: file: Git cannot read it: "):
        Revision("main~1").read("file")
