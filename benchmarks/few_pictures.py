"""The accuracy of a preset where there are few training pictures, on all test images.

    python -m benchmarks.few_pictures few_pictures --images 20 100 --draws 3
    python -m benchmarks.few_pictures default --images 100 --draws 3

For each number of pictures a class, and each draw of them, it runs prepare, train and quantize on
the preset's source, in a folder of its own, and measures the INT8 and the FP32 model. Validation
images come out of the pictures that are drawn, so nothing else has a label. `default` is
params.yaml as it is; `--set` changes a value, as in `--set network.backbone.keep=12`.

Each run adds a row to metrics/few_pictures.csv; a run that is there already is not repeated, so
remove the rows of a preset that you changed. What is printed is the mean of the draws, and their
spread from the lowest to the highest.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from benchmarks.project import ROOT
from spotimes import usage
from spotimes.dataset.prepared import load_split
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier
from spotimes.params.load import PARAMS_FILE
from spotimes.params.preset import merge
from spotimes.system import atomic, command
from spotimes.system.validation import load_yaml, parse_yaml

ROWS = ROOT / "metrics/few_pictures.csv"
RESUME = ROOT / ".resume/few_pictures"  # a teacher's answers serve the next run, too
KEY = ["preset", "changes", "images_per_class", "draw"]
NUMBERS = ["int8_top1", "fp32_top1", "bytes", "arena_bytes", "train_seconds"]
STAGES = ("prepare", "train", "quantize")


def main() -> None:
    """Runs what has no row yet, and prints a Markdown table."""
    parser = usage.parser(
        "benchmarks.few_pictures",
        __doc__,
        "python -m benchmarks.few_pictures few_pictures --images 20 100",
    )
    parser.add_argument("preset", help="of a file of presets/, without .yaml; or default")
    parser.add_argument("--images", type=int, nargs="+", required=True, help="a class")
    parser.add_argument("--draws", type=int, default=1, help="of the training pictures (1)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    arguments = parser.parse_args()
    params = changed_params(arguments.preset, arguments.changes)
    changes = " ".join(sorted(arguments.changes))
    for images in arguments.images:
        for draw in range(1, arguments.draws + 1):
            key = [arguments.preset, changes, images, draw]
            if not (known_rows()[KEY] == [str(each) for each in key]).all(axis=1).any():
                add_row(dict(zip(KEY, key, strict=True)) | run(params, images, draw))
    print(table(known_rows(), arguments.preset, changes, arguments.images))


def changed_params(preset: str, changes: list[str]) -> dict[str, Any]:
    """params.yaml with a preset's values and single changes.

    Raises:
        InputError: there is no such preset or key.
    """
    params = load_yaml(ROOT / PARAMS_FILE)
    if preset != "default":
        merge(params, load_yaml(ROOT / f"presets/{preset}.yaml"), preset)
    for change in changes:
        path, _, value = change.partition("=")
        nested: Any = parse_yaml(f"value: {value}", change)["value"]
        for name in reversed(path.split(".")):
            nested = {name: nested}
        merge(params, nested, "--set")
    return params


def run(params: dict[str, Any], images: int, draw: int) -> dict[str, Any]:
    """Prepares, trains and quantizes once; what came of it."""
    params = json.loads(json.dumps(params))
    params["prepare"] |= {"images_per_class": {"train": images, "test": None}, "seed": draw}
    params["train"]["seed"] = draw
    with tempfile.TemporaryDirectory(dir=ROOT / "data", prefix=".benchmark-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        for shared in ("backbones", "catalog", "none"):
            (folder / "data" / shared).symlink_to(ROOT / "data" / shared)
        resume = RESUME / f"{images}-{draw}"
        resume.mkdir(parents=True, exist_ok=True)
        (folder / ".resume").symlink_to(resume)
        (folder / PARAMS_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")
        seconds = {stage: run_stage(stage, folder) for stage in STAGES}
        costs = json.loads((folder / "metrics/quantize.json").read_text())
        teacher = json.loads((folder / "metrics/train.json").read_text()).get("teacher", {})
        test = load_split("test", folder / "data/prepared")
        pixels = test.images[:]
        accuracies = {
            f"{name}_top1": top1(folder / f"models/model_{name}.tflite", pixels, test.labels)
            for name in ("int8", "fp32")
        }
    return {
        **accuracies,
        "bytes": costs["int8"]["bytes"]["file"],
        "arena_bytes": costs["int8"]["arena_bytes"],
        "macs": costs["macs"],
        "train_seconds": round(seconds["train"], 1),
        "teacher_seconds": teacher.get("seconds"),
        "teacher_val_accuracy": teacher.get("val_accuracy"),
    }


def run_stage(stage: str, folder: Path) -> float:
    """Runs a stage there; seconds."""
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=environment,
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise InputError(f"{stage} failed with status {done.returncode}")
    return time.perf_counter() - began


def top1(model: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> float:
    """The share of images classified correctly."""
    return float(np.mean(Classifier(model).probabilities(images).argmax(axis=1) == labels))


def known_rows() -> pd.DataFrame:
    """The runs so far, as text."""
    if not ROWS.exists():
        return pd.DataFrame(columns=KEY)
    return pd.read_csv(ROWS, dtype=str, keep_default_na=False)


def add_row(row: dict[str, Any]) -> None:
    """Adds a run to the CSV."""
    text = {name: "" if value is None else str(value) for name, value in row.items()}
    rows = pd.concat([known_rows(), pd.DataFrame([text])])
    atomic.write_text(ROWS, rows.to_csv(index=False, lineterminator="\n"))


def table(rows: pd.DataFrame, preset: str, changes: str, images: list[int]) -> str:
    """A row for each number of pictures a class: means, and the accuracies' spread."""
    lines = [
        "| pictures a class | draws | INT8 top-1 | FP32 top-1 | bytes | RAM | minutes |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    chosen = rows[(rows["preset"] == preset) & (rows["changes"] == changes)]
    for count in images:
        found = chosen[chosen["images_per_class"] == f"{count}"][NUMBERS].astype(float)
        int8, fp32 = found["int8_top1"], found["fp32_top1"]
        cells = [
            f"{count}",
            f"{len(found)}",
            f"{int8.mean():.1%} ({int8.min():.1%} to {int8.max():.1%})",
            f"{fp32.mean():.1%}",
            f"{int(found['bytes'].iloc[0]):,}",
            f"{int(found['arena_bytes'].iloc[0]):,}",
            f"{found['train_seconds'].mean() / 60:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    command.run("few_pictures", main)
