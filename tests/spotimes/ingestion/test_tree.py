from pathlib import Path

import pytest

from spotimes.errors import InputError
from spotimes.ingestion.tree import Tree
from tests.spotimes.ingestion.named_files import filled


def test_files_of_all_folders_are_found_but_those_that_are_left_behind(tmp_path: Path) -> None:
    names = ["a.png", "README.md", "x/b.png", "x/y/c.png", "x/README.md", "x/.d/e.png", "Thumbs.db"]
    tree = Tree(filled(tmp_path / "mine", names))
    found = tree.files_within(tree.top())
    assert sorted(found) == ["a.png", "x/README.md", "x/b.png", "x/y/c.png"]
    assert tree.ignored == {"README.md", "Thumbs.db", "x/.d"}


def test_a_link_to_a_folder_around_it_is_a_loop(tmp_path: Path) -> None:
    root = filled(tmp_path / "mine", ["x/a.png"])
    (root / "x/around").symlink_to(tmp_path)
    tree = Tree(root)
    with pytest.raises(InputError, match=r"mine/x/around: is a link to a folder that it lies in"):
        tree.files_within(tree.top())
