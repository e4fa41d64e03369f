"""How memory and speed of train change with the number of images; `prepare_scale` has prepare's.

    python -m benchmarks.dataset_size 10000 50000 200000

For each number it makes a folder of as many JPEGs of 96 x 96, each of four images of data/prepared,
and runs both stages on it as they are, in a folder of their own; train for one epoch, with so small
a network that input would hold it up first. A row each: peak RSS in MiB and images a second.
Takes 10 minutes on two cores, and 15 GB of disk for 200,000 images.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from tqdm import tqdm

from benchmarks.project import ROOT
from spotimes import usage
from spotimes.dataset.prepared import load_card, load_split
from spotimes.errors import InputError
from spotimes.params.load import PARAMS_FILE
from spotimes.system import command
from spotimes.system.validation import load_yaml

SIDE = 96
NETWORK = {
    "backbone": {"card": str(ROOT / "data/backbones/none.yaml"), "keep": 0, "widths": []},
    "largest_side": 96,
    "blocks": [
        {"kind": "conv", "channels": 8, "stride": 4},
        {"kind": "separable", "channels": 16, "stride": 2},
        {"kind": "separable", "channels": 32, "stride": 2},
    ],
}
FEWEST = 1000


def main() -> None:
    """Measures each number of images in turn, and prints a Markdown table."""
    parser = usage.parser("benchmarks.dataset_size", __doc__, "python -m benchmarks.dataset_size")
    parser.add_argument("images", type=int, nargs="+", help=f"how many, {FEWEST:,} or more")
    numbers = parser.parse_args().images
    if min(numbers) < FEWEST:
        parser.error(f"{min(numbers)} images are too few; give {FEWEST:,} or more")
    print("| images | MiB | images/s |")
    print("| ---: | ---: | ---: |")
    for images in numbers:
        with tempfile.TemporaryDirectory(dir=ROOT / "data", prefix=".benchmark-") as name:
            folder = Path(name)
            make_pictures(folder / "pictures", images)
            write_params(folder)
            run("prepare", folder)
            memory = run("train", folder)
            rate = json.loads((folder / "metrics/train.json").read_text())["images_per_second"]
            print(f"| {images:,} | {memory:.0f} | {rate:,.0f} |", flush=True)


def make_pictures(folder: Path, images: int, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    """Writes JPEGs of a width and height, in a sub-folder a class, of which no two are alike."""
    split, names = load_split("train"), load_card().class_names
    for name in names:
        (folder / name).mkdir(parents=True)
    pixels, rng = split.images[:], np.random.default_rng(1)
    for number in tqdm(range(images), desc="making pictures", unit="img", unit_scale=True):
        chosen = rng.integers(len(pixels), size=4)
        rows = pixels[chosen].reshape(2, 2, *pixels.shape[1:]).transpose(0, 2, 1, 3, 4)
        height, width = 2 * pixels.shape[1], 2 * pixels.shape[2]
        picture = Image.fromarray(rows.reshape(height, width, -1).squeeze())
        target = folder / names[split.labels[chosen[0]]] / f"{number}.jpg"
        picture.resize(size).save(target, quality=90)


def write_params(folder: Path) -> None:
    """Writes a params.yaml for the pictures in `folder`, from the committed one."""
    params = load_yaml(ROOT / PARAMS_FILE)
    params["prepare"]["source"] = "pictures"
    params["network"] = NETWORK
    params["train"]["epochs"] = 1
    (folder / PARAMS_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")


def run(stage: str, folder: Path) -> float:
    """Runs a stage there; its peak RSS in MiB."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peak_memory", f"stages.{stage}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise InputError(f"{stage} failed with status {done.returncode}")
    lines = (folder / "status").read_text(encoding="utf-8").splitlines()
    (peak,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return peak / 1024


if __name__ == "__main__":
    command.run("dataset_size", main)
