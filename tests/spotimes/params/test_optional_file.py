from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.params.optional_file import NONE, optional_file, optional_folder
from tests.project import ROOT


def test_none_is_a_file_in_git_that_stands_for_no_file() -> None:
    """DVC wants a file of each dep, and warns of an empty one."""
    assert (ROOT / NONE).stat().st_size > 0
    assert optional_file(NONE, "train.start_from") is None


def test_a_file_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "start.keras"
    for _ in range(2):  # a folder is no file, either
        with pytest.raises(InputError) as caught:
            optional_file(str(path), "train.start_from")
        assert str(caught.value) == (
            f"params.yaml: train.start_from: {path} is not a file; name one that is there, or "
            "data/none for none"
        )
        path.mkdir(exist_ok=True)
    path.rmdir()
    path.touch()
    assert optional_file(str(path), "train.start_from") == path


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    assert optional_folder(NONE, "prepare.unlabelled") is None
    path = tmp_path / "more"
    for _ in range(2):  # a file is no folder, either
        with pytest.raises(InputError) as caught:
            optional_folder(str(path), "prepare.unlabelled")
        assert str(caught.value) == (
            f"params.yaml: prepare.unlabelled: {path} is not a folder; name one that is there, or "
            "data/none for none"
        )
        path.touch()
    path.unlink()
    path.mkdir()
    assert optional_folder(str(path), "prepare.unlabelled") == path
