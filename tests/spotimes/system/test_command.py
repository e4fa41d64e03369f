import signal
import subprocess

import pytest

from tests.programs import program
from tests.project import ROOT


def start(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        program("end_as", how),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(how: str) -> tuple[int, str]:
    """Exit status and standard error."""
    process = start(how)
    output, errors = process.communicate(timeout=60)
    assert output.endswith("cleaned up\n")
    return process.returncode, errors


def test_a_command_that_returns_succeeds_in_silence() -> None:
    assert run("return") == (0, "")


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("input", "train.epochs: 0 is not allowed"),
        ("lines", "first second third"),
        (
            "full disk",
            "No space left on device: models/model.keras; free some space, then run again",
        ),
        ("full disk, unnamed", "No space left on device; free some space, then run again"),
        ("forbidden", "Permission denied: models; permit it, then run again"),
    ],
)
def test_what_the_user_can_fix_ends_in_one_line(how: str, line: str) -> None:
    assert run(how) == (2, f"stage: {line}\n")


def test_a_broken_limit_has_a_status_of_its_own() -> None:
    assert run("limit") == (3, "stage: bytes, top1\n")


@pytest.mark.parametrize(
    ("how", "last"),
    [
        ("defect", "ValueError: broken"),
        (
            "no such file",
            "FileNotFoundError: [Errno 2] No such file or directory: '/no/such'",
        ),
    ],
)
def test_a_defect_keeps_its_traceback(how: str, last: str) -> None:
    status, errors = run(how)
    assert status == 1
    assert errors.startswith("Traceback (most recent call last)")
    assert errors.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("sent", "status", "line"),
    [(signal.SIGINT, 130, "stage: interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_signal_ends_it_after_the_clean_up(sent: signal.Signals, status: int, line: str) -> None:
    process = start("wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, "cleaned up\n", line)
