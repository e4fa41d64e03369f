""".ci/post, with a gh in GitHub's place that keeps what it is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

GH = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
asked = {{"words": words}}
for word in words:
    if word.startswith("body=@"):
        asked["body"] = pathlib.Path(word[6:]).read_text()
with (here / "asked").open("a") as log:
    print(json.dumps(asked), file=log)
if "--jq" in words:
    print((here / "own").read_text(), end="")
"""


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
    gh = tmp_path / "gh"
    gh.write_text(GH.format(python=sys.executable))
    gh.chmod(0o755)
    (tmp_path / "own").write_text(own)
    (tmp_path / "comment.md").write_text("### The INT8 model\n")
    subprocess.run(
        [ROOT / ".ci/post", "me/mine", "7", tmp_path / "comment.md"],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        check=True,
    )
    search, post = map(json.loads, (tmp_path / "asked").read_text().splitlines())
    mark, _, text = post["body"].partition("\n")
    assert text == "### The INT8 model\n"
    assert search["words"][:3] == ["api", "--paginate", "repos/me/mine/issues/7/comments"]
    assert f'startswith("{mark}")' in search["words"][-1]
    assert post["words"][:4] == ["api", "--method", method, where]
