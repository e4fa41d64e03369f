"""The command, `python -m spotimes.params`."""

import subprocess
import sys

from tests.project import ROOT


def test_the_committed_params_pass_in_silence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spotimes.params"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
