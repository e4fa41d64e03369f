"""What one answer costs from nothing: seconds, memory and disk, and the same done by TensorFlow.

    python -m benchmarks.cold_start

It installs app/requirements.txt into a new virtual environment, then has `app predict` classify a
picture there, interleaved with TensorFlow's own interpreter in this environment; from the start of
the process to its end. Takes two minutes, and what it installs is downloaded or from pip's cache.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from benchmarks.project import MODEL, PICTURE, ROOT
from spotimes import usage
from spotimes.errors import InputError
from spotimes.system import command

PIPELINES = ("tensorflow", "pillow")
DEVICES = ("ai-edge-litert", "numpy", "pillow", "httptools", "msgspec", "python-multipart")


class Cost(NamedTuple):
    """Of one process: seconds, and peak resident set in MiB."""

    seconds: float
    memory: float


def main() -> None:
    """Measures both interleaved; prints a Markdown table."""
    parser = usage.parser("benchmarks.cold_start", __doc__, "python -m benchmarks.cold_start")
    parser.add_argument("--runs", type=int, default=15, help="of each (15)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is classified")
    arguments = parser.parse_args()
    if not arguments.picture.is_file():
        raise InputError(f"{arguments.picture}: no such file; make repro makes data/samples")
    picture = str(arguments.picture.resolve())
    with tempfile.TemporaryDirectory() as name:
        device = Path(name)
        install(device)
        commands = {
            "`app predict`": [str(device / ".venv/bin/python"), "-m", "app", "predict", picture],
            "TensorFlow": [
                sys.executable,
                str(ROOT / "benchmarks/by_tensorflow.py"),
                str(MODEL),
                picture,
            ],
        }
        disk = {
            "`app predict`": installed(device / ".venv/bin/python", *DEVICES),
            "TensorFlow": installed(Path(sys.executable), *PIPELINES),
        }
        costs: dict[str, list[Cost]] = {each: [] for each in commands}
        for _ in tqdm(range(1 + arguments.runs), unit="run"):  # the first fills the disk's cache
            for each, words in commands.items():
                costs[each].append(run(words, device))
    print("| | seconds, median | fastest | peak RSS, MiB | installed, MiB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for each, (_, *kept) in costs.items():
        seconds = [cost.seconds for cost in kept]
        memory = statistics.median(cost.memory for cost in kept)
        print(
            f"| {each} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {memory:.0f} "
            f"| {disk[each]:.0f} |"
        )


def install(device: Path) -> None:
    """Puts into a folder what a device gets."""
    for name in ("app", "spotimes"):
        shutil.copytree(ROOT / name, device / name, ignore=shutil.ignore_patterns("__pycache__"))
    (device / "models").mkdir()
    shutil.copy(MODEL, device / MODEL.relative_to(ROOT))
    subprocess.run([sys.executable, "-m", "venv", device / ".venv"], check=True)
    python, requirements = str(device / ".venv/bin/python"), str(device / "app/requirements.txt")
    pip = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]
    subprocess.run(pip, check=True)


def run(words: list[str], folder: Path) -> Cost:
    """Runs a command there.

    Its peak is at least this process' own, which is why nothing large is imported here.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"{' '.join(words)}: status {process.returncode}")
    return Cost(seconds, usage.ru_maxrss / 1024)


def installed(python: Path, *packages: str) -> float:
    """MiB that packages and what they require take in an environment."""
    program = ROOT / "benchmarks/installed_size.py"
    size = subprocess.check_output([python, program, *packages], text=True)
    return int(size) / 2**20


if __name__ == "__main__":
    command.run("cold_start", main)
