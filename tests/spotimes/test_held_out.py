"""Real revisions of a repository that holds a dvc.lock and metrics/prepare.json."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotimes.held_out import from_training
from spotimes.revision import Revision

CATALOG = {"source": "data/catalog/a.yaml", "md5": "1"}
FOLDER = {"source": "pictures", "md5": "1.dir"}
Commit = Callable[..., Revision]


def write(
    source: str, md5: str, digest: str | None = None, stage: str = "prepare", **params: Any
) -> None:
    chosen = {
        "source": source,
        "image": {"height": 32},
        "leave_out": [],
        "test_fraction": 0.1,
        "validation_fraction": 0.1,
        "images_per_class": None,
        "seed": 1,
    }
    lock = {
        "stages": {
            stage: {
                "deps": [{"path": source, "md5": md5}, {"path": "stages/prepare.py", "md5": "7"}],
                "params": {"params.yaml": {"prepare": chosen | params}},
            }
        }
    }
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    Path("metrics").mkdir(exist_ok=True)
    recorded = {} if digest is None else {"test_digest": digest}
    Path("metrics/prepare.json").write_text(json.dumps({"images": {}} | recorded))


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    monkeypatch.chdir(tmp_path)

    def git(*words: str) -> None:
        user = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *user, *words], check=True)

    git("init", "--quiet")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("")

    def commit(*source: str, **options: Any) -> Revision:
        write(*source, **options)
        git("add", "--all")
        git("commit", "--quiet", "--message", "one")
        return Revision("HEAD")

    return commit


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (CATALOG, CATALOG, True),
        # A catalog's test split is its authors'.
        (CATALOG | {"images_per_class": 9, "seed": 2}, CATALOG | {"image": {"height": 48}}, True),
        (CATALOG, CATALOG | {"md5": "2"}, True),
        (FOLDER, FOLDER, True),
        (FOLDER | {"validation_fraction": 0.3}, FOLDER, True),
        (FOLDER | {"image": {"height": 48}}, FOLDER, True),
        (
            FOLDER | {"image": {"height": 48}, "leave_out": ["duplicates"]},
            FOLDER | {"leave_out": ["duplicates"]},
            False,
        ),
        (FOLDER | {"seed": 2}, FOLDER, False),
        (FOLDER | {"test_fraction": 0.2}, FOLDER, False),
        (FOLDER | {"md5": "2.dir"}, FOLDER, False),
        (FOLDER, CATALOG, False),
        # Pictures were added to the train folder alone.
        (FOLDER | {"md5": "2.dir", "digest": "a"}, FOLDER | {"digest": "a"}, True),
        (FOLDER | {"md5": "2.dir", "digest": "a"}, FOLDER | {"digest": "b"}, False),
        (CATALOG | {"stage": "other"}, CATALOG, False),
    ],
)
def test_who_may_have_learnt_todays_test_images(
    committed: Commit, before: dict[str, Any], now: dict[str, Any], kept: bool
) -> None:
    revision = committed(**before)
    write(**now)
    assert from_training(revision) is kept


def test_nothing_recorded_here_is_not_trusted(committed: Commit) -> None:
    revision = committed(**CATALOG)
    Path("dvc.lock").unlink()
    assert not from_training(revision)


@pytest.mark.parametrize("content", ["", "[", "stages: 3", "stages: {prepare: {deps: 3}}"])
def test_a_lock_that_says_nothing_is_not_trusted(committed: Commit, content: str) -> None:
    revision = committed(**CATALOG)
    Path("dvc.lock").write_text(content)
    assert not from_training(revision)
