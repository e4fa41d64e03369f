"""What prepare takes of time and memory, by the number of pictures and of cores.

    python -m benchmarks.prepare_scale 5000 --size 320 240 --cores 1 2
    python -m benchmarks.prepare_scale 10000 100000 1000000 --cores 2

For each number it makes a folder of as many JPEGs, each of four images of data/prepared, and runs
prepare on it as it is, with 32 x 32 asked for, in a folder of its own. A row a run: seconds from
start to end, seconds a thousand pictures, and the most memory that all processes had together, each
page that several share counted once (PSS, looked at twice a second).
Pictures of 320 x 240 take 16 KB each on disk, those of 48 x 48 4 KB, and prepare 6 KB more. On two
cores 100,000 of the latter are prepared in 50 s; to make them takes a few times as long.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

from benchmarks.dataset_size import FEWEST, make_pictures
from benchmarks.project import ROOT
from spotimes import usage
from spotimes.errors import InputError
from spotimes.params.load import PARAMS_FILE
from spotimes.system import command, cores
from spotimes.system.validation import load_yaml

SIDE = 32
SECONDS_BETWEEN_LOOKS = 0.5


def main() -> None:
    """Measures each number of pictures on each number of cores, and prints a Markdown table."""
    parser = usage.parser("benchmarks.prepare_scale", __doc__, "python -m benchmarks.prepare_scale")
    parser.add_argument("images", type=int, nargs="+", help=f"how many, {FEWEST:,} or more")
    parser.add_argument(
        "--cores", type=int, nargs="+", default=[cores.allowed()], help="how many; default: all"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, default=(48, 48), help="the pictures' width and height"
    )
    args = parser.parse_args()
    if min(args.images) < FEWEST:
        parser.error(f"{min(args.images)} images are too few; give {FEWEST:,} or more")
    if not 1 <= min(args.cores) <= max(args.cores) <= cores.allowed():
        parser.error(f"--cores: 1 to {cores.allowed()} can be had here")
    print("| images | cores | seconds | seconds a thousand | MiB |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for images in args.images:
        with tempfile.TemporaryDirectory(dir=ROOT / "data", prefix=".benchmark-") as name:
            folder = Path(name)
            make_pictures(folder / "pictures", images, (args.size[0], args.size[1]))
            write_params(folder)
            for count in args.cores:
                seconds, peak = run(folder, count)
                print(
                    f"| {images:,} | {count} | {seconds:.1f} | {1000 * seconds / images:.2f} "
                    f"| {peak / 2**20:.0f} |",
                    flush=True,
                )


def write_params(folder: Path) -> None:
    """Writes a params.yaml for the pictures in `folder`, from the committed one."""
    params = load_yaml(ROOT / PARAMS_FILE)
    params["prepare"]["source"] = "pictures"
    params["prepare"]["image"] |= {"height": SIDE, "width": SIDE}
    params["network"]["backbone"]["card"] = str(ROOT / "data/backbones/none.yaml")
    (folder / PARAMS_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")


def run(folder: Path, count: int) -> tuple[float, int]:
    """Runs prepare there on so many cores: seconds, and bytes of memory."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:count])
    began = time.perf_counter()
    try:
        stage = subprocess.Popen(
            [sys.executable, "-m", "stages.prepare"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, every)
    peak = 0
    while True:
        try:
            _, said = stage.communicate(timeout=SECONDS_BETWEEN_LOOKS)
            break
        except subprocess.TimeoutExpired:
            peak = max(peak, memory_of(psutil.Process(stage.pid)))
    seconds = time.perf_counter() - began
    if stage.returncode:
        raise InputError(f"prepare failed with status {stage.returncode}: {said}")
    return seconds, peak


def memory_of(process: psutil.Process) -> int:
    """Bytes of a process and those that it started, of shared pages each one's share."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):  # it may have ended
            total += each.memory_full_info().pss
    return total


if __name__ == "__main__":
    command.run("prepare_scale", main)
