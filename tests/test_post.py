""".ci/post, with a stand-in for GitHub's gh that records its requests."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT


@pytest.mark.parametrize(
    ("own", "method", "where"),
    [
        ("", "POST", "repos/me/mine/issues/7/comments"),
        ("31\n", "PATCH", "repos/me/mine/issues/comments/31"),
        ("31\n45\n", "PATCH", "repos/me/mine/issues/comments/31"),
    ],
)
def test_a_comment_is_posted_once_and_then_replaced(
    tmp_path: Path, own: str, method: str, where: str
) -> None:
    (tmp_path / "gh").symlink_to(ROOT / "tests/programs/gh.py")
    (tmp_path / "own").write_text(own)
    (tmp_path / "comment.md").write_text("### The INT8 model\n")
    subprocess.run(
        [ROOT / ".ci/post", "me/mine", "7", tmp_path / "comment.md"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        check=True,
    )
    search, post = map(json.loads, (tmp_path / "asked").read_text().splitlines())
    mark, _, text = post["body"].partition("\n")
    assert text == "### The INT8 model\n"
    assert search["words"][:3] == ["api", "--paginate", "repos/me/mine/issues/7/comments"]
    assert f'startswith("{mark}")' in search["words"][-1]
    assert post["words"][:4] == ["api", "--method", method, where]
