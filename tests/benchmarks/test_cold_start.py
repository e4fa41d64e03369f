import sys
from pathlib import Path

import pytest

from benchmarks.cold_start import installed, run
from benchmarks.installed_size import installed_size
from spotimes.errors import InputError


def test_the_size_of_a_package_is_in_mib() -> None:
    assert installed(Path(sys.executable), "mdurl") == installed_size("mdurl") / 2**20


def test_what_fails_is_reported(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", ""], tmp_path).seconds > 0
    with pytest.raises(InputError, match="status 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
