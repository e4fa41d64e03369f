import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from spotimes.errors import InputError
from spotimes.ingestion import disk
from spotimes.ingestion.disk import Images, check
from spotimes.params.prepare import ImagesPerClass
from tests.project import ROOT
from tests.repository import init

ALL = ImagesPerClass(train=None, test=None)
MEGA = Images(1_000_000, 10, ALL, are_copied=True)
SHAPE = (32, 32, 3)
IMAGE, NUMBERS, OTHERS = 3072, 16, 2**24


class Usage(NamedTuple):
    free: int


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, *, here: int, in_cache: int = 0) -> None:
    """Says how much is free where the cache is, and elsewhere."""
    monkeypatch.setattr(
        shutil, "disk_usage", lambda place: Usage(in_cache if "cache" in str(place) else here)
    )


def cache_on_another_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the project's own config names, on the disk that shared memory is."""
    cache = Path("/dev/shm")
    if not cache.is_dir() or cache.stat().st_dev == folder.stat().st_dev:
        pytest.skip("no second disk")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(f"[cache]\n    dir = {cache}/cache\n")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return cache


def needed(images: Images, monkeypatch: pytest.MonkeyPatch) -> int:
    """The bytes from which on the check passes, where all is on one disk."""
    low, high = 0, 1 << 40
    while low + 1 < high:
        middle = (low + high) // 2
        free(monkeypatch, here=middle, in_cache=middle)
        try:
            check(images, SHAPE)
            high = middle
        except InputError:
            low = middle
    return high


def test_images_of_a_folder_are_there_twice_while_they_are_divided(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = 1_000_000 * (IMAGE + NUMBERS) + OTHERS
    assert needed(MEGA, monkeypatch) == kept + 1_000_000 * IMAGE
    more = MEGA._replace(unlabelled=500_000)
    assert needed(more, monkeypatch) == 1_500_000 * (2 * IMAGE + NUMBERS) + OTHERS
    assert needed(MEGA._replace(are_copied=False), monkeypatch) == kept
    capsys.readouterr()
    free(monkeypatch, here=62_000_000_000)
    check(MEGA, SHAPE)
    assert capsys.readouterr().out == (
        f"disk: 1,000,000 images of 32 x 32 x 3 need up to 6.2 GB in {folder}, where 62.0 GB are "
        "free\n"
    )


def test_dvc_s_copy_takes_the_place_of_the_images_before_they_were_divided(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(folder))
    kept = 1_000_000 * (IMAGE + NUMBERS) + OTHERS
    assert needed(MEGA, monkeypatch) == 2 * kept
    assert needed(MEGA._replace(are_copied=False), monkeypatch) == 2 * kept


def test_few_of_each_class_take_little_in_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = MEGA._replace(per_class=ImagesPerClass(train=20, test=5))
    first, kept = 1_000_000 * IMAGE, 250 * (IMAGE + NUMBERS) + OTHERS
    assert needed(few, monkeypatch) == first + kept
    assert needed(few._replace(labelled=200, are_copied=False), monkeypatch) == (
        200 * (IMAGE + NUMBERS) + OTHERS
    )


def test_a_cache_on_another_disk_counts_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_on_another_disk(folder, monkeypatch)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda place: Usage(7_000_000_000 if place == folder else 3_000_000_000),
    )
    with pytest.raises(InputError) as caught:
        check(MEGA, SHAPE)
    assert str(caught.value) == (
        f"1,000,000 images of 32 x 32 x 3 need up to 6.2 GB in {folder}, where 7.0 GB are free "
        f"and 3.1 GB in {cache}, where 3.0 GB are free; free some, or let prepare.image have a "
        "smaller height and width or prepare.images_per_class fewer"
    )
    check(MEGA._replace(labelled=900_000), SHAPE)


def test_the_cache_is_where_dvc_s_config_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(folder))
    (folder / "elsewhere").mkdir()
    (folder / ".dvc").mkdir()
    assert disk._cache() == folder / ".dvc"  # which `cache` will be made in
    (folder / ".dvc/config.local").write_text("[cache]\n    dir = ../elsewhere\n")
    assert disk._cache() == folder / "elsewhere"


@pytest.mark.slow
def test_dvc_tells_a_stage_where_it_is(folder: Path) -> None:
    init(folder)
    cmd = f"{sys.executable} -c 'from spotimes.ingestion import disk; print(disk._cache())' > told"
    stage = {"cmd": cmd, "outs": [{"told": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"a": stage}}))
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--quiet"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert Path("told").read_text() == f"{folder / '.dvc'}\n"
