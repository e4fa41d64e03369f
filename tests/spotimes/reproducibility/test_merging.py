from pathlib import Path

from spotimes.reproducibility.merging import conflict

OURS_AND_THEIRS = "schema: '2.0'\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n"


def test_a_file_in_conflict(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(OURS_AND_THEIRS)
    assert conflict(lock) == (f"{lock}: in conflict after a merge: docs/git-and-dvc.md resolves it")


def test_a_file_in_none(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    assert conflict(lock) == ""
    lock.write_text("schema: '2.0'\na: '<<<<<<< HEAD'\n")
    assert conflict(lock) == ""
