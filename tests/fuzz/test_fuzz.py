"""What once failed does not fail again, nor do some inputs that are the same each time."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from spotimes.errors import InputError
from tests.fuzz import __main__ as fuzzing
from tests.fuzz import promise, worker
from tests.fuzz.worker import CORPUS, TARGETS
from tests.project import ROOT

SECONDS = 300  # on a busy machine; a few on another
EXECUTIONS = 40
FILES = {name: sorted((CORPUS / name).glob("*")) for name in TARGETS}


def fuzz(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TARGETS if FILES[name]])
def test_what_once_failed_keeps_the_promise(name: str) -> None:
    done = fuzz(*FILES[name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("keeps the promise") == len(FILES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_the_first_inputs_keep_the_promise(name: str) -> None:
    options = ("--engine", "hypothesis", "--minutes", SECONDS / 120, "--executions", EXECUTIONS)
    done = fuzz(name, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f" {EXECUTIONS} " in done.stdout.splitlines()[-1]


def test_every_file_of_the_corpus_is_of_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)


def refuse(message: str) -> None:
    raise InputError(message)


@pytest.mark.parametrize("message", ["", "two\nlines", "a bell \x07", "\ud800", "long" * 2000])
def test_an_error_that_is_not_one_line_breaks_the_promise(message: str) -> None:
    promise.keep(lambda _: refuse("one line"), b"")
    with pytest.raises(promise.BrokenError, match="not one short line"):
        promise.keep(lambda _: refuse(message), b"")


def test_another_exception_breaks_the_promise() -> None:
    with pytest.raises(FileNotFoundError):
        promise.keep(lambda _: Path("none/such").unlink(), b"")


def test_what_takes_long_or_much_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "MOST_SECONDS", -1)
    with pytest.raises(promise.BrokenError, match="took"):
        promise.keep(lambda _: None, b"")
    monkeypatch.setattr(promise, "MOST_SECONDS", 10)
    monkeypatch.setattr(promise, "MOST_BYTES", -1)
    with pytest.raises(promise.BrokenError, match="MiB"):
        promise.keep(lambda _: None, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('a defect')", "ValueError: a defect"),
        ("import os; os.abort()", "ended with -6"),
        ("return", None),
    ],
)
def test_a_defect_becomes_a_file_of_the_corpus(
    tmp_path: Path, body: str, reason: str | None
) -> None:
    """With a target that fails for one input in some, in a copy of the folder."""
    for path in (ROOT / "tests/fuzz").glob("*.py"):
        (tmp_path / "tests/fuzz").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests/fuzz" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tests/project.py").write_bytes((ROOT / "tests/project.py").read_bytes())
    (tmp_path / "spotimes").symlink_to(ROOT / "spotimes")
    (tmp_path / "tests/fuzz/targets").mkdir()
    (tmp_path / "tests/fuzz/targets/pictures.py").write_text(TARGET.format(body=body))
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "pictures", "--executions", "300", "--seed", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    found = list((tmp_path / "tests/fuzz/corpus").rglob("*"))
    if reason is None:
        assert (done.returncode, found) == (0, []), done.stdout + done.stderr
        return
    assert done.returncode == 1, done.stdout + done.stderr
    assert reason in done.stdout
    (file,) = (path for path in found if path.is_file() and path.read_bytes()[:1] == b"x")
    assert f"python -m tests.fuzz {file.relative_to(tmp_path)}" in done.stdout


TARGET = """
from contextlib import contextmanager
from hypothesis import strategies as st
from tests.fuzz.target import Target

@contextmanager
def checking(folder):
    def check(content):
        if content[:1] == b"x":
            {body}
    yield check

def inputs():
    return st.sampled_from([b"y", b"x", b"z"])

TARGET = Target("pictures", ".bin", lambda: [b"y"], inputs, checking)
"""


def test_an_input_that_never_ends_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "HANG_SECONDS", 0.1)
    monkeypatch.setattr(promise, "MOST_SECONDS", 0.1)
    state = tmp_path / "state"
    state.write_bytes(worker.HEAD.pack(1, 0, time.monotonic(), 0))
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    reason, _ = fuzzing.watched(process, state, 60)
    assert reason.startswith("hung for ")
    assert process.returncode == -9
