"""Measures what the models get right on the test split, and whether the budgets are met.

In: models/model_fp32.tflite, models/model_int8.tflite, the test split of data/prepared, which no
other stage reads, and the metrics of the other stages.
Out: metrics/evaluate.json, metrics/confusion.csv (INT8; `dvc plots show`), metrics/plots/*.png, the
same in one page, metrics/report.html, and the model card, models/README.md.
Takes about 10 seconds on two cores.
Expect the INT8 model within half a point of the FP32 one and the same answer for 98% of images.

`python -m stages.evaluate --check` only holds the metrics files against the budgets in params.yaml:
it names each and exits with 3 if one is not met. One that could not be measured is named as such,
and passes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from spotimes.dataset.prepared import PREPARED, LabelledImages, load_card, load_split
from spotimes.errors import InputError
from spotimes.evaluation import accuracy as evaluation
from spotimes.evaluation import budgets, layer_error, metrics, statistics
from spotimes.inference.classifier import Classifier
from spotimes.params.evaluate import Evaluate
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.runtime import Runtime
from spotimes.reporting import model_card, report
from spotimes.system import atomic, command
from spotimes.system.packages import check_installed
from spotimes.tflite import activation_memory, instructions
from spotimes.tflite.tflite_file import TFLiteFile

PARAMS = ("runtime", "network", "evaluate")

FP32 = Path("models/model_fp32.tflite")
INT8 = Path("models/model_int8.tflite")
METRICS = Path("metrics/evaluate.json")
CONFUSION = Path("metrics/confusion.csv")
PLOTS = Path("metrics/plots")
MODEL_CARD = Path("models/README.md")
REPORT = Path("metrics/report.html")
BATCH = 500
LAYER_IMAGES = 200


def main() -> None:
    """Runs the stage, or the check."""
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate")
    parser.add_argument("--check", action="store_true", help="only say whether the budgets are met")
    only_check = parser.parse_args().check
    params = load_group("evaluate", Evaluate)
    if only_check:
        check(params)
    else:
        evaluate(params)


def evaluate(params: Evaluate) -> None:
    """Measures, and writes every output."""
    check_installed(load_group("runtime", Runtime))
    network = load_group("network", Network)
    prepared = metrics.load("prepare", metrics.Preparation)
    training = metrics.load("train", metrics.Training)
    history = metrics.load_history()
    size = metrics.load("quantize", metrics.Quantization)
    cost = metrics.load("benchmark", metrics.Benchmark)
    latency = metrics.load_latency()
    card, test = load_card(PREPARED), load_split("test", PREPARED)
    names = card.class_names

    fp32 = predict(FP32, test, names)
    int8 = predict(INT8, test, names)
    result = evaluation.compare(fp32, int8, test.labels, names, params.calibration_bins)
    judged = judge(params, size, cost.int8, result)
    result = result.model_copy(update={"budgets": judged})

    predicted = int8.argmax(axis=1)
    table = {"actual": np.take(names, test.labels), "predicted": np.take(names, predicted)}
    confusion = statistics.confusion_matrix(predicted, test.labels, len(names))
    layers = layer_error.layer_names(network, *test.images.shape[1:3])
    needs = memory(FP32), memory(INT8)
    errors = layer_error.measure(FP32, INT8, test.images[:LAYER_IMAGES], layers)
    run = report.Run(
        history,
        size,
        cost,
        latency,
        needs,
        layers,
        result,
        confusion,
        errors,
        test,
        fp32,
        int8,
        names,
    )
    pictures = report.sections(run)
    for picture in pictures:
        picture.draw(PLOTS / f"{picture.name}.png")
    about = f"{card.name}, {len(test.labels):,} test images; measured on {cost.host.get('cpu')}."
    page = report.render(
        "Spotimes: what a run gave", about, report.figures(size, cost, result), pictures, PLOTS
    )
    atomic.write_text(REPORT, page)
    atomic.write_text(CONFUSION, pd.DataFrame(table).to_csv(index=False))
    text = model_card.render(
        network, test.images.shape[1:], card, prepared.images, training, size, result
    )
    atomic.write_text(MODEL_CARD, text)
    atomic.write_json(METRICS, result.model_dump(exclude_defaults=True))
    print(f"top-1 FP32 {result.fp32.top1:.2%}, INT8 {result.int8.top1:.2%}")
    tell(judged)


def predict(path: Path, test: LabelledImages, names: list[str]) -> npt.NDArray[np.float32]:
    """The model's probabilities, float32, shape (images, classes)."""
    model = Classifier(path)
    if model.classes != len(names):
        raise InputError(f"{path}: tells {model.classes} classes apart, the data has {len(names)}")
    starts = tqdm(range(0, len(test.labels), BATCH), desc=path.name, unit="image", unit_scale=BATCH)
    return np.concatenate([model.probabilities(test.images[i : i + BATCH]) for i in starts])


def memory(path: Path) -> list[activation_memory.Need]:
    """What each of a model's operators needs in RAM."""
    return activation_memory.by_operator(TFLiteFile(path.read_bytes()))


def judge(
    params: Evaluate,
    size: metrics.Quantization,
    cost: metrics.ModelCost,
    result: metrics.Evaluation,
) -> dict[str, metrics.Verdict]:
    """How the INT8 model's size, cost and accuracy stand to the budgets."""
    limits, arena_note = params.budgets, size.int8.arena_note
    counted = instructions.Instructions(None, None)
    if limits.instructions is not None:  # which takes seconds to count
        counted = instructions.measure(INT8)
    measured = {
        "bytes": size.int8.bytes.file,
        "arena_bytes": size.int8.arena_bytes,
        "macs": size.macs,
        "instructions": counted.number,
        "peak_rss_bytes": cost.peak_rss_bytes,
        "median_ms": cost.median_ms,
        "top1": result.int8.top1,
        "worst_class": min(result.int8.class_top1.values()),
        "top1_loss": result.top1_loss,
    }
    notes = {"arena_bytes": arena_note, "instructions": counted.note}
    reasons = {name: note for name, note in notes.items() if note is not None}
    return budgets.verdicts(limits, measured, reasons, {"median_ms": cost.median_low_ms})


def check(params: Evaluate) -> None:
    """Holds what the stages measured to the budgets as they are now; exits 3 if one is broken."""
    judged = judge(
        params,
        metrics.load("quantize", metrics.Quantization),
        metrics.load("benchmark", metrics.Benchmark).int8,
        metrics.load("evaluate", metrics.Evaluation),
    )
    tell(judged)
    if any(verdict.met is False for verdict in judged.values()):
        sys.exit(budgets.BROKEN)


def tell(judged: dict[str, metrics.Verdict]) -> None:
    """Prints how each budget stands."""
    for name, verdict in judged.items():
        print(budgets.sentence(name, verdict))


if __name__ == "__main__":
    command.run("evaluate", main)
