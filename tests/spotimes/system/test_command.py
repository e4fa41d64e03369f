import signal
import subprocess
import sys

import pytest

from tests.project import ROOT

START = """
import errno, os, signal, sys, time
from spotimes.system import command
from spotimes.errors import InputError

def main():
    try:
        {body}
    finally:
        print("cleaned up", flush=True)

command.run("stage", main)
"""


# A shell's background job, as CI may be, ignores SIGINT and hands that down.
HEED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start(body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEED + START.format(body=body)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(body: str) -> tuple[int, str]:
    """Exit status and standard error."""
    process = start(body)
    output, errors = process.communicate(timeout=60)
    assert output.endswith("cleaned up\n")
    return process.returncode, errors


def test_a_command_that_returns_succeeds_in_silence() -> None:
    assert run("pass") == (0, "")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise InputError('train.epochs: 0 is not allowed')", "train.epochs: 0 is not allowed"),
        ("raise InputError('first\\n   second\\tthird')", "first second third"),
        (
            "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'models/model.keras')",
            "No space left on device: models/model.keras; free some space, then run again",
        ),
        (
            "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))",
            "No space left on device; free some space, then run again",
        ),
        (
            "raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), 'models')",
            "Permission denied: models; permit it, then run again",
        ),
    ],
)
def test_what_the_user_can_mend_ends_in_one_line(body: str, line: str) -> None:
    assert run(body) == (2, f"stage: {line}\n")


def test_a_broken_limit_has_a_status_of_its_own() -> None:
    body = "from spotimes.errors import LimitBrokenError; raise LimitBrokenError('bytes')"
    assert run(body) == (3, "stage: bytes\n")


@pytest.mark.parametrize(
    ("body", "last"),
    [
        ("raise ValueError('broken')", "ValueError: broken"),
        ("open('/no/such')", "FileNotFoundError: [Errno 2] No such file or directory: '/no/such'"),
    ],
)
def test_a_defect_keeps_its_traceback(body: str, last: str) -> None:
    status, errors = run(body)
    assert status == 1
    assert errors.startswith("Traceback (most recent call last)")
    assert errors.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("sent", "status", "line"),
    [(signal.SIGINT, 130, "stage: interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_signal_ends_it_after_the_clean_up(sent: signal.Signals, status: int, line: str) -> None:
    process = start("print('here', flush=True); time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, "cleaned up\n", line)
