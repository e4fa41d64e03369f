"""Prints the most probable classes of pictures, .npy tensors or folders of them.

Prints one line for each input, in their order. Inputs that cannot be read are reported on standard
error and the others are classified; the exit status is then 1. What a folder holds that is not
meant as data is reported there, too.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable

from app import inputs
from spotimes.errors import InputError
from spotimes.inference.classifier import Classifier, Prediction

FEWEST_FOR_PROGRESS = 20
CLEARED = "\r\x1b[K"  # the terminal's line
SHOWN = 5  # names of what is ignored


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
    """Classifies all inputs and prints the answers.

    Raises:
        InputError: the model cannot be used, or `--top` is not allowed.
        SystemExit: with status 1 if an input could not be read.
    """
    classifier = Classifier(arguments.model, arguments.threads)
    if not 1 <= arguments.top <= classifier.classes:
        raise InputError(f"--top: {arguments.top} is not allowed; give 1 to {classifier.classes}")
    items, ignored = inputs.found(arguments.paths, classifier.contract)
    for folder, names in ignored.items():
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        _report(f"{folder}: ignored, as not meant as data: {', '.join(names[:SHOWN])}{more}")
    write = _writer(arguments)
    # Progress is shown on the terminal, unless the answers go there too.
    counted = len(items) >= FEWEST_FOR_PROGRESS and not sys.stdout.isatty() and sys.stderr.isatty()
    unread = 0
    for done, item in enumerate(items):
        if counted:
            _print_count(done, len(items))
        try:
            image = item.load()
        except InputError as error:
            _report(str(error), CLEARED if counted else "")
            write(item.name, str(error))
            unread += 1
            continue
        (predictions,) = classifier.predict(image[None], arguments.top)
        write(item.name, predictions)
    if counted:
        _print_count(len(items), len(items))
        print(file=sys.stderr)
    if unread:
        sys.exit(1)


def _report(message: str, cleared: str = "") -> None:
    print(f"{cleared}predict: {' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def _writer(arguments: argparse.Namespace) -> Callable[[str, list[Prediction] | str], None]:
    """The function that writes an input's name with its predictions, or with the error."""
    if arguments.json:
        return _write_json
    if arguments.csv:
        return _csv_writer(arguments.top)
    return _write_text


def _csv_writer(top: int) -> Callable[[str, list[Prediction] | str], None]:
    table = csv.writer(sys.stdout, lineterminator="\n")
    ranks = ("", *(f"_{rank}" for rank in range(2, top + 1)))
    columns = [column + rank for rank in ranks for column in ("label", "probability")]
    table.writerow(["input", *columns])

    def write(name: str, found: list[Prediction] | str) -> None:
        cells = [""] * len(columns)
        if not isinstance(found, str):
            cells = [cell for each in found for cell in (each.label, f"{each.probability:.6g}")]
        table.writerow([name, *cells])

    return write


def _write_text(name: str, found: list[Prediction] | str) -> None:
    if not isinstance(found, str):  # the error is on standard error
        print(f"{name}: " + ", ".join(f"{each.label} {each.probability:.1%}" for each in found))


def _write_json(name: str, found: list[Prediction] | str) -> None:
    if isinstance(found, str):
        print(json.dumps({"input": name, "error": found}), flush=True)
    else:
        print(json.dumps({"input": name, "predictions": [each._asdict() for each in found]}))


def _print_count(done: int, total: int) -> None:
    print(f"\r{done:,} of {total:,}", end="", file=sys.stderr, flush=True)
