import subprocess
import sys

import pytest

from tests.project import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["params", "doctor", "search", "reproducibility.reproduced"])
def test_help_is_shown_and_nothing_begun(name: str) -> None:
    """Of the commands that take no argument."""
    for argument, status in (("--help", 0), ("--nonsense", 2)):
        done = subprocess.run(
            [sys.executable, "-m", f"spotimes.{name}", argument],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert f"usage: python -m spotimes.{name} [-h]" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [["app"], ["app", "predict"], ["spotimes.compare"], ["spotimes.export"]]
)
def test_help_begins_with_an_example(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    example = done.stdout.partition("\n\n")[2].splitlines()[:2]
    assert example[0] == "for example:"
    assert example[1].strip().startswith(f"python -m {' '.join(command)} ")


def test_each_command_is_made_with_its_examples() -> None:
    """A parser of argparse's own has none."""
    made = [
        path.relative_to(ROOT).as_posix()
        for folder in ("app", "spotimes", "stages")
        for path in (ROOT / folder).rglob("*.py")
        if "argparse.ArgumentParser(" in path.read_text(encoding="utf-8")
    ]
    # The others are started by a command in a process of its own, not by people.
    assert sorted(made) == [
        "spotimes/benchmarking/process_cost.py",
        "spotimes/tflite/instructions.py",
        "spotimes/usage.py",
    ]
