"""Real revisions of a repository that holds a dvc.lock and metrics/prepare.json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spotimes.compare.held_out import (
    NOT_RECORDED,
    OTHER_DATA,
    OTHERS,
    check_prepared,
    why_not,
)
from spotimes.dataset.prepared import Split
from spotimes.errors import InputError
from spotimes.ingestion.exact_copies import combined_digest, image_digests
from spotimes.reproducibility.revision import Revision
from tests.repository import commit, init

CATALOG = {"source": "data/catalog/a.yaml", "md5": "1"}
TEN = {"train": None, "test": 10}
FOLDER = {"source": "pictures", "md5": "1.dir"}
OLD = """
stages:
  prepare:
    deps: [{{path: {source}, md5: "3"}}]
    outs: [{{path: data/prepared, md5: 9.dir}}]
    params: {{params.yaml: {{prepare: {{source: {source}, seed: 1}}}}}}
  train:
    deps: [{{path: data/prepared, md5: 9.dir}}]
"""
Commit = Callable[..., Revision]


def write(
    source: str,
    md5: str,
    digest: str | None = None,
    stage: str = "prepare",
    trained_on: str = "9.dir",
    **params: Any,
) -> None:
    chosen = {
        "source": source,
        "image": {"height": 32},
        "leave_out": [],
        "split_folders": True,
        "group": None,
        "test_fraction": 0.1,
        "validation_fraction": 0.1,
        "images_per_class": {"train": None, "test": None},
        "seed": 1,
    }
    lock = {
        "stages": {
            stage: {
                "deps": [{"path": source, "md5": md5}, {"path": "stages/prepare.py", "md5": "7"}],
                "outs": [{"path": "data/prepared", "md5": "9.dir"}],
                "params": {"params.yaml": {"prepare": chosen | params}},
            },
            "train": {"deps": [{"path": "data/prepared", "md5": trained_on}]},
        }
    }
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    Path("metrics").mkdir(exist_ok=True)
    recorded = {} if digest is None else {"test_digest": digest}
    Path("metrics/prepare.json").write_text(json.dumps({"images": {}} | recorded))


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    monkeypatch.chdir(tmp_path)
    init()

    def committed(*source: str, **options: Any) -> Revision:
        write(*source, **options)
        commit("one")
        return Revision("HEAD")

    return committed


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (CATALOG, CATALOG, ""),
        # A catalog's test split is its authors'.
        (CATALOG | {"images_per_class": TEN, "seed": 2}, CATALOG | {"image": {"height": 48}}, ""),
        (CATALOG, CATALOG | {"md5": "2"}, ""),
        (FOLDER, FOLDER, ""),
        (FOLDER | {"validation_fraction": 0.3}, FOLDER, ""),
        (FOLDER | {"image": {"height": 48}}, FOLDER, ""),
        (
            FOLDER | {"image": {"height": 48}, "leave_out": ["duplicates"]},
            FOLDER | {"leave_out": ["duplicates"]},
            OTHERS,
        ),
        (FOLDER | {"seed": 2}, FOLDER, OTHERS),
        (FOLDER | {"test_fraction": 0.2}, FOLDER, OTHERS),
        (FOLDER | {"md5": "2.dir"}, FOLDER, OTHERS),
        (FOLDER | {"images_per_class": {"train": 10, "test": None}}, FOLDER, ""),
        (FOLDER | {"images_per_class": TEN}, FOLDER, OTHERS),
        (FOLDER | {"images_per_class": TEN}, FOLDER | {"images_per_class": TEN}, ""),
        # The first ten, as they were taken once.
        (FOLDER | {"images_per_class": 10}, FOLDER | {"images_per_class": TEN}, OTHERS),
        (FOLDER | {"images_per_class": None}, FOLDER, ""),
        (FOLDER, CATALOG, OTHERS),
        # Pictures were added to the train folder alone.
        (FOLDER | {"md5": "2.dir", "digest": "a"}, FOLDER | {"digest": "a"}, ""),
        (FOLDER | {"md5": "2.dir", "digest": "a"}, FOLDER | {"digest": "b"}, OTHERS),
        (FOLDER | {"digest": "a"}, FOLDER | {"digest": "b"}, OTHERS),
        (FOLDER | {"digest": "a", "image": {"height": 48}}, FOLDER | {"digest": "b"}, ""),
        (CATALOG | {"stage": "other"}, CATALOG, NOT_RECORDED),
        (CATALOG | {"trained_on": "8.dir"}, CATALOG, NOT_RECORDED),
    ],
)
def test_who_may_have_learnt_todays_test_images(
    committed: Commit, before: dict[str, Any], now: dict[str, Any], why: str
) -> None:
    revision = committed(**before)
    write(**now)
    assert why_not(revision) == why


@pytest.mark.parametrize(
    ("now", "why"),
    [({}, ""), ({"split_folders": False}, OTHERS), ({"group": "(.+)"}, OTHERS)],
)
def test_a_folder_that_was_divided_before_there_were_groups(
    committed: Commit, now: dict[str, Any], why: str
) -> None:
    write(**FOLDER)
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    params = lock["stages"]["prepare"]["params"]["params.yaml"]["prepare"]
    del params["split_folders"], params["group"]
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    commit("old")
    write(**FOLDER | now)
    assert why_not(Revision("HEAD")) == why


def test_a_lock_of_before_some_params_will_do(committed: Commit) -> None:
    lock = yaml.safe_load(OLD.format(source="data/catalog/a.yaml"))
    write(**CATALOG)
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    commit("old")
    write(**CATALOG)
    assert why_not(Revision("HEAD")) == ""


@pytest.mark.parametrize(("trained_on", "why"), [("9.dir", ""), ("8.dir", OTHER_DATA)])
def test_the_working_trees_model_was_trained_on_its_data(
    committed: Commit, trained_on: str, why: str
) -> None:
    committed(**CATALOG)
    write(**CATALOG, trained_on=trained_on)
    assert why_not(None) == why


def test_data_that_the_lock_does_not_list_is_refused(
    committed: Commit, cifar10: dict[str, Split]
) -> None:
    test = cifar10["test"]
    digest = combined_digest(image_digests(test.images))
    committed(**CATALOG, digest=digest)
    check_prepared(Split(test.images[::-1], test.labels[::-1]))
    with pytest.raises(InputError, match=r"is not what dvc\.lock says"):
        check_prepared(Split(test.images[1:], test.labels[1:]))


def test_a_lock_in_conflict_is_told_before_models_are_compared(
    cifar10: dict[str, Split], committed: Commit
) -> None:
    committed(**CATALOG)
    lock = Path("dvc.lock")
    lock.write_text("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n" + lock.read_text())
    with pytest.raises(InputError, match=r"^dvc\.lock: in conflict after a merge"):
        check_prepared(cifar10["test"])


def test_nothing_recorded_here_is_not_trusted(committed: Commit) -> None:
    revision = committed(**CATALOG)
    Path("dvc.lock").unlink()
    assert why_not(revision) == NOT_RECORDED


@pytest.mark.parametrize("content", ["", "[", "stages: 3", "stages: {prepare: {deps: 3}}"])
def test_a_lock_that_says_nothing_is_not_trusted(committed: Commit, content: str) -> None:
    revision = committed(**CATALOG)
    Path("dvc.lock").write_text(content)
    assert why_not(revision) == NOT_RECORDED
