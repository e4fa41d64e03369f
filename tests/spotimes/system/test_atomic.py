import errno
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from spotimes.system import atomic
from tests.programs import program
from tests.project import ROOT


class TroubleError(Exception):
    pass


def content(folder: Path) -> dict[str, bytes]:
    """All files under `folder`, by path from it."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def run(name: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        program(name, *arguments),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file.txt"
    atomic.write_text(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    atomic.write_bytes(path, b"new")
    assert content(tmp_path) == {"a/b/file.txt": b"new"}


def test_what_is_written_to_lies_beside_and_is_not_the_target(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with atomic.replacing(path) as beside:
        assert (beside.parent, beside.suffix, beside.exists()) == (tmp_path, ".tmp", False)
        beside.write_bytes(b"new")
        assert not path.exists()
    assert content(tmp_path) == {"file.txt": b"new"}


@pytest.mark.parametrize("old", [b"old", None])
def test_an_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, old: bytes | None
) -> None:
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(TroubleError), atomic.replacing(path) as beside:
        beside.write_bytes(b"half")
        raise TroubleError
    assert content(tmp_path) == ({} if old is None else {"file.txt": old})


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_bytes(b"old")
    with atomic.replacing(path) as beside:
        beside.mkdir()
        (beside / "new.txt").write_bytes(b"new")
    assert content(tmp_path) == {"folder/new.txt": b"new"}


def test_a_folder_may_hold_folders(tmp_path: Path) -> None:
    with atomic.replacing(tmp_path / "folder") as beside:
        (beside / "inner").mkdir(parents=True)
        (beside / "inner/file.txt").write_bytes(b"new")
    assert content(tmp_path) == {"folder/inner/file.txt": b"new"}


def test_an_exception_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_bytes(b"old")
    with pytest.raises(TroubleError), atomic.replacing(path) as beside:
        beside.mkdir()
        (beside / "half.txt").write_bytes(b"half")
        raise TroubleError
    assert content(tmp_path) == {"folder/old.txt": b"old"}


def test_a_block_that_makes_nothing_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_bytes(b"old")
    with pytest.raises(FileNotFoundError), atomic.replacing(path):
        pass
    assert content(tmp_path) == {"folder/old.txt": b"old"}


def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with run("write_half", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    atomic.write_bytes(path, b"new")  # takes away what the killed process left
    assert content(tmp_path) == {"file.txt": b"new"}


def test_two_processes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with atomic.replacing(path) as beside:
        beside.write_bytes(b"own")
        with run("write_file", path, "other") as process:
            pass
        assert process.returncode == 0
        assert content(tmp_path) == {"file.txt": b"other", beside.name: b"own"}
    assert content(tmp_path) == {"file.txt": b"own"}


def test_a_kill_while_the_old_folder_goes_leaves_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    old = {f"{number}.txt": b"old" for number in range(3)}
    path.mkdir()
    for name, text in old.items():
        (path / name).write_bytes(text)
    with run("die_while_removing", path) as process:
        pass
    assert process.returncode == -signal.SIGKILL
    assert not path.exists() or content(path) in (old, {"new.txt": b"new"})


def test_json_is_indented_rounded_and_in_the_given_order(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    atomic.write_json(path, {"b": 1 / 3, "a": [123456.789, (2.5e-9, True)], "n": {"ü": None}})
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text.splitlines()[1] == '  "b": 0.333333,'
    found = json.loads(text)
    assert list(found) == ["b", "a", "n"]
    assert found == {"b": 0.333333, "a": [123457.0, [2.5e-9, True]], "n": {"ü": None}}


def test_whole_numbers_are_not_rounded(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "metrics.json", {"bytes": 1234567890123})
    assert json.loads((tmp_path / "metrics.json").read_bytes()) == {"bytes": 1234567890123}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_not_written(tmp_path: Path, value: object) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(b"old")
    with pytest.raises((ValueError, TypeError)):
        atomic.write_json(path, {"value": value})
    assert content(tmp_path) == {"metrics.json": b"old"}


def test_a_file_gets_the_permissions_that_any_new_file_gets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        atomic.write_bytes(tmp_path / "file.txt", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o644


def test_a_scratch_folder_goes_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with atomic.scratch(1000) as folder:
        assert folder.parent == tmp_path
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_scratch_is_reported_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No space left") as caught, atomic.scratch(1 << 60):
        pytest.fail("entered")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert list(tmp_path.iterdir()) == []
