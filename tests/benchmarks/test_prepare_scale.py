import os
from pathlib import Path

import pytest

from benchmarks import prepare_scale
from spotimes.dataset.prepared import Card, Split, SplitName, load_split
from tests.folders import write_folder

pytestmark = pytest.mark.slow


def test_a_run_is_prepare_s_own_on_so_many_cores(
    tmp_path: Path, cifar10: dict[SplitName, Split], card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_scale, "SECONDS_BETWEEN_LOOKS", 0.05)
    write_folder(tmp_path / "pictures", cifar10["train"], card.class_names, 60)
    prepare_scale.write_params(tmp_path)
    allowed = os.sched_getaffinity(0)
    seconds, peak = prepare_scale.run(tmp_path, 1)
    assert seconds > 0
    assert peak > 30 << 20  # what its packages alone take
    assert os.sched_getaffinity(0) == allowed
    assert load_split("train", tmp_path / "data/prepared").images.shape[1:] == (32, 32, 3)
