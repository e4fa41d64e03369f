"""Prints the likeliest classes of pictures, .npy tensors or folders of them.

A line an input, in their order. What cannot be read is told on standard error, the rest is done,
and the status is 1 in the end.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable

from app import inputs
from spotimes.classifier import Classifier, Prediction
from spotimes.errors import InputError

FEWEST_FOR_PROGRESS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` reads."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a .npy tensor, a folder of them, or - for standard input",
    )
    parser.add_argument("--top", type=int, default=1, metavar="K", help="how many classes (1)")
    layouts = parser.add_mutually_exclusive_group()
    layouts.add_argument("--json", action="store_true", help="print a JSON object a line")
    layouts.add_argument("--csv", action="store_true", help="print comma-separated values")


def run(arguments: argparse.Namespace) -> None:
    """Classifies everything.

    Raises:
        InputError: the model cannot be used, or `--top` is not allowed.
        SystemExit: with status 1 if an input could not be read.
    """
    classifier = Classifier(arguments.model, arguments.threads)
    if not 1 <= arguments.top <= classifier.classes:
        raise InputError(f"--top: {arguments.top} is not allowed; give 1 to {classifier.classes}")
    items = inputs.found(arguments.paths, classifier.contract)
    write = _writer(arguments)
    unread = 0
    for done, item in enumerate(items):
        _progress(done, len(items))
        try:
            (predictions,) = classifier.predict(item.load()[None], arguments.top)
        except InputError as error:
            print(f"predict: {error}", file=sys.stderr, flush=True)
            if arguments.json:
                print(json.dumps({"input": item.name, "error": str(error)}), flush=True)
            unread += 1
        else:
            write(item.name, predictions)
    _progress(len(items), len(items))
    if unread:
        sys.exit(1)


def _writer(arguments: argparse.Namespace) -> Callable[[str, list[Prediction]], None]:
    if arguments.json:
        return _write_json
    if arguments.csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        ranks = ("", *(f"_{rank}" for rank in range(2, arguments.top + 1)))
        table.writerow(
            ["input", *(column + rank for rank in ranks for column in ("label", "probability"))]
        )
        return lambda name, predictions: table.writerow(
            [
                name,
                *(cell for each in predictions for cell in (each.label, f"{each.probability:.6g}")),
            ]
        )
    return _write_text


def _write_text(name: str, predictions: list[Prediction]) -> None:
    answers = ", ".join(f"{each.label} {each.probability:.1%}" for each in predictions)
    print(f"{name}: {answers}")


def _write_json(name: str, predictions: list[Prediction]) -> None:
    print(json.dumps({"input": name, "predictions": [each._asdict() for each in predictions]}))


def _progress(done: int, total: int) -> None:
    """Counts on the terminal, unless the answers go there too."""
    if total < FEWEST_FOR_PROGRESS or sys.stdout.isatty() or not sys.stderr.isatty():
        return
    end = "\n" if done == total else ""
    print(f"\r{done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
