import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def test_the_module_runs_and_its_memory_is_written_even_if_it_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.peak_memory", "spotimes.params"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 2  # there is no params.yaml
    assert "VmHWM:" in (tmp_path / "status").read_text()
